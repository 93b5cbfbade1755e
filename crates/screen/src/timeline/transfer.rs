//! How fast bytes arrived, from how many had arrived at some moments.

use std::collections::BTreeMap;

use bootstrap_run::step::StepName;
use serde::Serialize;

use super::Seconds;

/// At a moment so many bytes of a transfer were there. A step may have several transfers at once, which are told apart
/// by their totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) step: StepName,
    pub(super) at: Seconds,
    pub(super) done: u64,
    pub(super) total: Option<u64>,
}

/// All bytes that arrived for one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Transfer {
    /// With those that were there from an earlier run.
    pub(crate) done: u64,
    /// `None` if a sender did not say.
    pub(crate) total: Option<u64>,
    /// When the first bytes were told of.
    pub(crate) from: Seconds,
    /// When the last bytes were told of.
    pub(crate) to: Seconds,
    /// Bytes a second from `from` to `to`; `None` if that is one moment.
    pub(crate) mean: Option<f64>,
    /// The highest mean over the time of one of the [`Rates`], and never below `mean`.
    pub(crate) peak: Option<f64>,
}

/// Bytes a second of all steps together, one number for each stretch of the run; all stretches are equally long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Rates {
    /// The length of a stretch.
    pub(crate) every: Seconds,
    /// Whole numbers, in the order of time.
    pub(crate) bytes_per_second: Vec<f64>,
}

impl Transfer {
    pub(super) fn of(step: StepName, samples: &[Sample], total: Seconds) -> Option<Self> {
        let samples: Vec<Sample> = samples.iter().filter(|sample| sample.step == step).copied().collect();
        let (from, to) = (samples.first()?.at, samples.last()?.at);
        let last: BTreeMap<Option<u64>, u64> = samples.iter().map(|sample| (sample.total, sample.done)).collect();
        let arrived: u64 = arrivals(&samples).iter().map(|arrival| arrival.bytes).sum();
        let mean = (to > from).then(|| number(arrived) / (to - from).as_f64());
        let fastest = Rates::of(&samples, total).bytes_per_second.into_iter().fold(0.0, f64::max);
        Some(Self {
            done: last.values().sum(),
            total: last.keys().copied().sum(),
            from,
            to,
            mean,
            peak: mean.map(|mean| mean.max(fastest)),
        })
    }
}

impl Rates {
    /// More would not be seen, and shorter stretches would show the way in which events are told.
    const MOST: f64 = 120.0;
    const SHORTEST: f64 = 0.25;

    pub(super) fn of(samples: &[Sample], total: Seconds) -> Self {
        let count = (total.as_f64() / Self::SHORTEST).clamp(1.0, Self::MOST).floor();
        let every = total.as_f64() / count;
        let mut bytes = vec![0.0; index(count)];
        for arrival in arrivals(samples) {
            arrival.spread(every, &mut bytes);
        }
        let a_second = |bytes: f64| if every > 0.0 { (bytes / every).round() } else { 0.0 };
        Self { every: Seconds::from_f64(every), bytes_per_second: bytes.into_iter().map(a_second).collect() }
    }
}

/// Bytes that came between two samples of a transfer.
struct Arrival {
    from: Seconds,
    to: Seconds,
    bytes: u64,
}

impl Arrival {
    /// Adds the bytes to the stretches in which they came, each its part.
    fn spread(&self, every: f64, bytes: &mut [f64]) {
        let (from, to) = (self.from.as_f64(), self.to.as_f64());
        let last = bytes.len().saturating_sub(1);
        if every <= 0.0 {
            return;
        }
        if to <= from {
            bytes[index(to / every).min(last)] += number(self.bytes);
            return;
        }
        for (place, sum) in bytes.iter_mut().enumerate().take(index(to / every).min(last) + 1).skip(index(from / every))
        {
            let begin = every * number(place as u64);
            let common = (to.min(begin + every) - from.max(begin)).max(0.0);
            *sum += number(self.bytes) * common / (to - from);
        }
    }
}

/// The first sample of a transfer tells what was there already. Fewer bytes than before are a new beginning, of which
/// the same holds.
fn arrivals(samples: &[Sample]) -> Vec<Arrival> {
    let mut last: BTreeMap<(StepName, Option<u64>), Sample> = BTreeMap::new();
    let mut arrivals = Vec::new();
    for sample in samples {
        if let Some(before) = last.insert((sample.step, sample.total), *sample)
            && sample.done > before.done
        {
            arrivals.push(Arrival { from: before.at, to: sample.at, bytes: sample.done - before.done });
        }
    }
    arrivals
}

/// For a chart: 53 bits are enough.
fn number(bytes: u64) -> f64 {
    bytes as f64
}

/// A place in a list; what is too far is the last one there can be.
fn index(place: f64) -> usize {
    place as usize
}
