# shellcheck shell=bash
# CloudNativePG: the operator, its kubectl plugin and its manifest, from its Go module.
seconds=100
inputs=(go/upstream/go.mod go/upstream/go.sum parts/words/go.sh)
needs=()

make_piece() {
  local module=github.com/cloudnative-pg/cloudnative-pg flags
  flags="-X $module/pkg/versions.buildVersion=$cloudnative_pg -X $module/pkg/versions.buildCommit=lab -X $module/pkg/versions.buildDate=2026-01-01"
  go_build go/upstream "$flags" "$out/" $module/cmd/manager $module/cmd/kubectl-cnpg
  install -m 644 "$(module_folder go/upstream $module)/releases/cnpg-$cloudnative_pg.yaml" "$out/manifest.yaml"
}
