#!/bin/bash
# With another package manager all of it holds, too.
exec ./test.sh
