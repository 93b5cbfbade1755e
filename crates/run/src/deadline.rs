//! The moment by which a run must be over, whatever it waits for.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::duration::in_words;
use crate::failure::{Failure, FailureId};

/// When a run has to be over: so long after its command began, which is before the engine does.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    end: Instant,
    length: Duration,
}

impl Deadline {
    /// So long from now.
    pub fn after(length: Duration) -> Self {
        Self { end: Instant::now() + length, length }
    }

    /// The moment after which the run is over, on the clock of tokio, which tests can stop.
    pub fn end(self) -> Instant {
        self.end
    }

    /// None is left once it has passed.
    pub fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// What a run says whose deadline has passed. `lacks`: what it was at, in words that complete "and …".
    pub fn passed(self, lacks: &str) -> Failure {
        let what = format!("the run's deadline of {} has passed, and {lacks}", in_words(self.length));
        Failure::new(FailureId::RunDeadline, what)
    }

    /// Gives the work up when this has passed; the programs that it runs end with it. Work that nobody bounds may take as long as it
    /// does. `lacks`: as of [`Self::passed`].
    ///
    /// # Errors
    /// [`FailureId::RunDeadline`], and those of the work.
    pub async fn bounds<T>(this: Option<Self>, lacks: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(deadline) = this else { return work.await };
        tokio::time::timeout_at(deadline.end, work).await.unwrap_or_else(|_| Err(deadline.passed(lacks).into()))
    }
}
