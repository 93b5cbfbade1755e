#!/bin/sh
# Installs pgedge-bootstrap into a container that is being built, as root, for every user. What does the work, and verifies
# the program before anything is changed, is pgedge-bootstrap-install.sh beside this: the installer of the releases.
set -eu
# Whoever builds the image may be the only one who sees his files; what is installed is for every user.
umask 022

here=$(dirname "$0")
bin=/usr/local/bin
version=${VERSION:-latest}
url=${DOWNLOADURL:-https://github.com/pgEdge/pgedge-bootstrap/releases}

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

# The values come from a file that a shell has read, so whoever writes them could have run anything already. They are held
# to what they may be all the same: a slip becomes an error here, and not a riddle later.
check_options() {
  case $version in
    latest) ;;
    *[!0-9.]* | .* | *. | *..* | *.*.*.*) fail "the option version is not a release: $version" "it is latest, or a version such as 0.1.0" ;;
    *.*.*) ;;
    *) fail "the option version is not a release: $version" "it is latest, or a version such as 0.1.0" ;;
  esac
  case $url in
    *[!A-Za-z0-9:/._~%-]*) fail "the option downloadUrl has signs that no address of releases has: $url" "it is an https address such as https://github.com/pgEdge/pgedge-bootstrap/releases" ;;
    https://?*) ;;
    *) fail "the option downloadUrl is no https address: $url" "it is an https address such as https://github.com/pgEdge/pgedge-bootstrap/releases" ;;
  esac
}

is_here() { command -v "$1" > /dev/null 2>&1; }

# The packages that are missing, by the names that all these distributions have in common.
missing_packages() {
  # Not wget: that of busybox does not look whom it talks to.
  is_here curl || echo curl
  is_here tar || echo tar
  is_here gzip || echo gzip
  for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem /etc/ssl/ca-bundle.pem; do
    if [ -s "$bundle" ]; then return; fi
  done
  echo ca-certificates
}

# ensure_packages PACKAGE…
ensure_packages() {
  [ $# -gt 0 ] || return 0
  echo "installing $*"
  if is_here apt-get; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
  elif is_here apk; then
    apk add --no-cache "$@"
  elif is_here dnf; then
    dnf install --assumeyes --setopt=install_weak_deps=False "$@"
    dnf clean all
  elif is_here microdnf; then
    microdnf install --assumeyes "$@"
    microdnf clean all
  elif is_here zypper; then
    zypper --non-interactive install "$@"
    zypper clean --all
  else
    fail "missing in this image, and there is no package manager that is known: $*" "install them in the image"
  fi
}

# put_completion SHELL FILE: tab completion, where the shell looks for what was installed by hand; whole or not at all
put_completion() {
  mkdir -p "${2%/*}"
  "$bin/pgedge-bootstrap" completions "$1" > "$2.$$"
  mv "$2.$$" "$2"
}

[ "$(id -u)" = 0 ] || fail "only root can install for every user" "a dev container installs features as root; elsewhere use sudo"
check_options
# shellcheck disable=SC2046 # one word a package
ensure_packages $(missing_packages)
sh "$here/pgedge-bootstrap-install.sh" --version "$version" --url "$url" --to "$bin"
put_completion bash /usr/local/share/bash-completion/completions/pgedge-bootstrap
put_completion zsh /usr/local/share/zsh/site-functions/_pgedge-bootstrap
