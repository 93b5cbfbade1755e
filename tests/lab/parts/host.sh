# shellcheck shell=bash
# What the lab needs of the machine itself.

# with_packages COMMAND…: runs what changes packages or their lists, after another one of us: apt waits for dpkg's lock, but gives up at
# once over the lists.
with_packages() {
  (
    flock --wait 300 9 || { echo "another installation of packages did not end in five minutes" && exit 1; }
    "$@"
  ) 9> "${TMPDIR:-/tmp}/pgedge-bootstrap-packages.lock"
}

# ensure_packages PROGRAM=PACKAGE…: installs the Debian packages whose program is missing. Waits for up to five minutes for another program
# that installs.
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
  if ! with_packages install_packages "${missing[@]}" > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "cannot install ${missing[*]}; the whole log is $log"
  fi
  rm -f "$log"
}

install_packages() {
  apt-get --option DPkg::Lock::Timeout=300 update &&
    DEBIAN_FRONTEND=noninteractive apt-get --option DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"
}

ensure_root() {
  [ "$(id -u)" = 0 ] || fail "the lab makes root file systems and may start a docker engine, for which it must be root" "run it with sudo -E"
}

ensure_build_packages() {
  command -v go > /dev/null || fail "the lab needs Go, 1.21 or newer" "install Go and put it on PATH"
  ensure_packages debootstrap=debootstrap jq=jq curl=curl gcc=gcc flock=util-linux xz=xz-utils
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || ensure_packages debian-archive-keyring=debian-archive-keyring
}
