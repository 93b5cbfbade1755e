# shellcheck shell=bash
# Kubernetes itself, and crictl, which is made from its parts.
seconds=330
inputs=(go/kubernetes parts/words/go.sh)
needs=()

make_piece() {
  local package flags="-X sigs.k8s.io/cri-tools/pkg/version.Version=v$crictl"
  # kubeadm refuses to work when these do not name a release
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=v$kubernetes -X $package.gitMajor=${kubernetes%%.*} -X $package.gitMinor=$(cut -d . -f 2 <<< "$kubernetes")"
    flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=lab -X $package.buildDate=2026-01-01T00:00:00Z"
  done
  go_build go/kubernetes "$flags" "$out/" sigs.k8s.io/cri-tools/cmd/crictl \
    k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kubelet,kubeadm,kube-scheduler,kube-proxy,kubectl}
}
