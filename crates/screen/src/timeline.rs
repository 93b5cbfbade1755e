//! The timeline of a run, made from its events: when each step began and ended, what it waited for, which programs it
//! started, which bytes arrived, and which chain of steps decided how long the whole took. Pure: events in, data out.

mod critical;
mod record;
mod seconds;
mod transfer;

use bootstrap_run::event::{RunEnd, Stamped};
use bootstrap_run::step::{Stage, StepName};
use jiff::Timestamp;
use serde::Serialize;

pub(crate) use critical::{Critical, Link, Through};
pub(crate) use seconds::Seconds;
pub(crate) use transfer::{Rates, Transfer};

/// The version of the JSON form of [`Timeline`].
pub(crate) const SCHEMA: u32 = 1;

/// A run as it went. Moments are [`Seconds`] since its `run-started`; `docs/events.md` describes the JSON form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Timeline {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// Of the program that did the run.
    pub(crate) version: String,
    /// The name of the cluster.
    pub(crate) cluster: String,
    /// When `run-started` was told, in UTC.
    pub(crate) started: Timestamp,
    /// `None` if the events break off before the run ended.
    pub(crate) end: Option<RunEnd>,
    /// From the first event to the last.
    pub(crate) seconds: Seconds,
    /// In the order of the plan.
    pub(crate) steps: Vec<Track>,
    /// In the order in which they ended.
    pub(crate) commands: Vec<CommandTrack>,
    /// The chain of steps that decided how long the run took.
    pub(crate) critical: Critical,
    /// How much was done at the same time.
    pub(crate) overlap: Overlap,
    /// How fast bytes arrived, of all steps together.
    pub(crate) rates: Rates,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Track {
    /// The name of the step, as events have it.
    pub(crate) id: StepName,
    /// A sentence that is true once the step holds.
    pub(crate) title: String,
    /// The group of steps that it belongs to.
    pub(crate) stage: Stage,
    /// The steps that must hold before it is looked at.
    pub(crate) needs: Vec<StepName>,
    /// The steps that it leaves what is scarce to.
    pub(crate) yields_to: Vec<StepName>,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How it looks now that it holds, or how it failed. Empty if it did neither.
    pub(crate) detail: String,
    /// The id of its failure.
    pub(crate) failure: Option<String>,
    /// What the first look found, if the step had to be applied.
    pub(crate) found: Option<String>,
    /// When it was first looked at: all that it needs held.
    pub(crate) start: Option<Seconds>,
    /// When it began to leave what is scarce to others.
    pub(crate) queued: Option<Seconds>,
    /// The steps that it was queued behind.
    pub(crate) behind: Vec<StepName>,
    /// When it began to be applied.
    pub(crate) applying: Option<Seconds>,
    /// When it ended. Of a step that was cut off, when the events break off.
    pub(crate) end: Option<Seconds>,
    /// The time that it took of its own: from `start` to `end` without the queue.
    pub(crate) own: Seconds,
    /// What it waited for, in order.
    pub(crate) waits: Vec<Wait>,
    /// The bytes that it fetched; `None` if it fetched none.
    pub(crate) bytes: Option<Transfer>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It held when it was first looked at.
    Done,
    /// It was applied.
    Changed,
    /// It failed, and with it the run.
    Failed,
    /// It was given up, or the events break off before its end.
    Cancelled,
    /// The run ended before everything that it needs held.
    NeverStarted,
}

/// A stretch in which a step waited for one thing. It ends when bytes arrive, too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Wait {
    /// What was waited for, for people.
    pub(crate) reason: String,
    pub(crate) from: Seconds,
    pub(crate) to: Seconds,
}

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CommandTrack {
    /// The step in whose name it ran; `None` outside of a step.
    pub(crate) step: Option<StepName>,
    /// The command line.
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

/// How many steps run from a moment on, until the next such moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Running {
    /// The moment.
    pub(crate) at: Seconds,
    /// How many run.
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

    /// What became of this step, if it was planned.
    pub(crate) fn step(&self, id: StepName) -> Option<&Track> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl Track {
    /// The time between being queued and being applied, or being given up.
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
