# shellcheck shell=bash
# The Debian under a Kubernetes node. Bookworm on purpose: later versions of systemd refuse cgroup v1.
seconds=37
inputs=(parts/words/debian.sh)
needs=()

packages=systemd,systemd-sysv,dbus,containerd,runc,containernetworking-plugins,iptables,nftables,conntrack,iproute2,ethtool,socat
packages+=,kmod,mount,jq,ca-certificates,procps,hostname,busybox-static,curl

make_piece() {
  debian bookworm $packages "$out"
  step "leaving only what runs in a container"
  local system=$out/usr/lib/systemd/system
  rm -f "$system"/{multi-user,local-fs,basic}.target.wants/* "$system"/sockets.target.wants/*{udev,initctl}* \
    "$system"/sysinit.target.wants/systemd-tmpfiles-setup.service "$system"/containerd.service "$out"/etc/machine-id
  find "$out/etc/systemd/system" -path '*.wants/*' -delete
  echo ReadKMsg=no >> "$out/etc/systemd/journald.conf"
  mkdir -p "$out/opt/cni" "$out/etc/kubernetes/manifests" "$out/var/lib/kubelet" "$out/var/lib/containerd"
  ln -s /usr/lib/cni "$out/opt/cni/bin"
}
