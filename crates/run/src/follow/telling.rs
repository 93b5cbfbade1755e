//! What is told to the reporter of a run that began before we came: not each word that was ever said, and every step
//! that was started ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Event, Reporter, RunEnd, Stamped};
use crate::matrix::Matrix;
use crate::run_state::{Phase, RunState, StepPhase};
use crate::step::StepName;

pub(super) struct Telling {
    reporter: Arc<dyn Reporter>,
    /// Whether the past has been told, and what comes now is news.
    caught_up: bool,
    /// The steps that were started and have not ended, with their starts.
    running: BTreeMap<StepName, Timestamp>,
    failed: bool,
    end: Option<RunEnd>,
    proof: Option<Matrix>,
}

impl Telling {
    pub(super) fn new(reporter: Arc<dyn Reporter>) -> Self {
        Self { reporter, caught_up: false, running: BTreeMap::new(), failed: false, end: None, proof: None }
    }

    /// How the run ended, as it was told.
    pub(super) fn end(&self) -> Option<RunEnd> {
        self.end
    }

    pub(super) fn proof(&self) -> Option<Matrix> {
        self.proof.clone()
    }

    /// Tells the events that were read. The first of them are the past.
    pub(super) fn tell(&mut self, events: Vec<Stamped>) {
        let events = if self.caught_up { events } else { essence(events) };
        self.caught_up = true;
        for stamped in &events {
            self.tell_one(stamped);
        }
    }

    /// The steps of the run so far go on no more: another run took its place.
    pub(super) fn another_run(&mut self) {
        let time = Timestamp::now();
        for (step, since) in self.running.clone() {
            let seconds = time.duration_since(since).as_secs_f64();
            self.tell_one(&Stamped { time, event: Event::StepCancelled { step, seconds } });
        }
        (self.caught_up, self.failed, self.proof) = (false, false, None);
    }

    /// Tells from its status what the log of a run that ended does not.
    pub(super) fn tell_the_end_of(&mut self, run: &RunState) {
        let time = run.heartbeat;
        let end = match run.state {
            Phase::Running => return,
            Phase::Done => RunEnd::Done,
            Phase::Failed => RunEnd::Failed,
            Phase::Interrupted => RunEnd::Interrupted,
        };
        if let Some(failure) = run.failure.clone().filter(|_| !self.failed) {
            let seconds = run.steps.iter().find(|step| step.id == failure.step).and_then(|step| step.seconds);
            let (step, failure) = (failure.step, failure.report);
            let event = Event::StepFailed { step, failure, seconds: seconds.unwrap_or_default() };
            self.tell_one(&Stamped { time, event });
        }
        for step in self.running.keys().copied().collect::<Vec<_>>() {
            let known = run.steps.iter().find(|known| known.id == step);
            let seconds = known.and_then(|known| known.seconds).unwrap_or_default();
            let event = match known {
                Some(known) if known.state == StepPhase::Done => {
                    Event::StepDone { step, detail: known.detail.clone(), changed: true, seconds }
                }
                _ => Event::StepCancelled { step, seconds },
            };
            self.tell_one(&Stamped { time, event });
        }
        let (changed, seconds) = (run.changed, run.seconds.unwrap_or_default());
        let event = Event::RunFinished { ok: end == RunEnd::Done, end, changed, seconds };
        self.tell_one(&Stamped { time, event });
    }

    fn tell_one(&mut self, stamped: &Stamped) {
        match &stamped.event {
            Event::StepStarted { step } => drop(self.running.insert(*step, stamped.time)),
            Event::StepFailed { step, .. } => {
                self.failed = true;
                self.running.remove(step);
            }
            Event::StepDone { step, .. } | Event::StepCancelled { step, .. } => drop(self.running.remove(step)),
            Event::Proof { matrix } => self.proof = Some(matrix.clone()),
            Event::RunFinished { end, .. } => self.end = Some(*end),
            _ => {}
        }
        self.reporter.report(stamped);
    }
}

/// What one must know who comes late: which steps ended and how, and the newest word on those that run.
fn essence(events: Vec<Stamped>) -> Vec<Stamped> {
    let mut told = BTreeSet::new();
    let mut essence: Vec<Stamped> = Vec::new();
    for stamped in events.into_iter().rev() {
        let is_needed = match &stamped.event {
            Event::RunStarted { .. }
            | Event::StepStarted { .. }
            | Event::Proof { .. }
            | Event::ClusterAdopted { .. }
            | Event::SlotRenewed { .. }
            | Event::RunFailed { .. }
            | Event::RunFinished { .. } => true,
            Event::StepDone { step, .. } | Event::StepFailed { step, .. } | Event::StepCancelled { step, .. } => {
                told.extend([("phase", *step), ("reason", *step), ("bytes", *step)]);
                true
            }
            Event::StepQueued { step, .. } | Event::StepApplying { step, .. } => told.insert(("phase", *step)),
            Event::StepWaiting { step, .. } => told.insert(("reason", *step)),
            Event::StepBytes { step, .. } => told.insert(("bytes", *step)),
            Event::CommandEnded { .. } => false,
        };
        if is_needed {
            essence.push(stamped);
        }
    }
    essence.reverse();
    essence
}
