//! How long is waited for what, named by what it bounds; and the pace of polls (`POLL_…`), for what cannot be watched.

use std::time::Duration;

/// The longest that a server may ask us to wait before it counts as an answer of no.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// How long to wait for a connection, and for the next bytes on one. A transfer as a whole has no limit here: the
/// step's deadline is its limit.
pub(crate) const CONNECT: Duration = Duration::from_secs(15);

/// See [`CONNECT`].
pub(crate) const SILENCE: Duration = Duration::from_secs(30);

/// As long as one answer may take.
pub(crate) const TEXT_ARRIVES: Duration = Duration::from_secs(60);

/// A file that is only hashed, to compare it with its pin.
pub(crate) const FILE_ARRIVES: Duration = Duration::from_secs(30 * 60);

/// A file lock can be waited for only by a thread that nothing can interrupt; asking again can be stopped.
pub(crate) const POLL_LOCK: Duration = Duration::from_millis(50);
