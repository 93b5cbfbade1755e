#!/bin/bash
# The release that was asked for, and no other.
set -e

# shellcheck source=/dev/null
source dev-container-features-test-lib

check "it is the release that was asked for" test "$(pgedge-bootstrap -V)" = "pgedge-bootstrap 0.1.0"

reportResults
