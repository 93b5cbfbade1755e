//! How long is waited for what, named by what it bounds; and the pace of polls (`POLL_…`), for what cannot be watched.

use std::time::Duration;

// ---- Other runs ----

/// Between two looks at the log and the status file of another run.
pub(crate) const POLL_RUN: Duration = Duration::from_millis(200);

/// A heartbeat that has not changed for so long is not merely late. A machine that wakes up finds an old one: its clock
/// went on while nothing ran.
pub(crate) const HEARTBEAT_IS_LATE: Duration = Duration::from_secs(5);

/// Between two signs of life of a writer.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);

/// A writer that gives no sign of life for so long is stopped or hangs.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The kernel takes a moment to end processes and to close their files.
pub(crate) const ORPHANS_END: Duration = Duration::from_secs(10);

/// `lsof` and `ps`, where there is no /proc.
#[cfg(not(target_os = "linux"))]
pub(crate) const ORPHANS_ARE_LISTED: Duration = Duration::from_secs(5);

/// Nobody is told of a shorter wait for a lock: a run that has just taken it writes down who it is in the next moment.
pub(crate) const UNTOLD_LOCK: Duration = Duration::from_secs(1);

/// Between two looks: a lock of the kind that goes with its holders cannot be waited for with a limit.
pub(crate) const POLL_LOCK: Duration = Duration::from_millis(50);

// ---- Files ----

/// A disk answers in milliseconds; a network file system whose server is away never does.
pub(crate) const FILE_IS_READ: Duration = Duration::from_secs(10);

/// Between two looks whether the end was asked for.
pub(crate) const POLL_END_OF_READING: Duration = Duration::from_millis(20);

// ---- Retries ----

/// The pauses between attempts grow from the first to the second, each with a random part: those who were refused together
/// do not come back together.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// See [`FIRST_PAUSE`].
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(8);
