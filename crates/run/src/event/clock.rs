//! The time of a run: where it began the machine's clock counts, and from then on one that nobody sets.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock that never goes back, whatever is done to the machine's.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    began_at: Timestamp,
}

impl Clock {
    /// A clock that agrees with the machine's at this moment.
    pub fn starting_now() -> Self {
        Self { began: Instant::now(), began_at: Timestamp::now() }
    }

    /// The time by this clock, in UTC.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        // A time that no calendar has is no time of a run.
        self.began_at.checked_add(passed).unwrap_or(self.began_at)
    }
}

/// From the earlier of two times to the later; nothing if the clock was set back in between.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}
