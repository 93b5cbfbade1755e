#!/usr/bin/env bash
# make-piece.sh NAME WORK: makes one piece in WORK/out, with the words that pieces/NAME.sh is written in.
set -euo pipefail
# shellcheck source=versions.sh
. "$lab/parts/versions.sh"

name=$1
work=$2
out=$work/out
mkdir -p "$out"

# step TEXT: what is being done now
step() {
  echo "== $*"
  echo "$name doing $*" >&3
}

# piece NAME: the folder of a piece that was made before
piece() {
  local folder
  folder=$(sed -n "s#^$1 ##p" "$cache/work/folders")
  [ -n "$folder" ] || { echo "no such piece: $1" >&2; return 1; }
  echo "$folder"
}

for words in go image debian; do
  # shellcheck source=/dev/null
  . "$lab/parts/words/$words.sh"
done
# shellcheck source=/dev/null
. "$lab/pieces/$name.sh"
make_piece
