# shellcheck shell=bash
# The Kubernetes node as an image that kind boots unchanged: Debian, our files with the Kubernetes programs, and containerd's
# store with the images that are there from the start.
seconds=8
inputs=(node parts/words/image.sh)
needs=(image-maker kubernetes node-root node-images)

# programs_root: the second layer
programs_root() {
  local units=$1/etc/systemd/system unit
  cp -a "$lab/node/files" "$1"
  chown -R 0:0 "$1"
  mkdir -p "$1/usr/bin" "$units/multi-user.target.wants" "$1/etc/containerd/certs.d"
  install -m 755 "$(piece kubernetes)"/{kubeadm,kubelet,kubectl,crictl} "$1/usr/bin/"
  echo "v$kubernetes" > "$1/kind/version"
  for unit in containerd.service kubelet.service lab-pod-network.path; do
    ln -s "../$unit" "$units/multi-user.target.wants/$unit"
  done
  for unit in systemd-binfmt.service systemd-udevd.service systemd-networkd.service getty.target; do
    ln -s /dev/null "$units/$unit"
  done
  ln -s /usr/lib/systemd/system/multi-user.target "$units/default.target"
}

make_piece() {
  step "laying out the programs"
  programs_root "$work/programs"
  step "filling containerd's store"
  mkdir -p "$work/store/var/lib/containerd"
  unshare --mount --pid --fork --kill-child "$lab/node/fill-store" \
    "$(piece node-root)" "$work/store/var/lib/containerd" "$(piece node-images)/images.tar"
  step "packing the image"
  image --out "$out/image" --layer "$(piece node-root)" --layer "$work/programs" --layer "$work/store" \
    --env container=docker --stop-signal SIGRTMIN+3 --entrypoint /usr/local/bin/entrypoint --entrypoint /sbin/init
}
