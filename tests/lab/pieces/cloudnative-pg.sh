# shellcheck shell=bash
# CloudNativePG: the operator, its kubectl plugin and its manifest, from its Go module.
seconds=80
inputs=(go/cnpg parts/words/go.sh)
needs=()

make_piece() {
  local module=github.com/cloudnative-pg/cloudnative-pg flags
  flags="-X $module/pkg/versions.buildVersion=$cloudnative_pg -X $module/pkg/versions.buildCommit=lab -X $module/pkg/versions.buildDate=2026-01-01"
  go_build go/cnpg $module/cmd/manager "$out/manager" "$flags"
  go_build go/cnpg $module/cmd/kubectl-cnpg "$out/kubectl-cnpg" "$flags"
  install -m 644 "$(module_folder go/cnpg $module)/releases/cnpg-$cloudnative_pg.yaml" "$out/manifest.yaml"
}
