//! How long is waited for what, named by what it bounds; and the pace of polls (`POLL_…`), for what cannot be watched.

use std::time::Duration;

/// When one thing breaks, several steps notice: docker that goes away fails all that use it within this time.
pub(crate) const FAILURES_COME_TOGETHER: Duration = Duration::from_millis(300);

/// At most one attempt in this time at a step that slips back. An attempt itself waits for what can be waited for.
pub(crate) const POLL_STEP: Duration = Duration::from_millis(500);

/// A look reads and changes nothing: what takes longer hangs.
pub(crate) const LOOK: Duration = Duration::from_secs(60);

/// A Kubernetes API that is away for longer than a restart takes will not come back by itself.
pub(crate) const API_IS_AWAY: Duration = Duration::from_secs(30);
