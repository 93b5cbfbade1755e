# shellcheck shell=bash
# The Debian under a dev container: what a base image of dev containers has, and an engine for the docker in it, because the
# feature that brings one fetches it from elsewhere.
seconds=30
inputs=(devcontainer runtime parts/words/debian.sh)
needs=()

packages=sudo,curl,ca-certificates,git,procps,iproute2,socat,jq,docker.io,iptables

make_piece() {
  debian bookworm $packages "$out"
  step "giving it the user that works in it"
  install -m 755 "$lab/runtime/oci-runtime" "$out/usr/local/bin/oci-runtime"
  install -m 755 "$lab/devcontainer/start-docker" "$out/usr/local/bin/start-docker"
  chroot "$out" sh -euc '
    useradd --create-home --shell /bin/bash --groups sudo,docker vscode
    echo "vscode ALL=(root) NOPASSWD:ALL" > /etc/sudoers.d/vscode
    update-alternatives --set iptables /usr/sbin/iptables-legacy
  '
}
