//! Waits that ask again: the one home of polls, of retries, and of pauses between them.
//!
//! What can be watched is watched. A poll is for the rest: an API server that is not there yet, a program in a container, a lock
//! that goes with its holders.

use std::time::Duration;

use crate::patience;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// The pace of a loop that asks until there is an answer. The loop ends by that, by a [`Patience`], or by the deadline of its step.
///
/// A value and not a function that takes the question: of a future that borrows from a closure which it may change, the compiler
/// cannot see that it may go to another thread (rust-lang/rust#100013).
#[derive(Debug)]
pub struct Polling {
    pauses: Interval,
}

impl Polling {
    /// At most one question in each such time, from its beginning to the beginning of the next.
    #[expect(clippy::disallowed_methods, reason = "this is where polls pause")]
    pub fn every(length: Duration) -> Self {
        let mut pauses = tokio::time::interval(length);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pauses }
    }

    /// Returns when it is time to ask: the first time at once, and again at once after a question that took longer than a pause.
    pub async fn turn(&mut self) {
        self.pauses.tick().await;
    }
}

/// How long something is waited for, from now on.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    began: Instant,
    length: Duration,
}

impl Patience {
    /// Begins to wait for at most so long.
    pub fn begin(length: Duration) -> Self {
        Self { began: Instant::now(), length }
    }

    /// Whether it has been waited for so long.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= self.length
    }

    /// When it is over, on the clock of tokio, which tests can stop.
    pub fn end(&self) -> Instant {
        self.began + self.length
    }
}

/// Attempts at something that may succeed a moment later: a registry that limits its rate, a link that breaks.
#[derive(Debug)]
pub struct Retry {
    attempts: usize,
    pauses: ExponentialBackoff,
}

impl Retry {
    /// For so many attempts in all.
    pub fn of(attempts: usize) -> Self {
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(patience::FIRST_PAUSE)
            .with_max_delay(patience::LONGEST_PAUSE)
            .with_max_times(attempts.saturating_sub(1));
        Self { attempts, pauses: pauses.build() }
    }

    /// Begins to count anew, because the last attempt brought something.
    pub fn renew(&mut self) {
        *self = Self::of(self.attempts);
    }

    /// To be called after an attempt that failed: returns when it is time for the next one. False, at once, if that was the last.
    /// `at_least`: how long the other side has asked to be left alone. `tell` gets the length of the pause.
    #[expect(clippy::disallowed_methods, reason = "this is where retries pause")]
    pub async fn again(&mut self, at_least: Option<Duration>, tell: impl FnOnce(Duration)) -> bool {
        let Some(pause) = self.pauses.next() else { return false };
        let pause = at_least.map_or(pause, |asked| asked.max(pause));
        tell(pause);
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Asks every second something that takes so long, three times; returns when it was asked.
    async fn asked_when_it_takes(length: Duration) -> Vec<Duration> {
        let (began, mut asked) = (Instant::now(), Vec::new());
        let mut polling = Polling::every(SECOND);
        while asked.len() < 3 {
            polling.turn().await;
            asked.push(began.elapsed());
            // Time passes while it is asked.
            tokio::time::advance(length).await;
        }
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_asked_at_once_and_then_in_its_time_however_long_it_takes() {
        assert_eq!(asked_when_it_takes(Duration::ZERO).await, [0, 1, 2].map(|seconds| SECOND * seconds));
        assert_eq!(asked_when_it_takes(SECOND * 3).await, [0, 3, 6].map(|seconds| SECOND * seconds));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_is_over_after_its_length() {
        let patience = Patience::begin(SECOND);
        assert!(!patience.is_over() && patience.end() == Instant::now() + SECOND);
        tokio::time::advance(SECOND).await;
        assert!(patience.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_and_their_pauses_grow_up_to_the_longest() {
        let (mut retry, mut pauses) = (Retry::of(7), Vec::new());
        while retry.again(None, |pause| pauses.push(pause)).await {}
        assert_eq!(pauses.len(), 6);
        // A random part of the shortest pause is added to each.
        assert!(pauses[0] >= patience::FIRST_PAUSE && pauses[0] <= patience::FIRST_PAUSE * 2, "{pauses:?}");
        assert!(
            pauses[5] >= patience::LONGEST_PAUSE && pauses.iter().max() <= Some(&(patience::LONGEST_PAUSE * 2)),
            "{pauses:?}"
        );
        retry.renew();
        assert!(retry.again(None, |_| {}).await, "what brought something is tried as often again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_as_long_as_the_other_side_has_asked() {
        let (began, mut told) = (Instant::now(), None);
        assert!(Retry::of(2).again(Some(SECOND * 60), |pause| told = Some(pause)).await);
        assert_eq!((told, began.elapsed()), (Some(SECOND * 60), SECOND * 60));
    }
}
