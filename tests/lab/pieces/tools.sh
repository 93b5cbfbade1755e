# shellcheck shell=bash
# Smaller programs from Go modules: what the learner's machine downloads, and what the Kubernetes node holds.
seconds=90
inputs=(go/upstream/go.mod go/upstream/go.sum go/upstream/coredns go/pause parts/words/go.sh)
needs=()

make_piece() {
  local flags="-X main.VERSION=v$local_path_provisioner -X helm.sh/helm/v4/internal/version.version=v$helm"
  go_build go/upstream "$flags" "$out/" \
    sigs.k8s.io/kind github.com/rancher/local-path-provisioner ./coredns helm.sh/helm/v4/cmd/helm
  go_build go/pause "" "$out/pause" .
}
