#!/bin/bash
# The files of a scenario are copied while this runs already. `prepare.sh` keeps its own account of how it ended.
for _ in $(seq 1200); do
  [ -x /opt/pgedge/prepare.sh ] && exec /opt/pgedge/prepare.sh
  sleep 0.1
done
mkdir -p /run/pgedge-bootstrap
echo "failed: the files of the scenario did not arrive within two minutes; reload the page" > /run/pgedge-bootstrap/result
exit 1
