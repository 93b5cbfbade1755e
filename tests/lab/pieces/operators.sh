# shellcheck shell=bash
# The images of what runs in the cluster beside PostgreSQL: the two operators and the chart's hook.
seconds=4
inputs=(parts/words/image.sh)
needs=(image-maker cloudnative-pg cert-manager init-spock)

make_piece() {
  local program
  step "packing cert-manager"
  for program in controller cainjector webhook; do
    program_image "$out/cert-manager-$program" "$(piece cert-manager)/$program" "/$program" --user 1000
  done
  step "packing CloudNativePG"
  # the operator gives itself to the pods of its clusters, from operator/manager_ARCHITECTURE
  mkdir -p "$work/operator/operator"
  install -m 755 "$(piece cloudnative-pg)/manager" "$work/operator/operator/manager_$architecture"
  ln -s "operator/manager_$architecture" "$work/operator/manager"
  image --out "$out/cloudnative-pg" --layer "$work/operator" --user 10001 --workdir / --entrypoint /manager
  step "packing the chart's hook"
  program_image "$out/init-spock" "$(piece init-spock)/init-spock" /init-spock --user 65532
}
