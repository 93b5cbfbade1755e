//! What happens in a run, as data. Steps report, `ui` draws, and neither knows the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::matrix::Matrix;
use crate::step::{Stage, StepId};

/// Something that happened. Serialised as it is for `--output json`; `docs/events.md` describes every field.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The first one: what is going to happen.
    RunStarted { schema: u32, version: &'static str, cluster: String, steps: Vec<PlannedStep> },
    /// Work on a step began.
    StepStarted { step: StepId },
    /// What the step is waiting for now. Repeated only when it changes.
    StepWaiting { step: StepId, reason: String },
    /// Bytes that arrived, out of so many if the sender says.
    StepBytes { step: StepId, done: u64, total: Option<u64> },
    /// The step holds.
    StepDone { step: StepId, detail: String, changed: bool, seconds: f64 },
    /// The step failed, and with it the run.
    StepFailed { step: StepId, id: &'static str, summary: String, evidence: Vec<String>, hint: String, seconds: f64 },
    /// The step was given up because another one failed or the run was stopped.
    StepCancelled { step: StepId, seconds: f64 },
    /// The replication proof, as soon as there is one.
    Proof { matrix: Matrix },
    /// The last one.
    RunFinished { ok: bool, changed: usize, seconds: f64 },
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlannedStep {
    pub(crate) id: StepId,
    pub(crate) title: &'static str,
    pub(crate) stage: Stage,
    pub(crate) needs: Vec<StepId>,
}

/// The version of the JSON form of [`Event`].
pub(crate) const SCHEMA: u32 = 1;

/// Receives events in the order in which they happen. Must not block for long: steps call it.
pub(crate) trait Reporter: Send + Sync {
    fn report(&self, event: &Event);
}

/// What a step holds while it runs: the way to tell what it does. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StepReporter {
    step: StepId,
    reporter: Arc<dyn Reporter>,
    last_seen: Arc<Mutex<String>>,
}

impl StepReporter {
    pub(crate) fn new(step: StepId, reporter: Arc<dyn Reporter>) -> Self {
        Self { step, reporter, last_seen: Arc::default() }
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

    /// Says how many bytes have arrived.
    pub(crate) fn bytes(&self, done: u64, total: Option<u64>) {
        self.reporter.report(&Event::StepBytes { step: self.step, done, total });
    }

    /// Hands over the result of the proof.
    pub(crate) fn proof(&self, matrix: &Matrix) {
        self.reporter.report(&Event::Proof { matrix: matrix.clone() });
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

    pub(crate) fn done(mut self, detail: String, changed: bool) {
        let event = Event::StepDone { step: self.step, detail, changed, seconds: self.seconds() };
        self.conclude(&event);
    }

    pub(crate) fn failed(mut self, error: &anyhow::Error) {
        let (step, seconds) = (self.step, self.seconds());
        let event = match crate::failure::of(error) {
            Some(failure) => Event::StepFailed {
                step,
                id: failure.id().as_str(),
                summary: failure.summary().to_owned(),
                evidence: failure.seen().to_vec(),
                hint: failure.advice(),
                seconds,
            },
            None => Event::StepFailed {
                step,
                id: "unexpected",
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
