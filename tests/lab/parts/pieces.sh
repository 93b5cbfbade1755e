# shellcheck shell=bash
# Pieces: what the lab is made of, each kept in the cache under a key that is the hash of everything it is made from.
# pieces/order lists them; pieces/NAME.sh says what a piece is made from, how long that takes, and how.

declare -A piece_folders=() piece_seconds=()
piece_names=()

# read_pieces fills in where each piece is kept. A piece may only need pieces that are listed before it.
read_pieces() {
  local name
  mapfile -t piece_names < <(grep -v '^#' "$lab/pieces/order")
  for name in "${piece_names[@]}"; do
    local seconds="" inputs=() needs=()
    # shellcheck source=/dev/null
    . "$lab/pieces/$name.sh"
    piece_seconds[$name]=$seconds
    piece_folders[$name]=$cache/pieces/$name-$(piece_key "$name" "${inputs[@]}" -- "${needs[@]}")
  done
}

# piece_key NAME INPUT… -- NEED…: sixteen hex digits
piece_key() {
  local name=$1 paths=("pieces/$1.sh" parts/versions.sh)
  shift
  while [ "$1" != -- ]; do
    [ -e "$lab/$1" ] || fail "piece $name is made from $lab/$1, which is missing"
    paths+=("$1")
    shift
  done
  shift
  {
    for need in "$@"; do
      [ -n "${piece_folders[$need]:-}" ] || fail "piece $name needs $need, which is not listed before it in pieces/order"
      basename "${piece_folders[$need]}"
    done
    cd "$lab" || exit
    # of the mode only what git keeps: the rest is the umask of whoever checked it out
    find "${paths[@]}" -type f ! -name '*.md' ! -name '*_test.go' -perm -u+x -printf '%p\n' | LC_ALL=C sort
    find "${paths[@]}" -type f ! -name '*.md' ! -name '*_test.go' -print0 | LC_ALL=C sort --zero-terminated | xargs --null sha256sum
  } | sha256sum | cut -c 1-16
}

missing_pieces() {
  local name
  for name in "${piece_names[@]}"; do
    [ -d "${piece_folders[$name]}" ] || echo "$name"
  done
}

build_pieces() {
  local missing=() name number=0 began=$SECONDS expected=0
  mapfile -t missing < <(missing_pieces)
  [ ${#missing[@]} -gt 0 ] || return 0
  ensure_root
  ensure_build_packages
  for name in "${missing[@]}"; do expected=$((expected + piece_seconds[$name])); done
  say "${#missing[@]} of ${#piece_names[@]} pieces are to be made, about $(duration "$expected") on two cores"

  # whatever lies here was interrupted
  rm -rf --one-file-system "$cache/work"
  mkdir -p "$cache/work" "$cache/pieces" "$cache/logs"
  for name in "${piece_names[@]}"; do echo "$name ${piece_folders[$name]}"; done > "$cache/work/folders"

  for name in "${piece_names[@]}"; do
    number=$((number + 1))
    [ ! -d "${piece_folders[$name]}" ] || continue
    build_piece "$name" "$number" "$began" "$expected"
    expected=$((expected - piece_seconds[$name]))
  done
  rm -rf --one-file-system "$cache/work"
  say "all ${#piece_names[@]} pieces are made, in $(duration $((SECONDS - began)))"
}

# build_piece NAME NUMBER BEGAN EXPECTED: makes one piece in a work folder and moves it to its place when it is whole. The
# maker says on its third channel what it is doing; when it says nothing, we say that it still does it.
build_piece() {
  local name=$1 number=$2 began=$3 expected=$4
  local folder=${piece_folders[$1]} log=$cache/logs/$1.log work=$cache/work/$1
  local doing="starting" piece_began=$SECONDS doing_since=$SECONDS news maker heard status=0
  exec {news}< <(exec bash "$lab/parts/make-piece.sh" "$name" "$work" 3>&1 > "$log" 2>&1 < /dev/null)
  maker=$!
  while :; do
    heard=0
    IFS= read -r -t 10 -u "$news" line || heard=$?
    if [ "$heard" = 0 ]; then
      doing=$line doing_since=$SECONDS
    elif [ "$heard" -le 128 ]; then
      break # the maker has ended
    fi
    local left=$((expected - (SECONDS - piece_began)))
    [ "$left" -gt $((expected - piece_seconds[$name])) ] || left=$((expected - piece_seconds[$name]))
    local still=""
    [ $((SECONDS - doing_since)) -lt 5 ] || still=", for $(duration $((SECONDS - doing_since)))"
    echo "[$number/${#piece_names[@]}] $name: $doing$still (elapsed $(duration $((SECONDS - began))), about $(duration "$left") left)" >&2
  done
  exec {news}<&-
  wait "$maker" || status=$?
  if [ "$status" != 0 ]; then
    echo "the last lines of $log:" >&2
    tail -n 20 "$log" >&2
    fail "cannot make the piece $name: $doing failed (status $status); the whole log is $log" "run the same command again: pieces that are whole are kept"
  fi
  # another content of the same piece is of no more use
  find "$cache/pieces" -mindepth 1 -maxdepth 1 -name "$name-????????????????" -exec rm -rf --one-file-system {} +
  mv "$work/out" "$folder"
  rm -rf --one-file-system "$work"
}
