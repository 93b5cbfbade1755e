# shellcheck shell=bash
# Smaller programs from Go modules: what the learner's machine downloads, and what the Kubernetes node holds.
seconds=150
inputs=(go/tools go/crictl go/pause parts/words/go.sh)
needs=()

make_piece() {
  go_build go/tools sigs.k8s.io/kind "$out/kind"
  go_build go/tools github.com/rancher/local-path-provisioner "$out/local-path-provisioner" "-X main.VERSION=v$local_path_provisioner"
  go_build go/tools github.com/coredns/coredns "$out/coredns"
  go_build go/tools helm.sh/helm/v4/cmd/helm "$out/helm" "-X helm.sh/helm/v4/internal/version.version=v$helm"
  go_build go/crictl sigs.k8s.io/cri-tools/cmd/crictl "$out/crictl" "-X sigs.k8s.io/cri-tools/pkg/version.Version=v$crictl"
  go_build go/pause . "$out/pause"
}
