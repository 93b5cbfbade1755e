# shellcheck shell=bash
# etcd, from its Go module.
seconds=32
inputs=(go/etcd parts/words/go.sh)
needs=()

make_piece() { go_build go/etcd "" "$out/etcd" go.etcd.io/etcd/server/v3; }
