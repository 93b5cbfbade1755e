# shellcheck shell=bash
# The program of the chart's hook, which joins the nodes to one another.
seconds=7
inputs=(init-spock parts/words/go.sh)
needs=()

make_piece() { go_build init-spock "" "$out/init-spock" .; }
