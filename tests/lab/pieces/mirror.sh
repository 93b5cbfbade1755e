# shellcheck shell=bash
# The mirror: the program that serves files and images.
seconds=45
inputs=(mirror/go.mod mirror/go.sum mirror/server mirror/registry parts/words/go.sh)
needs=()

make_piece() { go_build mirror "" "$out/mirror" ./server; }
