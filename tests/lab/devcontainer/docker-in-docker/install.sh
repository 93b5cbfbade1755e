#!/bin/sh
# The base image of the lab has the engine already.
exec test -x /usr/local/bin/start-docker
