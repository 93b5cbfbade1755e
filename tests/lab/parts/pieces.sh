# shellcheck shell=bash
# Pieces: what the lab is made of, each kept in the cache under a key that is the hash of everything it is made from.
# pieces/order lists them; pieces/NAME.sh says what a piece is made from, how much of the whole time on two cores it takes, and how.

# So many are made at a time: while one is linked or unpacked, which takes one core, another is compiled.
lanes=2

declare -A piece_folders=() piece_seconds=() piece_needs=()
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
    piece_needs[$name]=${needs[*]}
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

# build_pieces: makes those that are missing, each as soon as all that it needs is there. A maker says on its third channel what
# it is doing; when none says anything, we say that they still do it.
build_pieces() {
  local missing=() words=() name began=$SECONDS expected=0
  local -A makers=() doing=() doing_since=() piece_began=()
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
  mkfifo "$cache/work/news"
  exec {news}<> "$cache/work/news"
  trap 'end_makers "${makers[@]}"' EXIT

  start_makers
  while [ ${#makers[@]} -gt 0 ]; do
    if read -r -t 10 -u "$news" -a words; then
      hear "${words[@]}"
    else
      for name in "${!makers[@]}"; do
        kill -0 "${makers[$name]}" 2> /dev/null || lament "$name" "without a word"
        tell "$name"
      done
    fi
    start_makers
  done
  trap - EXIT
  exec {news}>&-
  rm -rf --one-file-system "$cache/work"
  say "all ${#piece_names[@]} pieces are made, in $(duration $((SECONDS - began)))"
}

# start_makers: as many as there is room for, of those whose needs are there. In groups of their own, to be ended with all that
# they have started.
start_makers() {
  local name
  for name in $(missing_pieces); do
    [ ${#makers[@]} -lt "$lanes" ] || return 0
    if [ -n "${makers[$name]:-}" ] || ! needs_are_there "$name"; then continue; fi
    doing[$name]="starting" doing_since[$name]=$SECONDS piece_began[$name]=$SECONDS
    set -m
    {
      status=0
      bash "$lab/parts/make-piece.sh" "$name" "$cache/work/$name" 3>&"$news" > "$cache/logs/$name.log" 2>&1 < /dev/null || status=$?
      echo "$name ended $status" >&"$news"
    } &
    set +m
    makers[$name]=$!
  done
}

needs_are_there() {
  local need
  for need in ${piece_needs[$1]}; do [ -d "${piece_folders[$need]}" ] || return 1; done
}

# hear NAME doing WHAT | NAME ended STATUS
hear() {
  local name=$1 what=$2
  shift 2
  if [ "$what" = doing ]; then
    doing[$name]=$* doing_since[$name]=$SECONDS
    tell "$name"
    return
  fi
  [ "$1" = 0 ] || lament "$name" "status $1"
  # another content of the same piece is of no more use
  find "$cache/pieces" -mindepth 1 -maxdepth 1 -name "$name-????????????????" -exec rm -rf --one-file-system {} +
  mv "$cache/work/$name/out" "${piece_folders[$name]}"
  rm -rf --one-file-system "${cache:?}/work/$name"
  unset "makers[$name]"
  expected=$((expected - piece_seconds[$name]))
}

# tell NAME: what is being done, for how long, and how long all will take
tell() {
  local name=$1 left=$expected still="" other elapsed now=$((SECONDS - doing_since[$1])) missing
  for other in "${!makers[@]}"; do
    elapsed=$(((SECONDS - piece_began[$other]) / lanes))
    left=$((left - (elapsed < piece_seconds[$other] ? elapsed : piece_seconds[$other])))
  done
  [ "$now" -lt 5 ] || still=", for $(duration "$now")"
  mapfile -t missing < <(missing_pieces)
  echo "[$((${#piece_names[@]} - ${#missing[@]}))/${#piece_names[@]}] $name: ${doing[$name]}$still (elapsed $(duration $((SECONDS - began))), about $(duration "$left") left)" >&2
}

# lament NAME HOW: the end of everything. What the others were making is lost with it.
lament() {
  local log=$cache/logs/$1.log
  echo "the last lines of $log:" >&2
  tail -n 20 "$log" >&2
  fail "cannot make the piece $1: ${doing[$1]} failed ($2); the whole log is $log" "run the same command again: pieces that are whole are kept"
}

# end_makers PROCESS…: with all that they have started
end_makers() {
  local maker
  for maker in "$@"; do kill -TERM -- "-$maker" 2> /dev/null || true; done
}
