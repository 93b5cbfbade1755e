//! Time in a run: a moment since its start, or a length. Exact inside, so that sums of the parts are the whole; seconds
//! with six decimals outside.

use std::iter::Sum;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A moment since the start of a run, or a length of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seconds(Duration);

impl Seconds {
    /// The start of the run; no time at all.
    pub(crate) const ZERO: Self = Self(Duration::ZERO);

    /// A length of time, exactly.
    pub(crate) fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// What an event says; what is no length counts as none.
    pub(crate) fn from_f64(seconds: f64) -> Self {
        Self(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// In seconds, with what a float keeps of it.
    pub(crate) fn as_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// This as a multiple of `whole`; `None` if that is nothing.
    pub(crate) fn over(self, whole: Self) -> Option<f64> {
        (whole > Self::ZERO).then(|| self.as_f64() / whole.as_f64())
    }
}

impl Add for Seconds {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A difference of moments, which is never negative: events are in order.
impl Sub for Seconds {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Seconds {
    fn sum<I: Iterator<Item = Self>>(lengths: I) -> Self {
        lengths.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((self.as_f64() * 1e6).round() / 1e6)
    }
}
