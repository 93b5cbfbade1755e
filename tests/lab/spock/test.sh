#!/bin/bash
# test.sh ROOTFS WORKDIR: install the stand-in into a throw-away PostgreSQL 17 root
# and check it with real servers: three nodes in a mesh, later a fourth.
# The servers listen on free loopback ports behind SPOCK_TEST_PORT (default 27431) and
# live in a folder of the root's /tmp that is removed at the end.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -eq 2 ] || { echo "usage: test.sh ROOTFS WORKDIR" >&2; exit 2; }
root=$(realpath -e "$1")
"$here/install.sh" "$root" "$2"

# four_ports FIRST: FIRST, or the next one after which four are free
four_ports() {
  local first=$1 last=$(($1 + 200)) port
  while [ "$first" -lt "$last" ]; do
    for port in $((first + 1)) $((first + 2)) $((first + 3)) $((first + 4)); do
      # who answers has it
      if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then first=$port && continue 2; fi
    done
    echo "$first"
    return
  done
  echo "no four ports are free from $1 to $last; another place: SPOCK_TEST_PORT" >&2
  return 1
}
first_port=$(four_ports "${SPOCK_TEST_PORT:-27431}")
readonly first_port
readonly patience=20            # seconds that anything may take to arrive
home=$(mktemp -d "$root/tmp/spock-test.XXXXXX")
inside=${home#"$root"}          # the same folder as the servers see it
chown 26:26 "$home"
failures=0

in_root() { chroot --userspec=26:26 "$root" env PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin LANG=C.UTF-8 "$@"; }
# the servers run as the user postgres, like CloudNativePG's
start() { in_root pg_ctl -w -s -D "$inside/n$1" -l "$inside/n$1.log" start >/dev/null; }
stop() { in_root pg_ctl -w -s -D "$inside/n$1" -m "${2:-fast}" stop >/dev/null 2>&1 || true; }

# run NODE ROLE SQL...: each statement string in a transaction of its own, as psql -c does
run() {
  local node=$1 role=$2 arguments=() sql output status=0
  shift 2
  for sql in "$@"; do arguments+=(-c "$sql"); done
  output=$(in_root psql -X -q -t -A -v ON_ERROR_STOP=1 -h "$inside" -p $((first_port + node)) -U "$role" -d app "${arguments[@]}" 2>&1) || status=$?
  [ $status -eq 0 ] || printf 'n%s, %s: %s\n%s\n' "$node" "$role" "$*" "$output" >"$home/last-error"
  printf '%s\n' "$output"
  return $status
}
app() { local node=$1; shift; run "$node" app "$@"; }
admin() { local node=$1; shift; run "$node" admin "$@"; }

clean_up() {
  local node
  for node in 1 2 3 4; do [ ! -e "$home/n$node" ] || stop "$node" immediate; done
  if [ "$1" -eq 0 ]; then
    rm -rf "$home"
  else
    [ "$failures" -gt 0 ] || { echo "stopped by an error, the last one was:"; cat "$home/last-error" || true; }
    echo "the servers' logs stay in $home"
  fi
}
trap 'clean_up $?' EXIT

ok() { printf 'ok    %s\n' "$1"; }
bad() {
  failures=$((failures + 1))
  printf 'FAIL  %s\n' "$1"
  printf '%s\n' "${@:2}" | sed 's/^/      /'
}
same() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "expected: $2" "got: $3"; fi; }
contains() { case $3 in *"$2"*) ok "$1" ;; *) bad "$1" "expected to contain: $2" "got: $3" ;; esac; }

# arrives DESCRIPTION EXPECTED SQL NODE...: the answer is soon the expected one on each node
arrives() {
  local what=$1 expected=$2 sql=$3 node answer deadline=$((SECONDS + patience))
  shift 3
  for node in "$@"; do
    while answer=$(admin "$node" "$sql" || true); [ "$answer" != "$expected" ]; do
      if [ $SECONDS -ge $deadline ]; then
        bad "$what (n$node)" "expected: $expected" "got: $answer" "$(admin "$node" 'select error_message, ddl_statement from spock.exception_log' || true)"
        return
      fi
      sleep 0.05   # between two questions to the server, never instead of one
    done
  done
  ok "$what"
}

dsn() { printf 'host=127.0.0.1 port=%s dbname=app user=pgedge' $((first_port + $1)); }

create_server() {
  local node=$1
  in_root initdb -D "$inside/n$node" -U postgres --no-sync --locale=C --encoding=UTF8 -A trust >/dev/null
  cat >>"$home/n$node/postgresql.conf" <<CONF
port = $((first_port + node))
listen_addresses = '127.0.0.1'
unix_socket_directories = '$inside'
dynamic_shared_memory_type = mmap
shared_buffers = 32MB
fsync = off
shared_preload_libraries = 'pg_stat_statements, snowflake, spock'
wal_level = logical
track_commit_timestamp = on
max_worker_processes = 32
max_replication_slots = 32
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
timezone = '$([ "$node" = 2 ] && echo Asia/Tokyo || echo UTC)'
snowflake.node = $node
spock.enable_ddl_replication = on
spock.include_ddl_repset = on
spock.allow_ddl_from_functions = on
spock.conflict_resolution = last_update_wins
spock.save_resolutions = on
CONF
  start "$node"
  in_root psql -X -q -h "$inside" -p $((first_port + node)) -U postgres -d postgres \
    -c 'CREATE ROLE admin LOGIN SUPERUSER' -c 'CREATE ROLE app LOGIN' -c 'CREATE ROLE pgedge LOGIN SUPERUSER REPLICATION' -c 'CREATE DATABASE app OWNER app'
  admin "$node" 'CREATE EXTENSION spock' "SELECT spock.node_create('n$node', '$(dsn "$node")')" >/dev/null
}

subscribe() { admin "$2" "SELECT spock.sub_create('sub_n$1_n$2', '$(dsn "$1")'${3:-})" >/dev/null; }

for part in "$here"/test.d/*.sh; do
  printf -- '--    %s\n' "$(basename "$part" .sh)"
  # shellcheck source=/dev/null
  . "$part"
done
if [ "$failures" -gt 0 ]; then
  printf '%s checks failed\n' "$failures"
  exit 1
fi
echo "all checks passed"
