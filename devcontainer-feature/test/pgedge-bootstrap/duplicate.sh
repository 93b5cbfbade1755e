#!/bin/bash
# Installed twice in one container, the second time with other options.
set -e

# shellcheck source=/dev/null
source dev-container-features-test-lib

check "the program is there once" test "$(type -a -p pgedge-bootstrap)" = /usr/local/bin/pgedge-bootstrap
check "it runs" pgedge-bootstrap --version

reportResults
