//! How far a transfer is and how fast it goes.

use std::collections::VecDeque;
use std::time::Duration;

/// What the rate is measured over: long enough to be calm, short enough to be true.
const WINDOW: Duration = Duration::from_secs(5);

/// Between two samples. A fast link reports thousands of times in a second.
const INTERVAL: Duration = Duration::from_millis(100);

/// A rate that was measured over less than this says nothing.
const FIRST_RATE: Duration = Duration::from_millis(500);

/// A transfer that has brought nothing for so long has stalled.
const STALLED: Duration = Duration::from_secs(5);

/// Bytes that arrive.
#[derive(Debug, Clone)]
pub(in crate::ui) struct Transfer {
    pub(in crate::ui) done: u64,
    pub(in crate::ui) total: Option<u64>,
    /// When the last byte arrived.
    arrived: Duration,
    /// When there were how many bytes, the oldest first; never empty.
    samples: VecDeque<(Duration, u64)>,
}

impl Transfer {
    /// What is there already was not moved now: it does not count for the rate.
    pub(super) fn new(done: u64, total: Option<u64>, now: Duration) -> Self {
        Self { done, total, arrived: now, samples: VecDeque::from([(now, done)]) }
    }

    pub(super) fn record(&mut self, done: u64, total: Option<u64>, now: Duration) {
        if done < self.done {
            // It began anew.
            *self = Self::new(done, total, now);
            return;
        }
        if done > self.done {
            self.arrived = now;
        }
        (self.done, self.total) = (done, total);
        if self.samples.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= INTERVAL) {
            self.samples.push_back((now, done));
        }
        // The last sample before the window stays: it is where the window begins.
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second over the last five seconds; none yet right after the start.
    pub(in crate::ui) fn rate(&self, now: Duration) -> Option<f64> {
        let begins = now.saturating_sub(WINDOW);
        let from = self.samples.iter().rev().find(|(at, _)| *at <= begins).or_else(|| self.samples.front())?;
        let time = now.saturating_sub(from.0.max(begins));
        (time >= FIRST_RATE).then(|| self.done.saturating_sub(from.1) as f64 / time.as_secs_f64())
    }

    /// How long it takes to the end at the present rate, if both are known.
    pub(in crate::ui) fn left(&self, now: Duration) -> Option<Duration> {
        let (total, rate) = (self.total?, self.rate(now)?);
        let left = Duration::try_from_secs_f64(total.saturating_sub(self.done) as f64 / rate).ok()?;
        // Beyond a day it is a number, not an answer.
        (left < Duration::from_secs(86_400)).then_some(left)
    }

    /// How long nothing has arrived, if that is long and not all is there.
    pub(in crate::ui) fn stalled(&self, now: Duration) -> Option<Duration> {
        let silent = now.saturating_sub(self.arrived);
        (silent >= STALLED && self.total != Some(self.done)).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut transfer = Transfer::new(1_000_000, Some(100_000_000), at(0));
        assert_eq!((transfer.rate(at(100)), transfer.left(at(100))), (None, None));
        for tenth in 1..=100 {
            transfer.record(1_000_000 + tenth * 200_000, Some(100_000_000), at(tenth * 100));
        }
        assert_eq!(transfer.rate(at(10_000)), Some(2_000_000.0));
        assert_eq!(transfer.left(at(10_000)), Some(Duration::from_millis(39_500)));
        // Ten times as fast from now on: five seconds later nothing of the slow time is left in it.
        for tenth in 1..=60 {
            transfer.record(21_000_000 + tenth * 1_000_000, Some(100_000_000), at(10_000 + tenth * 100));
        }
        assert_eq!(transfer.rate(at(16_000)), Some(10_000_000.0));
    }

    #[test]
    fn a_transfer_without_bytes_has_stalled() {
        let mut transfer = Transfer::new(0, Some(10_000_000), at(0));
        transfer.record(5_000_000, Some(10_000_000), at(1000));
        assert_eq!((transfer.stalled(at(2000)), transfer.stalled(at(13_000))), (None, Some(at(12_000))));
        assert_eq!((transfer.rate(at(13_000)), transfer.left(at(13_000))), (Some(0.0), None));
        transfer.record(10_000_000, Some(10_000_000), at(14_000));
        assert_eq!(transfer.stalled(at(60_000)), None);
    }

    #[test]
    fn a_transfer_that_begins_anew_is_measured_anew() {
        let mut transfer = Transfer::new(0, None, at(0));
        transfer.record(9_000_000, None, at(3000));
        transfer.record(0, Some(10), at(4000));
        assert_eq!((transfer.done, transfer.total, transfer.rate(at(4100))), (0, Some(10), None));
    }
}
