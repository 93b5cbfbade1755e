# shellcheck shell=bash
# cert-manager: its three programs, and its manifest made by helm from the chart in its Go module, as upstream makes it.
seconds=44
inputs=(go/upstream/go.mod go/upstream/go.sum go/upstream/cert-manager parts/words/go.sh)
needs=(tools)

make_piece() {
  local chart_source
  go_build go/upstream "" "$out/" ./cert-manager/{controller,cainjector,webhook}
  step "rendering the manifest"
  chart_source=$(module_folder go/upstream github.com/cert-manager/cert-manager)/deploy/charts/cert-manager
  cp -r "$chart_source" "$work/chart"
  chmod -R u+w "$work/chart"
  export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
  "$(piece tools)/helm" package "$work/chart" --version "v$cert_manager" --app-version "v$cert_manager" --destination "$work"
  {
    printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: cert-manager\n'
    "$(piece tools)/helm" template cert-manager "$work/cert-manager-v$cert_manager.tgz" --namespace cert-manager \
      --set crds.enabled=true --set startupapicheck.enabled=false
  } > "$out/manifest.yaml"
}
