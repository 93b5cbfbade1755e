//! How many files this process may have open, and with it the programs that it starts.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Failure, too_few_open_files};

/// A run has a connection for each download, three pipes for each program, and helm and kind open files of their own: some systems
/// give no more than this, and it is enough.
const LEAST: u64 = 256;

/// More than a run ever needs, and all that macOS gives (`OPEN_MAX`). Not more: there are programs that close every file that they
/// could have open, one by one, and some systems give a thousand million.
const WANTED: u64 = 10_240;

/// Raises the limit of open files: the soft one as far as the hard one lets us, and that one, too, where we may and it is too low. To
/// be called before a program is started, which inherits both.
///
/// # Errors
/// [`OpenFilesLimited`](crate::failure::FailureId::OpenFilesLimited) where fewer are allowed than a run needs.
pub fn raise_open_files() -> Result<(), Failure> {
    let found = getrlimit(Resource::Nofile);
    let is_too_low = |limit: Option<u64>, wanted: u64| limit.is_some_and(|limit| limit < wanted);
    let sets = |soft: u64, hard: Option<u64>| {
        setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum: hard }).is_ok()
    };
    if !is_too_low(found.current, WANTED) {
        return Ok(());
    }
    // An administrator may raise the hard one.
    if is_too_low(found.maximum, LEAST) && sets(WANTED, Some(WANTED)) {
        return Ok(());
    }
    let reachable = found.maximum.map_or(WANTED, |hard| hard.min(WANTED));
    let allowed = if sets(reachable, found.maximum) { reachable } else { found.current.unwrap_or(reachable) };
    if allowed < LEAST { Err(too_few_open_files(allowed, LEAST)) } else { Ok(()) }
}
