#!/bin/bash
# install.sh ROOTFS WORKDIR: put the Spock stand-in into a Debian root that holds PostgreSQL 17.
# The root gets libraries and extension files only; headers stay in WORKDIR, and
# the libraries are made by the host's gcc (they need nothing but libc, whose
# symbols a newer libc still has).
set -euo pipefail

readonly major=17
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  printf 'spock stand-in: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

[ $# -eq 2 ] || fail "usage: install.sh ROOTFS WORKDIR"
root=$(realpath -e "$1")
mkdir -p "$2"
work=$(realpath -e "$2")

[ -x "$root/usr/lib/postgresql/$major/bin/postgres" ] ||
  fail "no postgresql $major in $root" "make the root with the package postgresql-$major"
command -v gcc >/dev/null || fail "gcc is not installed" "apt-get install gcc libc6-dev"

# apt of the host, pointed at the root's sources and keys, with a state of its own
apt_for_root() {
  local state=$work/apt
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/etc"
  "$1" -qq \
    -o Dir::Etc::sourcelist="$root/etc/apt/sources.list" \
    -o Dir::Etc::sourceparts="$root/etc/apt/sources.list.d" \
    -o Dir::Etc::trusted=/dev/null \
    -o Dir::Etc::trustedparts="$root/usr/share/keyrings" \
    -o Dir::Etc::preferencesparts="$state/etc" \
    -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
    -o Dir::State::status="$root/var/lib/dpkg/status" \
    -o Dir::Cache="$state/cache" \
    -o APT::Sandbox::User=root \
    "${@:2}"
}

# the headers of the very server in the root, unpacked and never installed
fetch_headers() {
  local version
  version=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Version}' "postgresql-$major")
  [ -e "$work/headers-$version/complete" ] || {
    rm -rf "$work/headers-$version"
    mkdir -p "$work/headers-$version/packages"
    apt_for_root apt-get update || fail "could not read the package lists of $root"
    (cd "$work/headers-$version/packages" &&
      apt_for_root apt-get download "postgresql-server-dev-$major=$version" "libpq-dev=$version") ||
      fail "could not download the headers of postgresql $version" "has the archive moved on? make the root anew"
    for package in "$work/headers-$version"/packages/*.deb; do
      dpkg-deb -x "$package" "$work/headers-$version" || fail "could not unpack $package"
    done
    touch "$work/headers-$version/complete"
  } >&2
  printf '%s\n' "$work/headers-$version"
}

# compile OUTPUT SOURCE...
compile() {
  gcc -std=gnu11 -O2 -fPIC -shared -Wall -Werror -Wno-format-truncation -fvisibility=default \
    -ffile-prefix-map="$here=spock" -Wl,--build-id=none -s \
    -I "$headers/usr/include/postgresql/$major/server" -I "$headers/usr/include/postgresql" \
    -o "$1" "${@:2}"
}

headers=$(fetch_headers) || exit 1
library=$root/usr/lib/postgresql/$major/lib
extension=$root/usr/share/postgresql/$major/extension

compile "$library/spock.so" "$here"/src/{spock,settings,ddl,provider,exceptions,feedback,log}.c
compile "$library/spock_output.so" "$here/src/output.c"
compile "$library/snowflake.so" "$here/src/snowflake.c"
install -m 644 "$here/spock.control" "$here/snowflake.control" "$extension/"
cat "$here"/sql/*.sql >"$extension/spock--5.0.10.sql"
: >"$extension/snowflake--2.4.sql"
chmod 644 "$extension/spock--5.0.10.sql" "$extension/snowflake--2.4.sql"
