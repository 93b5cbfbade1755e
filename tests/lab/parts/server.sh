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

# start_mirror: where it ran before, else on the usual ports. A port that somebody else has is passed over, unless the person asked for it.
start_mirror() {
  local gateway log=$mirror_folder/mirror.log taken attempts=0
  gateway=$(engine_gateway)
  [ -n "$gateway" ] || fail "docker's default bridge has no address that containers could reach" "docker network inspect bridge"
  point_mirror_at_published
  ! mirror_is_right "$gateway" || return 0
  stop_mirror
  say "starting the mirror"
  until [ "$((attempts++))" = 100 ]; do
    without_lock setsid --fork "${piece_folders[mirror]}/${our_mirror[0]}" "${our_mirror[@]:1}" --files "127.0.0.1:$mirror_port,$gateway:$mirror_port" \
      --registry "127.0.0.1:$registry_port,$gateway:$registry_port" > "$log" 2>&1 < /dev/null
    wait_until 20 mirror_is_right_or_cannot "$gateway" "$log" || true
    if mirror_is_right "$gateway"; then
      echo "$mirror_port $registry_port" > "$ports_file"
      return
    fi
    taken=$(taken_port "$log")
    case $taken in
      "$mirror_port") mirror_port=$(port_after "$taken" "${PGEDGE_LAB_MIRROR_PORT:-}" PGEDGE_LAB_MIRROR_PORT) ;;
      "$registry_port") registry_port=$(port_after "$taken" "${PGEDGE_LAB_REGISTRY_PORT:-}" PGEDGE_LAB_REGISTRY_PORT) ;;
      *)
        tail -n 20 "$log" >&2
        fail "the mirror did not answer within 20 seconds; its log is $log" "other ports: PGEDGE_LAB_MIRROR_PORT, PGEDGE_LAB_REGISTRY_PORT"
        ;;
    esac
  done
  fail "a hundred ports are taken, the last one was $taken" "choose others: PGEDGE_LAB_MIRROR_PORT, PGEDGE_LAB_REGISTRY_PORT"
}

mirror_is_right_or_cannot() { [ -n "$(taken_port "$2")" ] || mirror_is_right "$1"; }

# taken_port LOG: the port that the mirror ended over, because somebody else listens there
taken_port() { sed -n 's/^error: .*: listen tcp [0-9.]*:\([0-9]*\): bind: address already in use$/\1/p' "$1"; }

# port_after PORT ASKED VARIABLE: the next one to try
port_after() {
  local holder
  holder=$(holder_of_port "$1")
  [ -z "$2" ] || fail "port $1 is taken${holder:+ by $holder}" "end that, or choose another port: $3"
  say "port $1 is taken${holder:+ by $holder}; trying $(($1 + 1))"
  echo $(($1 + 1))
}

# holder_of_port PORT: who listens there, as far as this machine tells
holder_of_port() { ss --no-header --listening --tcp --numeric --processes "sport = :$1" 2> /dev/null | sed -n 's/.*users:((\("[^"]*"\),pid=\([0-9]*\).*/\1, process \2/p' | sed -n 1p; }

stop_mirror() {
  stop_processes 10 "${our_mirror[@]}"
}
