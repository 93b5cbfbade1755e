//! The state of a run as its events tell it: what runs, since when, what it waits for, how far it is; and what is to
//! stay on the screen. Pure: the time comes from outside, so the run may be our own, another process's, or a recorded
//! one.

mod transfer;

use std::collections::BTreeMap;
use std::time::Duration;

use bootstrap_run::event::{Adopted, Event, RunEnd};
use bootstrap_run::failure::Report;
use bootstrap_run::step::{Stage, StepName};

pub(super) use transfer::Transfer;

/// Times are measured from the start of the run.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Every held step gets a line of its own, and commands are kept.
    verbose: bool,
    /// Of each step: its place in the plan, its title, its stage.
    plan: BTreeMap<StepName, (usize, String, Stage)>,
    /// The steps of each stage that have not ended.
    left: BTreeMap<Stage, usize>,
    ended: usize,
    /// In the order in which they started, so that a line keeps its place.
    running: Vec<Running>,
    /// What was found to hold already, until its stage is through.
    held: BTreeMap<Stage, Vec<Held>>,
    cancelled: Vec<StepName>,
    failures: Vec<Report>,
}

/// A step between its start and its end.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) step: StepName,
    pub(super) title: String,
    pub(super) since: Duration,
    pub(super) doing: Doing,
    /// What has arrived; kept while something else is waited for.
    transfer: Option<Transfer>,
}

/// What a running step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doing {
    Looking,
    Queued { behind: Vec<StepName> },
    Waiting { reason: String, since: Duration },
    Transferring,
}

/// A step that held already, with how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) step: StepName,
    pub(super) detail: String,
}

/// What stays when it has been said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kept {
    Heading {
        version: String,
        cluster: String,
    },
    Adopted(Adopted),
    Done {
        title: String,
        detail: String,
        seconds: Option<f64>,
    },
    Held {
        stage: Stage,
        steps: Vec<Held>,
    },
    Failed {
        title: String,
        seconds: f64,
    },
    Cancelled {
        steps: Vec<StepName>,
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
    Failure(Report),
}

impl Board {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, ..Self::default() }
    }

    /// Takes note of what happened, and tells what is to stay on the screen from now on.
    pub(super) fn apply(&mut self, event: &Event, now: Duration) -> Vec<Kept> {
        match event {
            Event::RunStarted { version, cluster, steps, .. } => {
                for (place, step) in steps.iter().enumerate() {
                    self.plan.insert(step.id, (place, step.title.clone(), step.stage));
                    *self.left.entry(step.stage).or_default() += 1;
                }
                return vec![Kept::Heading { version: version.clone(), cluster: cluster.clone() }];
            }
            Event::StepStarted { step } => {
                let (title, doing) = (self.title(*step), Doing::Looking);
                self.running.push(Running { step: *step, title, since: now, doing, transfer: None });
            }
            Event::StepQueued { step, behind } => self.does(*step, Doing::Queued { behind: behind.clone() }),
            Event::StepApplying { step, detail, .. } => self.waits(*step, detail, now),
            Event::StepWaiting { step, reason } => self.waits(*step, reason, now),
            Event::StepBytes { step, done, total } => self.receives(*step, *done, *total, now),
            Event::StepDone { step, detail, changed, seconds } => {
                self.end(*step);
                let kept = if *changed || self.verbose {
                    let seconds = changed.then_some(*seconds);
                    vec![Kept::Done { title: self.title(*step), detail: detail.clone(), seconds }]
                } else {
                    if let Some(stage) = self.stage(*step) {
                        self.held.entry(stage).or_default().push(Held { step: *step, detail: detail.clone() });
                    }
                    Vec::new()
                };
                let through = self.stage(*step).filter(|stage| self.left.get(stage) == Some(&0));
                let folded = through.and_then(|stage| self.fold(stage));
                return kept.into_iter().chain(folded).collect();
            }
            Event::StepFailed { step, failure, seconds } => {
                self.end(*step);
                self.failures.push(failure.clone());
                return vec![Kept::Failed { title: self.title(*step), seconds: *seconds }];
            }
            Event::StepCancelled { step, .. } => {
                self.end(*step);
                self.cancelled.push(*step);
            }
            Event::CommandEnded { command, exit, seconds, output, .. } if self.verbose => {
                let (command, output) = (command.clone(), output.clone());
                return vec![Kept::Command { command, exit: *exit, seconds: *seconds, output }];
            }
            Event::ClusterAdopted { adopted, .. } => return vec![Kept::Adopted(adopted.clone())],
            Event::CommandEnded { .. } | Event::Proof { .. } | Event::SlotRenewed { .. } | Event::RunFailed { .. } => {}
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
    pub(super) fn queued(&self) -> Vec<(&[StepName], Vec<StepName>)> {
        let mut groups: Vec<(&[StepName], Vec<StepName>)> = Vec::new();
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
        (self.ended, self.plan.len())
    }

    /// What holds once the step does; its name, if the plan was not told.
    pub(super) fn title(&self, step: StepName) -> String {
        self.plan.get(&step).map_or_else(|| step.to_string(), |(_, title, _)| title.clone())
    }

    fn stage(&self, step: StepName) -> Option<Stage> {
        self.plan.get(&step).map(|(.., stage)| *stage)
    }

    fn find(&mut self, step: StepName) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.step == step)
    }

    fn does(&mut self, step: StepName, doing: Doing) {
        if let Some(running) = self.find(step) {
            running.doing = doing;
        }
    }

    fn waits(&mut self, step: StepName, for_what: &str, now: Duration) {
        if let Some(running) = self.find(step) {
            // The same reason again goes on since when it began.
            let same = matches!(&running.doing, Doing::Waiting { reason, .. } if reason == for_what);
            if !same {
                running.doing = Doing::Waiting { reason: for_what.to_owned(), since: now };
            }
        }
    }

    fn receives(&mut self, step: StepName, done: u64, total: Option<u64>, now: Duration) {
        let Some(running) = self.find(step) else { return };
        match &mut running.transfer {
            // After a pause the rate is measured anew.
            Some(transfer) if running.doing == Doing::Transferring => transfer.record(done, total, now),
            transfer => *transfer = Some(Transfer::new(done, total, now)),
        }
        running.doing = Doing::Transferring;
    }

    fn end(&mut self, step: StepName) {
        self.running.retain(|running| running.step != step);
        self.ended += 1;
        if let Some(left) = self.stage(step).and_then(|stage| self.left.get_mut(&stage)) {
            *left = left.saturating_sub(1);
        }
    }

    fn fold(&mut self, stage: Stage) -> Option<Kept> {
        let mut steps = self.held.remove(&stage)?;
        steps.sort_by_key(|held| self.plan.get(&held.step).map(|(place, ..)| *place));
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
