//! The state of a run as its events tell it: what runs, since when, what it waits for, how far it is; and what is to
//! stay on the screen. Pure: the time comes from outside, so the run may be our own, another process's, or a recorded
//! one.

mod transfer;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{Event, RunEnd};
use crate::step::{Stage, StepId};

pub(super) use transfer::Transfer;

/// Times are measured from the start of the run.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Every held step gets a line of its own, and commands are kept.
    verbose: bool,
    /// The steps of each stage that have not ended.
    left: BTreeMap<Stage, usize>,
    planned: usize,
    ended: usize,
    /// In the order in which they started, so that a line keeps its place.
    running: Vec<Running>,
    /// What was found to hold already, until its stage is through.
    held: BTreeMap<Stage, Vec<Held>>,
    cancelled: Vec<StepId>,
    failures: Vec<Told>,
}

/// A step between its start and its end.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) step: StepId,
    pub(super) since: Duration,
    pub(super) doing: Doing,
    /// What has arrived; kept while something else is waited for.
    transfer: Option<Transfer>,
}

/// What a running step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doing {
    Looking,
    Queued { behind: Vec<StepId> },
    Waiting { reason: String, since: Duration },
    Transferring,
}

/// A step that held already, with how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) step: StepId,
    pub(super) detail: String,
}

/// A failure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) summary: String,
    pub(super) evidence: Vec<String>,
    pub(super) hint: String,
}

/// What stays when it has been said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    Heading {
        version: String,
        cluster: String,
    },
    Done {
        step: StepId,
        detail: String,
        seconds: Option<f64>,
    },
    Held {
        stage: Stage,
        steps: Vec<Held>,
    },
    Failed {
        step: StepId,
        seconds: f64,
    },
    Cancelled {
        steps: Vec<StepId>,
    },
    Command {
        command: String,
        exit: Option<i32>,
        seconds: f64,
        output: Vec<String>,
    },
    Closing {
        end: RunEnd,
        changed: usize,
        seconds: f64,
    },
    /// Last, so that it is what the eye finds.
    Failure(Told),
}

impl Board {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, ..Self::default() }
    }

    /// Takes note of what happened, and tells what is to stay on the screen from now on.
    pub(super) fn apply(&mut self, event: &Event, now: Duration) -> Vec<Kept> {
        match event {
            Event::RunStarted { version, cluster, steps, .. } => {
                self.planned = steps.len();
                for step in steps {
                    *self.left.entry(step.stage).or_default() += 1;
                }
                return vec![Kept::Heading { version: version.clone(), cluster: cluster.clone() }];
            }
            Event::StepStarted { step } => {
                self.running.push(Running { step: *step, since: now, doing: Doing::Looking, transfer: None });
            }
            Event::StepQueued { step, behind } => self.does(*step, Doing::Queued { behind: behind.clone() }),
            Event::StepApplying { step, detail, .. } => self.waits(*step, detail, now),
            Event::StepWaiting { step, reason } => self.waits(*step, reason, now),
            Event::StepBytes { step, done, total } => self.receives(*step, *done, *total, now),
            Event::StepDone { step, detail, changed, seconds } => {
                self.end(*step);
                let kept = if *changed || self.verbose {
                    let seconds = changed.then_some(*seconds);
                    vec![Kept::Done { step: *step, detail: detail.clone(), seconds }]
                } else {
                    self.held.entry(step.stage()).or_default().push(Held { step: *step, detail: detail.clone() });
                    Vec::new()
                };
                let folded = if self.left.get(&step.stage()) == Some(&0) { self.fold(step.stage()) } else { None };
                return kept.into_iter().chain(folded).collect();
            }
            Event::StepFailed { step, id, summary, evidence, hint, seconds } => {
                self.end(*step);
                self.failures.push(Told {
                    id: id.clone(),
                    summary: summary.clone(),
                    evidence: evidence.clone(),
                    hint: hint.clone(),
                });
                return vec![Kept::Failed { step: *step, seconds: *seconds }];
            }
            Event::StepCancelled { step, .. } => {
                self.end(*step);
                self.cancelled.push(*step);
            }
            Event::CommandEnded { command, exit, seconds, output, .. } if self.verbose => {
                let (command, output) = (command.clone(), output.clone());
                return vec![Kept::Command { command, exit: *exit, seconds: *seconds, output }];
            }
            Event::CommandEnded { .. } | Event::Proof { .. } => {}
            Event::RunFinished { end, changed, seconds, .. } => {
                let closing = Kept::Closing { end: *end, changed: *changed, seconds: *seconds };
                return self.conclude(Some(closing));
            }
        }
        Vec::new()
    }

    /// What has been held back, for a run that ends, with its last event or without one.
    pub(super) fn conclude(&mut self, closing: Option<Kept>) -> Vec<Kept> {
        let stages: Vec<Stage> = self.held.keys().copied().collect();
        let mut kept: Vec<Kept> = stages.into_iter().filter_map(|stage| self.fold(stage)).collect();
        let steps = std::mem::take(&mut self.cancelled);
        if !steps.is_empty() {
            kept.push(Kept::Cancelled { steps });
        }
        kept.extend(closing);
        kept.extend(std::mem::take(&mut self.failures).into_iter().map(Kept::Failure));
        kept
    }

    /// The steps that run and are not queued, the longest-running first.
    pub(super) fn running(&self) -> impl Iterator<Item = &Running> {
        self.running.iter().filter(|running| !matches!(running.doing, Doing::Queued { .. }))
    }

    /// The queued steps, those behind the same others together.
    pub(super) fn queued(&self) -> Vec<(&[StepId], Vec<StepId>)> {
        let mut groups: Vec<(&[StepId], Vec<StepId>)> = Vec::new();
        for running in &self.running {
            let Doing::Queued { behind } = &running.doing else { continue };
            match groups.iter_mut().find(|(others, _)| *others == behind.as_slice()) {
                Some((_, steps)) => steps.push(running.step),
                None => groups.push((behind, vec![running.step])),
            }
        }
        groups
    }

    /// What was found to hold, of the stages that are not through.
    pub(super) fn held(&self) -> impl Iterator<Item = (Stage, &[Held])> {
        self.held.iter().map(|(stage, held)| (*stage, held.as_slice()))
    }

    /// How many steps have ended, and how many there are.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.ended, self.planned)
    }

    fn find(&mut self, step: StepId) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.step == step)
    }

    fn does(&mut self, step: StepId, doing: Doing) {
        if let Some(running) = self.find(step) {
            running.doing = doing;
        }
    }

    fn waits(&mut self, step: StepId, for_what: &str, now: Duration) {
        if let Some(running) = self.find(step) {
            // The same reason again goes on since when it began.
            let same = matches!(&running.doing, Doing::Waiting { reason, .. } if reason == for_what);
            if !same {
                running.doing = Doing::Waiting { reason: for_what.to_owned(), since: now };
            }
        }
    }

    fn receives(&mut self, step: StepId, done: u64, total: Option<u64>, now: Duration) {
        let Some(running) = self.find(step) else { return };
        match &mut running.transfer {
            // After a pause the rate is measured anew.
            Some(transfer) if running.doing == Doing::Transferring => transfer.record(done, total, now),
            transfer => *transfer = Some(Transfer::new(done, total, now)),
        }
        running.doing = Doing::Transferring;
    }

    fn end(&mut self, step: StepId) {
        self.running.retain(|running| running.step != step);
        self.ended += 1;
        if let Some(left) = self.left.get_mut(&step.stage()) {
            *left = left.saturating_sub(1);
        }
    }

    fn fold(&mut self, stage: Stage) -> Option<Kept> {
        let mut steps = self.held.remove(&stage)?;
        steps.sort_by_key(|held| held.step);
        Some(Kept::Held { stage, steps })
    }
}

impl Running {
    /// How far it is, if bytes are what it is about now.
    pub(super) fn transfer(&self) -> Option<&Transfer> {
        self.transfer.as_ref().filter(|_| self.doing == Doing::Transferring)
    }
}

#[cfg(test)]
mod tests;
