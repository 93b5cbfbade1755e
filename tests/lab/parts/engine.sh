# shellcheck shell=bash
# The docker engine. One that already answers is used as it is; else Debian's is started, with everything it keeps in the
# lab's cache, on the socket where everybody looks for it.

engine_run=${PGEDGE_LAB_ENGINE_RUN:-/run/pgedge-bootstrap-lab}
engine_pid=$engine_folder/dockerd.pid

# What would turn docker's command line away from the engine of the lab, or change how it speaks to it.
of_another_engine=(DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION DOCKER_DEFAULT_PLATFORM)
unset DOCKER_HOST "${of_another_engine[@]}"
# Nor does the person's own configuration count: a store of passwords that it names may not be here, and nothing is to be logged into.
export DOCKER_CONFIG=$engine_folder/config
mkdir -p "$DOCKER_CONFIG"

engine() { docker --host "unix://$docker_socket" "$@"; }
engine_answers() { timeout 10 docker --host "unix://$docker_socket" version; }
our_engine=(dockerd --data-root "$engine_folder/data")
engine_is_ours() { [ -n "$(our_processes "${our_engine[@]}")" ]; }

start_engine() {
  if command -v docker > /dev/null && wait_until 1 engine_answers; then
    return
  fi
  ensure_root
  ensure_packages dockerd=docker.io docker=docker.io containerd=containerd runc=runc iptables=iptables modprobe=kmod jq=jq ip=iproute2
  stop_engine # ours may live and not answer
  mkdir -p "$engine_folder/data" "$engine_run"
  # left by an engine that was killed; the number in it may belong to somebody else
  rm -f "$engine_pid" "$docker_socket"

  local options=("${our_engine[@]:1}" --host "unix://$docker_socket" --exec-root "$engine_run" --pidfile "$engine_pid")
  if ! has_sys_resource; then
    say "this machine lacks CAP_SYS_RESOURCE; containers are started without it"
    # a copy: the engine outlives this checkout
    install -m 755 "$lab/runtime/oci-runtime" "$engine_folder/oci-runtime"
    options+=(--add-runtime "lab=$engine_folder/oci-runtime" --default-runtime lab)
  fi
  say "starting the docker engine"
  PATH=$PATH:/usr/sbin:/sbin without_lock setsid --fork dockerd "${options[@]}" > "$engine_folder/dockerd.log" 2>&1 < /dev/null
  if ! wait_until 60 engine_answers_or_died || ! engine_answers > /dev/null 2>&1; then
    tail -n 20 "$engine_folder/dockerd.log" >&2
    fail "the docker engine did not start; its log is $engine_folder/dockerd.log"
  fi
}

engine_answers_or_died() { engine_answers || ! engine_is_ours; }

# has_sys_resource: capability 24, looked up in the set that bounds every process we start
has_sys_resource() {
  local bounding
  bounding=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
  (((16#$bounding >> 24) & 1))
}

# stop_engine stops only an engine that we started
stop_engine() {
  stop_processes 30 "${our_engine[@]}"
  # the engine's own containerd outlives an engine that was killed
  stop_processes 10 containerd --config "$engine_run/containerd/containerd.toml"
  rm -f "$engine_pid" "$engine_run/containerd/containerd.pid"
  # what it mounts for itself and for its containers stays mounted
  local mounted
  while IFS= read -r mounted; do
    umount "$mounted" || umount --lazy "$mounted"
  done < <(awk -v data="$engine_folder/data" -v run="$engine_run/" '$2 == data || index($2, data "/") == 1 || index($2, run) == 1 {print $2}' /proc/self/mounts | tac)
}

# engine_gateway: the address of this machine that every container can reach
engine_gateway() {
  engine network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}' 2> /dev/null | grep -E '^[0-9.]+$' ||
    ip -4 -o address show dev docker0 | awk '{split($4, part, "/"); print part[1]; exit}'
}
