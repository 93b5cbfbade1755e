# Two-word targets over scripts. `make demo` and `make test` do all the set-up on a fresh machine.

.PHONY: help demo test lint unit extension lab real sweep bulk soak bench pins build release release-dry-run

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand --tabs=26

# The person's shell settings; scripts/environment does the rest.
unexport BASH_ENV ENV CDPATH

demo: ## build the binary and do the main job, to the replication proof
	@DEMO_TIMINGS="$(DEMO_TIMINGS)" scripts/demo

test: ## everything: lint, unit, whole-program, extension, release, lab
	@scripts/test

lint: ## formatting, clippy, dependencies, shell, Go, workflows
	@scripts/lint

unit: ## the tests that need no docker
	@scripts/browser
	@scripts/shells
	@scripts/run cargo test --locked

extension: ## the tests of the extension for Visual Studio Code
	@scripts/extension-tests

lab: ## build and start the lab, a real Kubernetes from package registries
	@tests/lab/lab up

real: ## the real binary in the lab
	@scripts/run cargo test --locked --test real

sweep: ## kill the binary in the lab at 60 random moments, and at 60 of helm's first tenth of a second; takes two hours
	@scripts/run cargo test --locked --test sweep -- --moments 60 --helm 60

bulk: ## twenty loads of two million rows on three nodes, with proofs beside them; takes an hour
	@cargo test --locked --test real -- --soak

soak: bulk sweep ## what is too long for `make test`: bulk loads, whole matrices

bench: release ## how long it takes beside the shell way, in the lab
	@tests/bench/bench

pins: ## ask upstream about everything that is pinned, and show what changed; needs the network
	@scripts/pins

build: ## the binary for this machine, for development
	@scripts/run cargo build --locked

release: ## the binary as it is released, static
	@scripts/build

release-dry-run: ## a whole release for this machine, installed from loopback
	@scripts/release/dry-run
