#!/bin/bash
# Exit 0 once the step is done; what is missing is printed.
if ! command -v pgedge-bootstrap > /dev/null; then
  echo "pgedge-bootstrap is not here yet: the terminal of the first page shows how far the preparation is"
  exit 1
fi
cd "$HOME" && exec timeout 10 pgedge-bootstrap verify active-active/configure
