# shellcheck shell=bash
# The commands of the lab, one function each.

command_build() {
  take_lock
  read_pieces
  build_pieces
  # a mirror that runs serves the new content from now on
  point_mirror_at_published
}

command_up() {
  local began=$SECONDS
  take_lock
  read_pieces
  build_pieces
  ensure_packages curl=curl jq=jq
  start_engine
  start_mirror
  say "the lab is up (in $(duration $((SECONDS - began)))); use it with: eval \"\$($0 env)\""
}

command_env() {
  local gateway
  gateway=$(engine_gateway)
  if [ ! -e "$mirror_folder/pins.json" ] || [ -z "$gateway" ]; then
    fail "the lab is not up" "$0 up"
  fi
  local registry=http://127.0.0.1:$registry_port from_nodes=http://$gateway:$registry_port
  export_line PGEDGE_BOOTSTRAP_PINS "$mirror_folder/pins.json"
  export_line PGEDGE_BOOTSTRAP_MIRROR "https://127.0.0.1:$mirror_port"
  export_line PGEDGE_BOOTSTRAP_REGISTRY_MIRROR "docker.io=$registry,ghcr.io=$from_nodes,quay.io=$from_nodes"
  export_line PGEDGE_BOOTSTRAP_CA_FILE "$mirror_folder/ca.pem"
  # Always: the person's shell or docker context may lead to another engine.
  export_line DOCKER_HOST "unix://$docker_socket"
  export_line DOCKER_CONFIG "$DOCKER_CONFIG"
  echo "unset ${of_another_engine[*]}"
}

# export_line NAME VALUE: quoted for the shell only where that is needed
export_line() {
  if [[ $2 =~ ^[A-Za-z0-9_./:=,@+-]+$ ]]; then echo "export $1=$2"; else echo "export $1=${2@Q}"; fi
}

# Three servers in a root of their own, which is thrown away: no engine is needed, and no lock while they run.
command_check() {
  local folder status=0
  take_lock
  read_pieces
  build_pieces
  point_mirror_at_published
  folder=$(mktemp --directory "$cache/check.XXXXXX")
  cp --archive "${piece_folders[postgres-root]}" "$folder/root"
  rm -rf "$folder/root/dev"
  mkdir "$folder/root/dev"
  mknod --mode 666 "$folder/root/dev/null" c 1 3
  mknod --mode 666 "$folder/root/dev/urandom" c 1 9
  exec {lock}>&-
  bash "$lab/spock/test.sh" "$folder/root" "$cache/postgres-headers" || status=$?
  [ "$status" != 0 ] || rm -rf "$folder"
  return "$status"
}

# An image of the engine, with the lab's authority among those that it trusts, as a company's base image has its own.
command_dev_container() {
  local root name=lab/dev-container context
  take_lock
  read_pieces
  root=${piece_folders[dev-container]}
  if [ ! -d "$root" ] || [ ! -e "$mirror_folder/ca.pem" ]; then
    fail "the lab is not up" "$0 up"
  fi
  if ! engine image inspect "$name:${root##*-}" > /dev/null 2>&1; then
    say "importing $name"
    tar --create --directory "$root" . | engine import - "$name:${root##*-}" > /dev/null
  fi
  context=$(mktemp --directory)
  cp "$mirror_folder/ca.pem" "$context/lab.crt"
  printf '%s\n' "FROM $name:${root##*-}" "COPY lab.crt /usr/local/share/ca-certificates/" "RUN update-ca-certificates" > "$context/Dockerfile"
  engine build --quiet --tag "$name:latest" "$context" > /dev/null
  rm -rf "$context"
  echo "$name:latest"
}

command_status() {
  local missing name gateway
  read_pieces
  mapfile -t missing < <(missing_pieces)
  echo "pieces: $((${#piece_names[@]} - ${#missing[@]})) of ${#piece_names[@]} made${missing[*]:+, missing: ${missing[*]}}"
  for name in "${piece_names[@]}"; do
    [ ! -d "${piece_folders[$name]}" ] || printf '  %6s  %s\n' "$(du -sh "${piece_folders[$name]}" | cut -f 1)" "$(basename "${piece_folders[$name]}")"
  done
  if [ -e "$mirror_folder/pins.json" ]; then
    echo "versions:"
    jq --raw-output '(.tools | to_entries[] | "  \(.key) \(.value.version)"), "  kubernetes \(.node_images[0].kubernetes)",
      (.manifests | to_entries[] | "  \(.key) \(.value.version)"), (.images | to_entries[] | "  \(.value.image)")' "$mirror_folder/pins.json"
  fi
  if command -v docker > /dev/null && engine_answers > /dev/null 2>&1; then
    echo "docker engine: $(engine version --format '{{.Server.Version}}') on $docker_socket, $(engine_is_ours && echo "the lab's own" || echo "not the lab's"), $(engine ps --quiet | wc -l) containers run"
    gateway=$(engine_gateway)
  else
    echo "docker engine: none answers on $docker_socket"
  fi
  if [ -n "${gateway:-}" ] && [ ${#missing[@]} = 0 ] && mirror_is_right "$gateway"; then
    echo "mirror: https://127.0.0.1:$mirror_port, registry: http://127.0.0.1:$registry_port and http://$gateway:$registry_port"
    mirror health --root "$mirror_folder" | jq --raw-output '"  limit: \(if .bytesPerSecond == 0 then "none" else "\(.bytesPerSecond) bytes a second" end), faults: \(.faults | length)"'
  else
    echo "mirror: does not run as it should"
  fi
  echo "cache: $cache, $(du -sh "$cache" 2> /dev/null | cut -f 1), of it the engine $(du -sh "$engine_folder" 2> /dev/null | cut -f 1)"
}

command_down() {
  take_lock
  read_pieces
  if command -v docker > /dev/null && wait_until 1 engine_answers; then
    remove_test_clusters
  fi
  stop_mirror
  if engine_is_ours; then
    say "stopping the docker engine"
    stop_engine
    ip link delete docker0 2> /dev/null || true
  fi
  say "the lab is down; the cache stays: $cache"
}

# remove_test_clusters: the kind clusters that tests made, by their names, or whose network has the lab's label
remove_test_clusters() {
  local networks containers volumes
  mapfile -t networks < <({
    engine network ls --format '{{.Name}}' | grep -E '^(pgedge-bootstrap-)?(lab-|pgedge-lab)' || true
    engine network ls --filter label=pgedge-bootstrap-lab --format '{{.Name}}'
  } | sort --unique)
  mapfile -t containers < <({
    engine ps --all --format '{{.ID}} {{.Label "io.x-k8s.kind.cluster"}}' | awk '$2 ~ /^(lab-|pgedge-lab)/ {print $1}'
    for network in "${networks[@]}"; do engine ps --all --quiet --filter "network=$network"; done
  } | sort --unique)
  if [ ${#containers[@]} -gt 0 ]; then
    say "removing ${#containers[@]} containers that tests left"
    engine rm --force --volumes "${containers[@]}" > /dev/null
  fi
  if [ ${#networks[@]} -gt 0 ]; then
    engine network rm "${networks[@]}" > /dev/null
  fi
  mapfile -t volumes < <(engine volume ls --format '{{.Name}} {{.Label "com.pgedge.bootstrap.cluster"}}' | awk '$2 ~ /^(lab-|pgedge-lab)/ {print $1}')
  if [ ${#volumes[@]} -gt 0 ]; then
    engine volume rm "${volumes[@]}" > /dev/null
  fi
}

command_throttle() {
  read_pieces
  mirror throttle --root "$mirror_folder" "$@"
}

command_fault() {
  read_pieces
  mirror fault --root "$mirror_folder" "$@"
}
