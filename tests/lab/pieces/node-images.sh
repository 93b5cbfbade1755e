# shellcheck shell=bash
# The images that a Kubernetes node holds from the start, under the names that kubeadm and kind ask for, in one archive.
seconds=10
inputs=(parts/words/image.sh)
needs=(image-maker kubernetes etcd tools node-root)

# what kube-proxy calls, with the libraries of that, as Debian packages of the node
proxy_packages=(iptables nftables conntrack netbase libc6 libxtables12 libnftnl11 libmnl0 libip4tc2 libip6tc2 libnetfilter-conntrack3
  libnfnetlink0 libnftables1 libjansson4 libgmp10 libedit2 libtinfo6 libbsd0 libmd0)

# proxy_root: kube-proxy with the files of those packages
proxy_root() {
  local root=$1 node package list name
  node=$(piece node-root)
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64,local/bin}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  for package in "${proxy_packages[@]}"; do
    for list in "$node/var/lib/dpkg/info/$package".list "$node/var/lib/dpkg/info/$package:$architecture".list; do
      [ ! -f "$list" ] || cat "$list"
    done
  done | sed 's#^/##' | grep -vE '^(\.|bin|sbin|lib|lib64)?$|/(doc|man|locale|lintian|bug|gconv)(/|$)' | LC_ALL=C sort --unique > "$work/proxy-files"
  # the lists name what was removed to save room, too
  (cd "$node" && while IFS= read -r name; do if [ -e "$name" ] || [ -L "$name" ]; then echo "$name"; fi; done < "$work/proxy-files" |
    tar --create --no-recursion --files-from - | tar --extract --keep-directory-symlink --directory "$root")
  cp -a "$node/usr/lib64/." "$root/usr/lib64/"
  for name in ip{,6}tables{,-save,-restore}; do ln -sf xtables-nft-multi "$root/usr/sbin/$name"; done
  install -m 755 "$(piece kubernetes)/kube-proxy" "$root/usr/local/bin/kube-proxy"
}

# busybox_root: the few programs that volumes are made and removed with
busybox_root() {
  local name
  mkdir -p "$1/bin"
  install -m 755 "$(piece node-root)/usr/bin/busybox" "$1/bin/busybox"
  for name in sh mkdir rm ls cat sleep chmod chown true; do ln -s busybox "$1/bin/$name"; done
}

make_piece() {
  local images=$work/images program
  mkdir -p "$images"
  step "packing the control plane"
  for program in kube-apiserver kube-controller-manager kube-scheduler; do
    program_image "$images/$program" "$(piece kubernetes)/$program" "/usr/local/bin/$program"
  done
  program_image "$images/etcd" "$(piece etcd)/etcd" /usr/local/bin/etcd
  step "packing what every node runs"
  proxy_root "$work/proxy"
  image --out "$images/kube-proxy" --layer "$work/proxy" --env PATH=/usr/local/bin:/usr/sbin:/usr/bin --entrypoint /usr/local/bin/kube-proxy
  program_image "$images/coredns" "$(piece tools)/coredns" /coredns
  program_image "$images/pause" "$(piece tools)/pause" /pause
  program_image "$images/local-path-provisioner" "$(piece tools)/local-path-provisioner" /usr/bin/local-path-provisioner
  busybox_root "$work/busybox"
  image --out "$images/busybox" --layer "$work/busybox" --env PATH=/bin --command /bin/sh
  step "writing the archive"
  "$(piece image-maker)/imagemaker" archive --out "$out/images.tar" \
    "registry.k8s.io/kube-apiserver:v$kubernetes=$images/kube-apiserver" \
    "registry.k8s.io/kube-controller-manager:v$kubernetes=$images/kube-controller-manager" \
    "registry.k8s.io/kube-scheduler:v$kubernetes=$images/kube-scheduler" \
    "registry.k8s.io/kube-proxy:v$kubernetes=$images/kube-proxy" \
    "registry.k8s.io/etcd:$etcd-0=$images/etcd" \
    "registry.k8s.io/coredns/coredns:$coredns_tag=$images/coredns" \
    "registry.k8s.io/pause:$pause=$images/pause" \
    "docker.io/rancher/local-path-provisioner:v$local_path_provisioner=$images/local-path-provisioner" \
    "docker.io/lab/busybox:1=$images/busybox"
}
