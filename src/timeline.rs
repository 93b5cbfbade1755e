//! The timeline of a run, made from its events: when each step began and ended, what it waited for, which programs it
//! started, which bytes arrived, and which chain of steps decided how long the whole took. Pure: events in, data out.

mod critical;
mod record;
mod seconds;
mod transfer;

use jiff::Timestamp;
use serde::Serialize;

use crate::event::{RunEnd, Stamped};
use crate::step::{Stage, StepId};

pub(crate) use critical::{Critical, Link, Through};
pub(crate) use seconds::Seconds;
pub(crate) use transfer::{Rates, Transfer};

/// The version of the JSON form of [`Timeline`].
pub(crate) const SCHEMA: u32 = 1;

/// A run as it went. Moments are [`Seconds`] since its `run-started`; `docs/events.md` describes the JSON form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Timeline {
    pub(crate) schema: u32,
    /// Of the program.
    pub(crate) version: String,
    pub(crate) cluster: String,
    pub(crate) started: Timestamp,
    /// `None` if the events break off before the run ended.
    pub(crate) end: Option<RunEnd>,
    /// From the first event to the last.
    pub(crate) seconds: Seconds,
    /// In the order of the plan.
    pub(crate) steps: Vec<Track>,
    /// In the order in which they ended.
    pub(crate) commands: Vec<CommandTrack>,
    pub(crate) critical: Critical,
    pub(crate) overlap: Overlap,
    pub(crate) rates: Rates,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Track {
    pub(crate) id: StepId,
    pub(crate) title: String,
    pub(crate) stage: Stage,
    pub(crate) needs: Vec<StepId>,
    pub(crate) yields_to: Vec<StepId>,
    pub(crate) outcome: Outcome,
    /// How it looks now that it holds, or how it failed. Empty if it did neither.
    pub(crate) detail: String,
    /// The id of its failure.
    pub(crate) failure: Option<String>,
    /// What the first look found, if the step had to be made true.
    pub(crate) found: Option<String>,
    /// When it was first looked at: all that it needs held.
    pub(crate) start: Option<Seconds>,
    /// When it began to leave what is scarce to others.
    pub(crate) queued: Option<Seconds>,
    /// The steps that it was queued behind.
    pub(crate) behind: Vec<StepId>,
    /// When it began to be made true.
    pub(crate) applying: Option<Seconds>,
    pub(crate) end: Option<Seconds>,
    /// The time that it took of its own: from `start` to `end` without the queue.
    pub(crate) own: Seconds,
    pub(crate) waits: Vec<Wait>,
    pub(crate) bytes: Option<Transfer>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It held when it was first looked at.
    Done,
    /// It was made true.
    Changed,
    Failed,
    /// It was given up, or the events break off before its end.
    Cancelled,
    NeverStarted,
}

/// A stretch in which a step waited for one thing. It ends when bytes arrive, too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Wait {
    pub(crate) reason: String,
    pub(crate) from: Seconds,
    pub(crate) to: Seconds,
}

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CommandTrack {
    pub(crate) step: Option<StepId>,
    pub(crate) command: String,
    /// `None` if it was killed or never ran.
    pub(crate) exit: Option<i32>,
    pub(crate) from: Seconds,
    pub(crate) to: Seconds,
}

/// How much of the run's work was done at the same time. A step in a queue does not run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Overlap {
    /// All steps' own time over the time of the run; `None` of a run that took no time.
    pub(crate) factor: Option<f64>,
    /// The most steps that ran at once.
    pub(crate) most: usize,
    /// How many run from each of these moments on.
    pub(crate) moments: Vec<Running>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Running {
    pub(crate) at: Seconds,
    pub(crate) steps: usize,
}

impl Timeline {
    /// The timeline of the run that these events tell of, in the order in which they happened; `None` if they do not
    /// tell how it started. A clock that was set back in the middle counts as one that stood still.
    pub(crate) fn of(events: &[Stamped]) -> Option<Self> {
        let record = record::Record::of(events)?;
        let critical = Critical::of(&record.steps, &record.ended, record.now);
        let overlap = Overlap::of(&record.steps, record.now);
        let rates = Rates::of(&record.samples, record.now);
        let mut steps = record.steps;
        for step in &mut steps {
            step.bytes = Transfer::of(step.id, &record.samples, record.now);
        }
        Some(Self {
            schema: SCHEMA,
            version: record.version,
            cluster: record.cluster,
            started: record.started,
            end: record.end,
            seconds: record.now,
            steps,
            commands: record.commands,
            critical,
            overlap,
            rates,
        })
    }

    pub(crate) fn step(&self, id: StepId) -> Option<&Track> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl Track {
    /// The time between being queued and being made true, or being given up.
    pub(crate) fn queue(&self) -> Option<(Seconds, Seconds)> {
        let until = self.applying.or(self.end)?;
        self.queued.map(|from| (from, until))
    }

    /// The stretches in which it ran.
    fn runs(&self) -> Vec<(Seconds, Seconds)> {
        let (Some(start), Some(end)) = (self.start, self.end) else { return Vec::new() };
        match self.queue() {
            Some((queued, until)) => vec![(start, queued), (until, end)],
            None => vec![(start, end)],
        }
    }
}

impl Overlap {
    fn of(steps: &[Track], total: Seconds) -> Self {
        let stretches = steps.iter().flat_map(Track::runs).filter(|(from, to)| from < to);
        let mut changes: Vec<(Seconds, bool)> = stretches.flat_map(|(from, to)| [(from, true), (to, false)]).collect();
        // At one moment what ends comes first: a step that starts when another ends does not overlap it.
        changes.sort_unstable();
        let (mut moments, mut running) = (Vec::<Running>::new(), 0_usize);
        for (at, begins) in changes {
            running = if begins { running + 1 } else { running.saturating_sub(1) };
            match moments.last_mut() {
                Some(last) if last.at == at => last.steps = running,
                _ => moments.push(Running { at, steps: running }),
            }
        }
        let own: Seconds = steps.iter().map(|step| step.own).sum();
        let most = moments.iter().map(|moment| moment.steps).max().unwrap_or_default();
        Self { factor: own.over(total), most, moments }
    }
}

#[cfg(test)]
mod tests;
