# shellcheck shell=bash
# What the lab needs of the machine itself.

# ensure_packages PROGRAM=PACKAGE…: installs the Debian packages whose program is missing.
ensure_packages() {
  local pair missing=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" > /dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get > /dev/null || fail "missing packages: ${missing[*]}" "this machine has no apt-get; install them by hand"
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "cannot install ${missing[*]}; the whole log is $log"
  fi
  rm -f "$log"
}

ensure_root() {
  [ "$(id -u)" = 0 ] || fail "the lab makes root file systems and may start a docker engine, for which it must be root" "run it with sudo -E"
}

ensure_build_packages() {
  command -v go > /dev/null || fail "the lab needs Go, 1.21 or newer" "install Go and put it on PATH"
  ensure_packages debootstrap=debootstrap jq=jq curl=curl gcc=gcc flock=util-linux xz=xz-utils
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || ensure_packages debian-archive-keyring=debian-archive-keyring
}
