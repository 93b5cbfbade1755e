# shellcheck shell=bash
# CloudNativePG: the operator, its kubectl plugin and its manifest, from its Go module.
seconds=80
inputs=(operators/go.mod operators/go.sum parts/words/go.sh)
needs=()

make_piece() {
  local module=github.com/cloudnative-pg/cloudnative-pg flags
  flags="-X $module/pkg/versions.buildVersion=$cloudnative_pg -X $module/pkg/versions.buildCommit=lab -X $module/pkg/versions.buildDate=2026-01-01"
  go_build operators "$flags" "$out/" $module/cmd/manager $module/cmd/kubectl-cnpg
  install -m 644 "$(module_folder operators $module)/releases/cnpg-$cloudnative_pg.yaml" "$out/manifest.yaml"
}
