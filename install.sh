#!/bin/sh
# Installs pgedge-bootstrap: downloads the released program for this machine, verifies it, and only then puts it into its place.
#
#   curl -fsSL https://github.com/pgEdge/pgedge-bootstrap/releases/latest/download/install.sh | sh
#   curl -fsSL https://github.com/pgEdge/pgedge-bootstrap/releases/latest/download/install.sh | sh -s -- --version 0.1.0 --to ~/bin
#
# For any POSIX shell. All of it is functions, and the last line calls them: a script that arrives cut off does nothing.

program=pgedge-bootstrap
repository=pgEdge/pgedge-bootstrap

usage() {
  cat << END
usage: install.sh [OPTION]…

  --version X.Y.Z|latest  the release to install [default: latest]
  --to DIR                where to put the program [default: /usr/local/bin for root, else ~/.local/bin]
  --mirror BASE           fetch https://HOST/PATH as BASE/HOST/PATH (or PGEDGE_BOOTSTRAP_MIRROR)
  --ca-file FILE          the certificate authorities to trust, PEM (or PGEDGE_BOOTSTRAP_CA_FILE)
  --url BASE              where the releases are [default: https://github.com/$repository/releases]
  --attestation           let gh verify, too, that GitHub built the archive from $repository

HTTPS_PROXY and NO_PROXY count. The program is verified against SHA256SUMS of its release before it is unpacked.
END
}

main() {
  set -eu
  # Ranges of letters are those of ASCII, and programs say what they say in English.
  LC_ALL=C
  export LC_ALL
  # Settings of the person's for programs that are run here would change what they do.
  unset TAR_OPTIONS GZIP
  umask 022
  work='' made='' child=''
  trap clean EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM

  read_options "$@"
  find_platform
  place=$to/$program
  [ ! -d "$place" ] || fail "$place is a directory" "choose another place: --to DIR"
  if [ "$version" != latest ] && [ -z "$attestation" ] && is_installed "$version"; then
    say "$program $version is already there: $place"
    return
  fi
  find_programs
  warn_of_http
  make_work
  fetch SHA256SUMS
  find_sum
  fetch "$asset"
  verify
  unpack
  if [ -f "$place" ] && [ -x "$place" ] && [ "$(sum_of "$place")" = "$(sum_of "$work/$program")" ]; then
    say "$told is already there: $place"
    return
  fi
  mv -f "$work/$program" "$place" || fail "cannot put the program into $to" "choose another place: --to DIR"
  say "$told is installed: $place"
  advise
}

# What was typed.

read_options() {
  version=latest to='' url=https://github.com/$repository/releases attestation=''
  mirror=${PGEDGE_BOOTSTRAP_MIRROR:-} ca_file=${PGEDGE_BOOTSTRAP_CA_FILE:-}
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --to | --mirror | --ca-file | --url)
        case ${2:-} in
          '' | -*) mistake "$1 takes a value" ;;
        esac
        case $1 in
          --version) version=$2 ;;
          --to) to=$2 ;;
          --mirror) mirror=$2 ;;
          --ca-file) ca_file=$2 ;;
          --url) url=$2 ;;
        esac
        shift 2
        ;;
      --attestation) attestation=yes && shift ;;
      -h | --help) usage && exit 0 ;;
      *) mistake "$1 is not an option" ;;
    esac
  done
  [ "$version" = latest ] || is_version "$version" || mistake "--version $version is neither X.Y.Z nor latest"
  is_address "$url" || mistake "--url $url is not an https address"
  [ -z "$mirror" ] || is_address "$mirror" || mistake "--mirror $mirror is not an https address"
  [ -z "$ca_file" ] || { [ -f "$ca_file" ] && [ -r "$ca_file" ]; } || mistake "--ca-file $ca_file cannot be read"
  if [ -z "$to" ] && [ "$(id -u)" = 0 ]; then
    to=/usr/local/bin
  elif [ -z "$to" ]; then
    to=${HOME:?is not set; say where to install: --to DIR}/.local/bin
  fi
  case $to in
    *"
"*) mistake "--to has more than one line" ;;
    /*) ;;
    *) to=$PWD/$to ;;
  esac
  while [ "$to" != "${to%/}" ]; do to=${to%/}; done
}

# X.Y.Z, with -something behind it or without
is_version() {
  case $1 in
    *[!0-9A-Za-z.-]* | *-) return 1 ;;
  esac
  case ${1%%-*} in
    *[!0-9.]* | .* | *. | *..* | *.*.*.*) return 1 ;;
    *.*.*) return 0 ;;
  esac
  return 1
}

is_address() {
  case $1 in
    *[!]A-Za-z0-9._~:/@%+=,[-]*) return 1 ;;
    http://[!/]* | https://[!/]*) return 0 ;;
  esac
  return 1
}

# The sum comes the same way as the program.
warn_of_http() {
  case ${mirror:-$url} in
    https:* | http://localhost[:/]* | http://127.0.0.1[:/]*) ;;
    *) say "note: $(without_password "${mirror:-$url}") is not encrypted: who is on the way could change the program, and its sum" >&2 ;;
  esac
}

# What this machine is, and what it has.

find_platform() {
  system=$(uname -s) machine=$(uname -m)
  case $machine in
    x86_64 | amd64) processor=x86_64 ;;
    aarch64 | arm64) processor=aarch64 ;;
    *) processor='' ;;
  esac
  case $system in
    Linux) target=$processor-unknown-linux-musl ;;
    Darwin)
      # An Intel shell on Apple's own processor.
      if [ "$(sysctl -n sysctl.proc_translated 2> /dev/null || true)" = 1 ]; then processor=aarch64; fi
      target=$processor-apple-darwin
      ;;
    *) processor='' ;;
  esac
  [ -n "$processor" ] || fail "there is no $program for $system on $machine" "there is one for Linux and macOS on x86_64 and arm64"
  asset=$program-$target.tar.gz
}

find_programs() {
  if has curl; then
    fetcher=curl
  elif has wget; then
    fetcher=wget
    case $(wget --help 2>&1 || true) in
      *BusyBox*) fetcher=busybox ;;
    esac
    [ "$fetcher" = wget ] || [ -z "$ca_file" ] || fail "the wget of busybox takes no --ca-file" "install curl"
  else
    fail "neither curl nor wget is installed" "install one of them"
  fi
  if has sha256sum; then
    summer=sha256sum
  elif has shasum; then
    summer='shasum -a 256'
  elif has openssl; then
    summer='openssl dgst -sha256 -r'
  else
    fail "nothing here computes a SHA-256 sum, so the program could not be verified" "install sha256sum, shasum or openssl"
  fi
  has tar || fail "tar is not installed" "install it"
  has gzip || fail "gzip is not installed" "install it"
  [ -z "$attestation" ] || has gh || fail "--attestation needs gh, which is not installed" "https://cli.github.com"
}

has() { command -v "$1" > /dev/null 2>&1; }

# sum_of FILE
sum_of() {
  # shellcheck disable=SC2086 # a program and its options
  sum_line=$($summer < "$1")
  echo "${sum_line%% *}"
}

# is_installed VERSION
is_installed() {
  [ -f "$place" ] && [ -x "$place" ] || return 1
  [ "$("$place" -V 2> /dev/null || true)" = "$program $1" ]
}

# A folder beside the place, so that the program moves into it in one piece. What had to be made for it is remembered.
make_work() {
  missing=$to
  while [ -n "$missing" ] && [ ! -e "$missing" ]; do
    made="$made$missing
"
    missing=${missing%/*}
  done
  if ! why=$({ mkdir -p "$to/" && mktemp -d "$to/.$program.XXXXXX"; } 2>&1); then
    fail "cannot write to $to" "choose another place, --to DIR, or be root" "$why"
  fi
  work=$why
}

# shellcheck disable=SC2317,SC2329 # the trap calls it
# However it ends. The folders that were made go again if they are empty.
clean() {
  status=$?
  trap '' HUP INT TERM
  [ -z "$child" ] || kill "$child" 2> /dev/null || true
  [ -z "$work" ] || rm -rf "$work"
  printf %s "$made" | while IFS= read -r folder; do
    rmdir "$folder" 2> /dev/null || true
  done
  exit "$status"
}

# fetch ASSET: into the work folder
fetch() {
  if [ "$version" = latest ]; then
    address=${url%/}/latest/download/$1
  else
    address=${url%/}/download/v$version/$1
  fi
  [ -z "$mirror" ] || address=${mirror%/}/${address#*://}
  attempt "$1"
  # The curl of a snap may not write to every folder, but into what the shell has opened.
  if [ "$ended" = 23 ] && [ "$fetcher" = curl ] && has_room; then
    fetcher=curl-of-a-snap
    attempt "$1"
  fi
  case $words in
    *"certificate validation not implemented"*)
      fail "this wget does not verify whom it talks to" "install curl" "$words" ;;
  esac
  if [ "$address" != "${address#https:}" ]; then
    case $words in
      *[Ll]"ocation: http:"*) fail "$(without_password "$address") leads away from https" "who is on the way could change the program: try another network" ;;
    esac
  fi
  # Without what the server said.
  words=$(sed '/^  /d' "$work/words")
  [ "$ended" = 0 ] || fail "cannot download $(without_password "$address")" "$(advice "$words")" "$words"
}

# attempt ASSET: says how it ended, and its words
attempt() {
  # In the background, because a shell hears of a signal only when the program before it has ended.
  download "$address" "$work/$1" > "$work/words" 2>&1 &
  child=$!
  ended=0
  wait "$child" || ended=$?
  child=''
  words=$(cat "$work/words")
}

# download ADDRESS FILE, with the variables of proxies in the letters that every program knows
download() {
  https_proxy=${https_proxy:-${HTTPS_PROXY:-}} http_proxy=${http_proxy:-${HTTP_PROXY:-}} no_proxy=${no_proxy:-${NO_PROXY:-}}
  export https_proxy http_proxy no_proxy
  case $fetcher in
    curl*)
      protocols='=https' file=$2
      [ "$1" != "${1#https:}" ] || protocols='=http,https'
      set -- --proto "$protocols" "$1"
      [ -z "$ca_file" ] || set -- --cacert "$ca_file" "$@"
      # Without ~/.curlrc, which could put other things into the file, or the file into another folder, or switch TLS off.
      set -- --disable --fail --silent --show-error --location --connect-timeout 15 --speed-limit 1 --speed-time 30 "$@"
      # A second try would be written behind what has come of the first where the shell has opened the file.
      [ "$fetcher" = curl ] || exec curl "$@" > "$file"
      exec curl "$@" --retry 3 --output "$file"
      ;;
    wget)
      set -- --output-document="$2" "$1"
      [ -z "$ca_file" ] || set -- --ca-certificate="$ca_file" "$@"
      # What the server says is looked through: this one has no other way to stay with https.
      exec wget --no-config --no-verbose --server-response --tries=3 --timeout=30 "$@"
      ;;
    # Without -T, of which the one of Debian 12 crashes: it gives up by itself after a quarter of an hour without a byte.
    busybox) exec wget -q -O "$2" "$1" ;;
  esac
}

# advice WORDS: what to do about what a program said; it says nothing where its words find no room either
advice() {
  if ! has_room; then
    full
    return
  fi
  case $1 in
    *404* | *"error: 403"*)
      if [ "$version" = latest ]; then
        echo "is there a release with $asset? ${url%/} shows them"
      else
        echo "is there a release $version with $asset? ${url%/} shows them"
      fi
      ;;
    *ertificate* | *SSL* | *TLS*) echo "if a proxy of yours opens connections, name its certificate authority: --ca-file FILE" ;;
    *"curl: (23)"* | *"o space left"* | *"rror writing"* | *"rite error"* | *"annot write"*) full ;;
    *) echo "behind a proxy set HTTPS_PROXY; without the internet use --mirror BASE" ;;
  esac
}

has_room() { { echo probe > "$work/probe"; } 2> /dev/null; }

full() { echo "is the disk full? df -h $to"; }

# an address without user name and password
without_password() {
  case $1 in
    *://*@*) echo "${1%%://*}://${1#*://*@}" ;;
    *) echo "$1" ;;
  esac
}

# What has arrived.

find_sum() {
  wanted=''
  while read -r sum name rest; do
    if [ "$name" = "$asset" ] && [ -z "$rest" ] && [ -z "$wanted" ]; then wanted=$sum; fi
  done < "$work/SHA256SUMS"
  if [ ${#wanted} = 64 ]; then
    case $wanted in
      *[!0-9a-f]*) ;;
      *) return 0 ;;
    esac
  fi
  refuse_page SHA256SUMS
  fail "SHA256SUMS of the release has no sum for $asset" "is there a release for this machine? ${url%/} shows them"
}

verify() {
  found=$(sum_of "$work/$asset")
  if [ "$found" != "$wanted" ]; then
    refuse_page "$asset"
    fail "$asset is not the file that was released" "try again; if it stays so, somebody or something changes it on its way" \
      "its sha256 is $found, SHA256SUMS has $wanted"
  fi
  if [ -n "$attestation" ]; then
    words=$(gh attestation verify "$work/$asset" --repo "$repository" 2>&1) ||
      fail "the attestation of $asset does not hold" "gh attestation verify --help" "$words"
  fi
}

# refuse_page FILE: who asks for a file and has to sign in first gets a page
refuse_page() {
  case $(dd if="$work/$1" bs=512 count=1 2> /dev/null | tr -d '\000' | tr '[:upper:]' '[:lower:]') in
    *'<!doctype html'* | *'<html'*)
      fail "a web page came in the place of $1" "a proxy or a portal may want you to sign in: open $(without_password "$address") in a browser" ;;
  esac
}

unpack() {
  if ! words=$(tar -xzof "$work/$asset" -C "$work" "$program" 2>&1); then
    has_room || fail "cannot unpack $asset" "$(full)" "$words"
    fail "cannot unpack $asset" "it is the file that was released, but tar and gzip of this machine do not open it" "$words"
  fi
  if [ ! -f "$work/$program" ] || [ -L "$work/$program" ]; then
    fail "$asset has no program in it" "this is a mistake of the release: https://github.com/$repository/issues"
  fi
  chmod 755 "$work/$program"
  words=$("$work/$program" --version 2>&1) ||
    fail "the program does not run on this machine" "may programs be run from $to? another place: --to DIR" "$words"
  told=$(echo "$words" | sed -n 1p)
  [ "$version" = latest ] || [ "$told" = "$program $version" ] ||
    fail "the release $version has another program in it" "this is a mistake of the release: https://github.com/$repository/issues" "$told"
}

# What is left to do.
advise() {
  case :${PATH:-}: in
    *:"$to":*)
      first=$(command -v "$program" || true)
      [ "$first" = "$place" ] || say "note: $first comes before it on your PATH"
      ;;
    *) say "note: $to is not on your PATH; this adds it:  export PATH=\"$to:\$PATH\"" ;;
  esac
}

# Words.

say() { printf '%s\n' "$*"; }

# fail WHAT HINT [EVIDENCE]
fail() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${3:-}" ] || printf '%s\n' "$3" | sed 's/^/       /' >&2
  printf 'hint: %s\n' "$2" >&2
  exit 1
}

mistake() {
  printf 'error: %s\nhint: install.sh --help\n' "$1" >&2
  exit 2
}

{ main "$@"; exit; }
