# shellcheck shell=bash
# What every part of the lab shares: where things are, how it speaks, how it waits.

cache=${PGEDGE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pgedge-bootstrap-lab}
mirror_folder=$cache/mirror
engine_folder=$cache/engine
docker_socket=${PGEDGE_LAB_DOCKER_SOCKET:-/var/run/docker.sock}
# Where the mirror was started last: the usual ports, or the next ones that were free.
ports_file=$mirror_folder/ports
mirror_port=18443 registry_port=15000
if [[ -f $ports_file && $(< "$ports_file") =~ ^([0-9]+)\ ([0-9]+)$ ]]; then mirror_port=${BASH_REMATCH[1]} registry_port=${BASH_REMATCH[2]}; fi
mirror_port=${PGEDGE_LAB_MIRROR_PORT:-$mirror_port}
registry_port=${PGEDGE_LAB_REGISTRY_PORT:-$registry_port}
export cache

say() { echo "lab: $*" >&2; }

# fail MESSAGE [HINT]
fail() {
  echo "error: $1" >&2
  [ -z "${2:-}" ] || echo "hint: $2" >&2
  exit 1
}

# wait_until SECONDS COMMAND…: true as soon as the command is; false when the time is over. For what gives no other sign.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# take_lock: one build, start or stop at a time. Whatever keeps running afterwards must be started with without_lock.
take_lock() {
  mkdir -p "$cache"
  exec {lock}> "$cache/lock"
  flock --nonblock "$lock" && return
  say "another lab command is running; waiting for it, half an hour at most"
  flock --wait 1800 "$lock" || fail "another lab command has held $cache/lock for half an hour" "see who: fuser -v $cache/lock"
}

without_lock() { "$@" {lock}>&-; }

# our_processes PROGRAM WORD…: the numbers of the processes that run PROGRAM with these words one after the other on their
# command line. Asked of the machine itself: a file with a number in it may be lost, or name somebody else by now.
our_processes() {
  local program=$1 words folder running
  shift
  words=$(printf '%s\n' "$@")
  for folder in /proc/[0-9]*; do
    running=$(readlink "$folder/exe" 2> /dev/null) || continue
    running=${running% (deleted)} # its file may have been replaced since
    [ "${running##*/}" = "$program" ] || continue
    [[ $'\n'$(tr '\0' '\n' < "$folder/cmdline" 2> /dev/null)$'\n' != *$'\n'"$words"$'\n'* ]] || echo "${folder#/proc/}"
  done
}

# stop_processes SECONDS PROGRAM WORD…: asks them, waits, insists.
stop_processes() {
  local seconds=$1 number
  shift
  for number in $(our_processes "$@"); do
    kill "$number" 2> /dev/null || continue
    if ! timeout "$seconds" tail --pid="$number" --follow /dev/null; then
      kill -KILL "$number" 2> /dev/null || true
      timeout 10 tail --pid="$number" --follow /dev/null || fail "process $number ($1) cannot be stopped"
    fi
  done
}

# duration SECONDS: 45s, 2m10s
duration() {
  if [ "$1" -lt 60 ]; then echo "$1s"; else printf '%dm%02ds\n' $(($1 / 60)) $(($1 % 60)); fi
}
