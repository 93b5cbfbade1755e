# shellcheck shell=bash
# What the mirror serves: files under the paths of their upstream addresses, images in a registry's storage, and pins.json,
# which names each with its real sum.
seconds=10
inputs=(chart)
needs=(image-maker kubernetes tools cloudnative-pg cert-manager node postgres operators)

# publish_file URL FILE: puts a file where the mirror serves URL from, and prints its sum
publish_file() {
  local target=$out/files/${1#https://}
  mkdir -p "$(dirname "$target")"
  install -m 644 "$2" "$target"
  sha256sum "$target" | cut -d ' ' -f 1
}

# tool_pin NAME VERSION SOURCE URL FILE [MEMBER]: publishes and prints one pin
tool_pin() {
  jq --null-input --arg name "$1" --arg version "$2" --arg source "$3" --arg url "$4" --arg sum "$(publish_file "$4" "$5")" \
    --arg member "${6:-}" --arg platform "linux/$architecture" \
    '{($name): {version: $version, source: $source, platforms: {($platform): {url: $url, sha256: $sum, member: (if $member == "" then null else $member end)}}}}'
}

# publish_text URL TEXT: puts a text where the mirror serves URL from
publish_text() {
  local target=$out/files/${1#https://}
  mkdir -p "$(dirname "$target")"
  printf '%s' "$2" > "$target"
}

# pack ARCHIVE FOLDER: the same content always gives the same bytes
pack() {
  (cd "$2" && tar --create --sort=name --mtime=2026-01-01T00:00:00Z --owner=0 --group=0 --numeric-owner -- *) | gzip --no-name > "$1"
}

tool_pins() {
  local releases=https://github.com tools upstream_architecture
  tools=$(piece tools)
  mkdir -p "$work/helm/linux-$architecture" "$work/plugin"
  cp "$tools/helm" "$work/helm/linux-$architecture/helm"
  pack "$work/helm.tar.gz" "$work/helm"
  cp "$(piece cloudnative-pg)/kubectl-cnpg" "$work/plugin/kubectl-cnpg"
  pack "$work/plugin.tar.gz" "$work/plugin"
  # this one project calls the machine by another name
  upstream_architecture=${architecture/amd64/x86_64}

  tool_pin helm "$helm" "$releases/helm/helm/releases/tag/v$helm" \
    "https://get.helm.sh/helm-v$helm-linux-$architecture.tar.gz" "$work/helm.tar.gz" "linux-$architecture/helm"
  tool_pin kind "$kind" "$releases/kubernetes-sigs/kind/releases/tag/v$kind" \
    "$releases/kubernetes-sigs/kind/releases/download/v$kind/kind-linux-$architecture" "$tools/kind"
  tool_pin kubectl "$kubernetes" "$releases/kubernetes/kubernetes/releases/tag/v$kubernetes" \
    "https://dl.k8s.io/release/v$kubernetes/bin/linux/$architecture/kubectl" "$(piece kubernetes)/kubectl"
  tool_pin kubectl-cnpg "$cloudnative_pg" "$releases/cloudnative-pg/cloudnative-pg/releases/tag/v$cloudnative_pg" \
    "$releases/cloudnative-pg/cloudnative-pg/releases/download/v$cloudnative_pg/kubectl-cnpg_${cloudnative_pg}_linux_$upstream_architecture.tar.gz" \
    "$work/plugin.tar.gz" kubectl-cnpg
}

# publish_sums: beside the tools of tools.json the lists of their sums, each in its upstream's form
publish_sums() {
  local tool version url sum line
  jq --raw-output 'to_entries[] | .key as $tool | .value.version as $version | .value.platforms[] | "\($tool) \($version) \(.url) \(.sha256)"' \
    "$work/tools.json" > "$work/tools"
  while read -r tool version url sum; do
    line="$sum  ${url##*/}"$'\n'
    case $tool in
      helm | kind) publish_text "$url.sha256sum" "$line" ;;
      # the sum alone, without the end of the line
      kubectl) publish_text "$url.sha256" "$sum" ;;
      kubectl-cnpg) publish_text "${url%/*}/cnpg-$version-checksums.txt" "$line" ;;
      *) fail "nobody knows where upstream says the sum of $tool" "add it to publish_sums" ;;
    esac
  done < "$work/tools"
  publish_text "https://get.helm.sh/helm${helm%%.*}-latest-version" "v$helm"$'\n'
  publish_text "https://dl.k8s.io/release/stable-${kubernetes%.*}.txt" "v$kubernetes"
}

# manifest_pin NAME VERSION PROJECT FILE-NAME FILE
manifest_pin() {
  local source=https://github.com/$3/releases url
  url=$source/download/v$2/$4
  jq --null-input --arg name "$1" --arg version "$2" --arg url "$url" --arg sum "$(publish_file "$url" "$5")" --arg source "$source/tag/v$2" \
    '{($name): {version: $version, url: $url, sha256: $sum, source: $source}}'
}

manifest_pins() {
  manifest_pin cert-manager "$cert_manager" cert-manager/cert-manager cert-manager.yaml "$(piece cert-manager)/manifest.yaml"
  manifest_pin cloudnative-pg "$cloudnative_pg" cloudnative-pg/cloudnative-pg "cnpg-$cloudnative_pg.yaml" "$(piece cloudnative-pg)/manifest.yaml"
}

# chart_pin: the chart is pinned file by file under a commit; ours is the sum of the files
chart_pin() {
  local commit file url
  commit=$(cd "$lab/chart" && find . -type f -print0 | LC_ALL=C sort --zero-terminated | xargs --null sha1sum | sha1sum | cut -d ' ' -f 1)
  while IFS= read -r file; do
    url=https://raw.githubusercontent.com/pgEdge/pgedge-helm/$commit/$file
    jq --null-input --arg path "$file" --arg url "$url" --arg sum "$(publish_file "$url" "$lab/chart/$file")" '{path: $path, url: $url, sha256: $sum}'
  done < <(cd "$lab/chart" && find . -type f ! -name '*.md' -printf '%P\n' | LC_ALL=C sort) |
    jq --slurp --arg version "$chart" --arg source "https://github.com/pgEdge/pgedge-helm/tree/$commit" \
      '{name: "pgedge", version: $version, source: $source, files: .}'
}

# publish_images: prints NAME REFERENCE DIGEST for each
publish_images() {
  local operators postgres_tag
  operators=$(piece operators)
  postgres_tag=$(cat "$(piece postgres)/version")-spock$spock-standard-1
  local names=(
    "node docker.io/kindest/node:v$kubernetes=$(piece node)/image"
    "postgres ghcr.io/pgedge/pgedge-postgres:$postgres_tag=$(piece postgres)/image"
    "init-spock ghcr.io/pgedge/pgedge-helm-utils:v$chart=$operators/init-spock"
    "cert-manager-controller quay.io/jetstack/cert-manager-controller:v$cert_manager=$operators/cert-manager-controller"
    "cert-manager-cainjector quay.io/jetstack/cert-manager-cainjector:v$cert_manager=$operators/cert-manager-cainjector"
    "cert-manager-webhook quay.io/jetstack/cert-manager-webhook:v$cert_manager=$operators/cert-manager-webhook"
    "cloudnative-pg ghcr.io/cloudnative-pg/cloudnative-pg:$cloudnative_pg=$operators/cloudnative-pg"
  )
  "$(piece image-maker)/imagemaker" publish --registry "$out/registry" "${names[@]#* }" > "$work/digests"
  paste -d ' ' <(printf '%s\n' "${names[@]%% *}") "$work/digests"
}

make_piece() {
  step "publishing the tools"
  tool_pins | jq --slurp add > "$work/tools.json"
  publish_sums
  step "publishing the manifests and the chart"
  manifest_pins | jq --slurp add > "$work/manifests.json"
  chart_pin > "$work/chart.json"
  step "publishing the images"
  publish_images | jq --raw-input --slurp '
    [split("\n")[] | select(. != "") | split(" ") | {key: .[0], value: {image: .[1], digest: .[2], source: "tests/lab"}}] | from_entries
  ' > "$work/images.json"
  jq --null-input --arg kubernetes "$kubernetes" --slurpfile tools "$work/tools.json" --slurpfile manifests "$work/manifests.json" \
    --slurpfile chart "$work/chart.json" --slurpfile images "$work/images.json" '
    {
      schema: 1,
      tools: $tools[0],
      node_images: [{kubernetes: $kubernetes, image: $images[0].node.image, digest: $images[0].node.digest, cgroup_v1: true}],
      manifests: $manifests[0],
      chart: $chart[0],
      images: ($images[0] | del(.node))
    }' > "$out/pins.json"
}
