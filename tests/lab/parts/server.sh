# shellcheck shell=bash
# The mirror and registry: one process.

our_mirror=(mirror serve --root "$mirror_folder")

mirror() { "${piece_folders[mirror]}/mirror" "$@"; }

# mirror_is_right GATEWAY: the process that runs is of this build, listens where it should, and answers
mirror_is_right() {
  local number
  number=$(our_processes "${our_mirror[@]}")
  [ -n "$number" ] && [ "$(readlink "/proc/$number/exe")" = "${piece_folders[mirror]}/mirror" ] || return 1
  timeout 5 "${piece_folders[mirror]}/mirror" health --root "$mirror_folder" 2> /dev/null |
    jq --exit-status --arg gateway "$1" --arg files "$mirror_port" --arg registry "$registry_port" \
      '.files == (["127.0.0.1", $gateway] | map(. + ":" + $files)) and .registry == (["127.0.0.1", $gateway] | map(. + ":" + $registry))' > /dev/null || return 1
  curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$registry_port/v2/" &&
    curl --silent --fail --max-time 5 --output /dev/null "http://$1:$registry_port/v2/"
}

# point_mirror_at_published: what is served is what was published last
point_mirror_at_published() {
  local name
  mkdir -p "$mirror_folder"
  for name in files registry pins.json; do
    ln -sfn "../pieces/$(basename "${piece_folders[published]}")/$name" "$mirror_folder/$name.new"
    mv -fT "$mirror_folder/$name.new" "$mirror_folder/$name"
  done
}

start_mirror() {
  local gateway log=$mirror_folder/mirror.log
  gateway=$(engine_gateway)
  [ -n "$gateway" ] || fail "docker's default bridge has no address that containers could reach" "docker network inspect bridge"
  point_mirror_at_published
  ! mirror_is_right "$gateway" || return 0
  stop_mirror
  say "starting the mirror"
  without_lock setsid --fork "${piece_folders[mirror]}/${our_mirror[0]}" "${our_mirror[@]:1}" --files "127.0.0.1:$mirror_port,$gateway:$mirror_port" \
    --registry "127.0.0.1:$registry_port,$gateway:$registry_port" > "$log" 2>&1 < /dev/null
  if ! wait_until 20 mirror_is_right "$gateway"; then
    tail -n 20 "$log" >&2
    fail "the mirror did not answer within 20 seconds; its log is $log" "other ports: PGEDGE_LAB_MIRROR_PORT, PGEDGE_LAB_REGISTRY_PORT"
  fi
}

stop_mirror() {
  stop_processes 10 "${our_mirror[@]}"
}
