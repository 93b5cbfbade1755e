//! Which edition of the program this is: its version, the commit that it was built from, and the default stack, which has its pins.

use std::sync::LazyLock;

use bootstrap_fetch::sum::Sha256;

use crate::stack::Stack;

/// The commit, from `build.rs`: `-changed` behind it when the sources were not those of the commit, `unknown` when nobody knows.
const COMMIT: &str = env!("PGEDGE_BOOTSTRAP_COMMIT");

/// What `--version` says behind the name. `-V` says the first line.
pub(crate) static EDITION: LazyLock<String> = LazyLock::new(|| {
    let pins = Sha256::of(Stack::PGEDGE);
    format!("{}\ncommit {COMMIT}\npins {}", env!("CARGO_PKG_VERSION"), &pins.as_str()[..12])
});
