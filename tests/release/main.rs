//! The set of a release as `scripts/release/set` has made it: what is in it, that it installs, and that its binary needs nothing of the
//! machine on which it runs. `make test` makes the set and runs this; by hand it is `make release-dry-run`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

// What is in the set, and in an archive.
mod assets;
// How it gets onto a machine: by install.sh, by cargo-binstall, by the feature of dev containers.
mod feature;
mod installs;
// Where the binary runs: machines that have less and less.
mod roots;

mod elf;
mod served;

#[path = "../common/terminal.rs"]
#[expect(dead_code, reason = "the whole-program tests use it")]
mod common_terminal;
#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the whole-program tests use more of it")]
mod support;
