#!/bin/bash
# What holds wherever the feature is installed; `devcontainer features test` runs it in the container, as its user.
set -e

# shellcheck source=/dev/null
source dev-container-features-test-lib

program=/usr/local/bin/pgedge-bootstrap

check "the program is on the PATH" test "$(command -v pgedge-bootstrap)" = "$program"
check "it tells its version" bash -c "$program -V | grep -E '^pgedge-bootstrap [0-9]+\.[0-9]+\.[0-9]+$'"
check "it is root's, and everybody may run it" test "$(stat -c '%U %a' $program)" = "root 755"
check "it knows what it would fetch" bash -c "$program versions --output json | grep -q '\"schema\"'"
check "bash completes it" bash -c "source /usr/local/share/bash-completion/completions/pgedge-bootstrap && complete -p pgedge-bootstrap"
check "zsh completes it" test -s /usr/local/share/zsh/site-functions/_pgedge-bootstrap
check "nothing is left beside it" bash -c "! ls -d /usr/local/bin/.pgedge-bootstrap* 2> /dev/null"
check "nobody's home was written to" bash -c "! ls -d ~/.cache/pgedge-bootstrap ~/.local/share/pgedge-bootstrap ~/.kube 2> /dev/null"

reportResults
