# shellcheck shell=bash
# The program that makes images and publishes them.
seconds=45
inputs=(mirror/go.mod mirror/go.sum mirror/imagemaker mirror/registry parts/words/go.sh)
needs=()

make_piece() { go_build mirror "" "$out/imagemaker" ./imagemaker; }
