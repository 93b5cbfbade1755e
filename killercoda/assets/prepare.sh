#!/bin/bash
# Prepares the machine of this scenario: brings the released pgedge-bootstrap, verified, and lets it do the rest.
# It can be run again at any time, and continues where it was.
#
# What becomes of it is told in /run/pgedge-bootstrap, whatever happens: `phase` says what it is at, `result` how it ended,
# and as long as it runs it holds `lock`, which the kernel takes back however it ends.
set -u

# scripts/killercoda-release writes these two.
url=https://github.com/pgEdge/pgedge-bootstrap/releases/download/v0.1.0/pgedge-bootstrap-x86_64-unknown-linux-musl.tar.gz
sha256=0000000000000000000000000000000000000000000000000000000000000000

state=/run/pgedge-bootstrap
program=/usr/local/bin/pgedge-bootstrap
attempts=5
folder=

# One word of what happened, whole or not at all: others read it meanwhile.
tell() {
  printf '%s\n' "$2" > "$state/$1.$$" && mv -f "$state/$1.$$" "$state/$1"
}

phase() {
  printf '%s\n' "$1"
  tell phase "$1"
}

end() {
  tell result "$1"
  printf '%s\n' "$1"
  [ "$1" = "done" ]
  exit
}

# Whether the program that is installed came out of the pinned archive.
is_here() {
  [ -x "$program" ] && [ "$(cat "$program.sha256" 2> /dev/null)" = "$sha256 $(sha256sum < "$program")" ]
}

# Brings the archive once; what went wrong is in $why.
bring() {
  local archive=$1 found status
  why=$(curl --fail --silent --show-error --location --proto =https --connect-timeout 10 \
    --speed-limit 1000 --speed-time 30 --max-time 300 --output "$archive" "$url" 2>&1 9>&-)
  status=$?
  # What curl cannot write it cannot write the next time either.
  if [ "$status" = 23 ]; then
    end "failed: no space is left for $url in ${archive%/*}: $why"
  fi
  if [ "$status" != 0 ]; then
    why=${why:-"curl was ended, status $status"}
    return 1
  fi
  found=$(sha256sum < "$archive")
  if [ "${found%% *}" != "$sha256" ]; then
    why="checksum mismatch: $url has ${found%% *}, expected $sha256; nothing of it was run"
    return 1
  fi
}

# Puts the program into its place when it is there whole.
place() {
  local folder=$1
  why=$( {
    tar -xzf "$folder/archive" -C "$folder" pgedge-bootstrap &&
      chmod 755 "$folder/pgedge-bootstrap" &&
      "$folder/pgedge-bootstrap" --version > /dev/null &&
      mv -f "$folder/pgedge-bootstrap" "$program" &&
      printf '%s' "$sha256 $(sha256sum < "$program")" > "$program.sha256"
  } 2>&1)
}

install_program() {
  local attempt pause=1
  if ! folder=$(mktemp -d "${program%/*}/.pgedge-bootstrap.XXXXXX" 2>&1); then
    end "failed: $folder"
  fi
  # Whatever ends this script, but for kill -9.
  trap 'rm -rf "$folder"' EXIT
  for ((attempt = 1; attempt <= attempts; attempt++)); do
    phase "downloading pgedge-bootstrap, attempt $attempt of $attempts"
    if bring "$folder/archive" && place "$folder"; then
      return
    fi
    if ((attempt < attempts)); then
      phase "trying again in $pause s: $why"
      sleep "$pause" 9>&-
      pause=$((pause * 3))
    fi
  done
  end "failed: $why"
}

main() {
  export HOME=${HOME:-/root}
  mkdir -p "$state"
  exec 9> "$state/lock"
  if ! flock --exclusive --wait 2 9; then
    echo "the preparation is already running; this shows it: pgedge-bootstrap wait"
    exit 0
  fi
  rm -f "$state/result"
  phase "beginning"
  is_here || install_program
  phase "running"
  "$program" --killercoda 9>&-
  local status=$?
  if [ "$status" = 0 ]; then
    end "done"
  fi
  end "failed: pgedge-bootstrap --killercoda ended with status $status"
}

main
