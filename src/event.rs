//! What happens in a run, as data. Steps report, `ui` draws, and neither knows the other.

#[cfg(test)]
pub(crate) mod recorder;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::matrix::Matrix;
use crate::step::{Observation, Stage, StepId};

/// Something that happened. Serialised as it is for `--output json` and for the log; `docs/events.md` describes every
/// field. Read back by those who follow the run of another process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The first one: what is going to happen.
    RunStarted { schema: u32, version: String, cluster: String, steps: Vec<PlannedStep> },
    /// Everything that the step needs holds: it is looked at.
    StepStarted { step: StepId },
    /// The step does not hold, and leaves what is scarce to these others first.
    StepQueued { step: StepId, behind: Vec<StepId> },
    /// The step does not hold, and is made true from now on. `found`: missing, wrong or waiting.
    StepApplying { step: StepId, found: String, detail: String },
    /// What the step is waiting for now. Repeated only when it changes.
    StepWaiting { step: StepId, reason: String },
    /// Bytes that arrived, out of so many if the sender says.
    StepBytes { step: StepId, done: u64, total: Option<u64> },
    /// The step holds.
    StepDone { step: StepId, detail: String, changed: bool, seconds: f64 },
    /// The step failed, and with it the run.
    StepFailed { step: StepId, id: String, summary: String, evidence: Vec<String>, hint: String, seconds: f64 },
    /// The step was given up because another one failed or the run was stopped.
    StepCancelled { step: StepId, seconds: f64 },
    /// The replication proof, as soon as there is one.
    Proof { matrix: Matrix },
    /// A program that was started has ended: with an exit code, or without one because it was killed or never ran.
    CommandEnded { step: Option<StepId>, command: String, exit: Option<i32>, seconds: f64, output: Vec<String> },
    /// The last one.
    RunFinished { ok: bool, end: RunEnd, changed: usize, seconds: f64 },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunEnd {
    /// Every step holds.
    Done,
    /// A step failed.
    Failed,
    /// A person, or the system, asked it to stop.
    Interrupted,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlannedStep {
    pub(crate) id: StepId,
    pub(crate) title: String,
    pub(crate) stage: Stage,
    /// The steps that must hold before it is looked at.
    pub(crate) needs: Vec<StepId>,
    /// The steps that it leaves what is scarce to: it is made true when they have ended.
    pub(crate) yields_to: Vec<StepId>,
}

/// An event and when it happened: a line of the JSON form, and of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stamped {
    pub(crate) time: Timestamp,
    #[serde(flatten)]
    pub(crate) event: Event,
}

impl Stamped {
    pub(crate) fn now(event: &Event) -> Self {
        Self { time: Timestamp::now(), event: event.clone() }
    }
}

/// The version of the JSON form of [`Event`].
pub(crate) const SCHEMA: u32 = 1;

/// Receives events in the order in which they happen. Must not block for long: steps call it.
pub(crate) trait Reporter: Send + Sync {
    fn report(&self, event: &Event);

    /// Receives an event of another process's run, which happened when it says.
    fn replay(&self, stamped: &Stamped) {
        self.report(&stamped.event);
    }
}

tokio::task_local! {
    static CURRENT: StepReporter;
}

/// What a step holds while it runs: the way to tell what it does. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StepReporter {
    step: StepId,
    reporter: Arc<dyn Reporter>,
    last_seen: Arc<Mutex<String>>,
    last_bytes: Arc<Mutex<Option<(Instant, u64)>>>,
}

/// Bytes arrive in chunks of kilobytes: nobody reads a thousand lines a second.
const BYTES_EVERY: Duration = Duration::from_millis(100);

impl StepReporter {
    pub(crate) fn new(step: StepId, reporter: Arc<dyn Reporter>) -> Self {
        Self { step, reporter, last_seen: Arc::default(), last_bytes: Arc::default() }
    }

    /// Says what is being waited for. Saying the same again is not an event.
    pub(crate) fn waiting(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let mut last_seen = self.last_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *last_seen != reason {
            last_seen.clone_from(&reason);
            self.reporter.report(&Event::StepWaiting { step: self.step, reason });
        }
    }

    /// Says that the step is being made true, and what was found in its place.
    pub(crate) fn applying(&self, found: &Observation) {
        let (word, detail) = (found.word().to_owned(), found.detail().to_owned());
        self.reporter.report(&Event::StepApplying { step: self.step, found: word, detail });
    }

    /// Says how many bytes have arrived. Told ten times a second, at every hundredth of the total, and when the last one is
    /// there: what is not told when a sender stalls is too little to be missed.
    pub(crate) fn bytes(&self, done: u64, total: Option<u64>) {
        let mut last = self.last_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let share = total.map_or(1 << 20, |total| total / 100);
        let telling = |(at, told): (Instant, u64)| at.elapsed() >= BYTES_EVERY || done < told || done - told >= share;
        if total == Some(done) || last.is_none_or(telling) {
            *last = Some((Instant::now(), done));
            self.reporter.report(&Event::StepBytes { step: self.step, done, total });
        }
    }

    /// Hands over the result of the proof.
    pub(crate) fn proof(&self, matrix: &Matrix) {
        self.reporter.report(&Event::Proof { matrix: matrix.clone() });
    }

    /// Says that a program has ended.
    pub(crate) fn command(&self, command: String, exit: Option<i32>, seconds: f64, output: Vec<String>) {
        let step = Some(self.step);
        self.reporter.report(&Event::CommandEnded { step, command, exit, seconds, output });
    }

    /// Does work in the name of the step: the programs that it starts are reported with it.
    pub(crate) async fn named<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// The reporter of the step in whose name this code runs; `None` outside of a run.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// What was last waited for: the evidence of a deadline. Empty if nothing was.
    pub(crate) fn last_seen(&self) -> String {
        self.last_seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for StepReporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StepReporter").field("step", &self.step).finish_non_exhaustive()
    }
}

/// A step that has been started and must end with a verdict: dropped without one, it reports itself as cancelled.
pub(crate) struct RunningStep {
    step: StepId,
    started: Instant,
    reporter: Option<Arc<dyn Reporter>>,
}

impl RunningStep {
    pub(crate) fn start(step: StepId, reporter: Arc<dyn Reporter>) -> Self {
        reporter.report(&Event::StepStarted { step });
        Self { step, started: Instant::now(), reporter: Some(reporter) }
    }

    pub(crate) fn step(&self) -> StepId {
        self.step
    }

    pub(crate) fn done(mut self, detail: String, changed: bool) {
        let event = Event::StepDone { step: self.step, detail, changed, seconds: self.seconds() };
        self.conclude(&event);
    }

    pub(crate) fn failed(mut self, error: &anyhow::Error) {
        let (step, seconds) = (self.step, self.seconds());
        let event = match crate::failure::of(error) {
            Some(failure) => Event::StepFailed {
                step,
                id: failure.id().as_str().to_owned(),
                summary: failure.summary().to_owned(),
                evidence: failure.seen().to_vec(),
                hint: failure.advice(),
                seconds,
            },
            None => Event::StepFailed {
                step,
                id: "unexpected".to_owned(),
                summary: format!("{error:#}"),
                evidence: Vec::new(),
                hint: String::new(),
                seconds,
            },
        };
        self.conclude(&event);
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn conclude(&mut self, event: &Event) {
        if let Some(reporter) = self.reporter.take() {
            reporter.report(event);
        }
    }
}

impl Drop for RunningStep {
    fn drop(&mut self) {
        let event = Event::StepCancelled { step: self.step, seconds: self.seconds() };
        self.conclude(&event);
    }
}
