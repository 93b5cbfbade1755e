//! The engine: each step is looked at, made true if it is not, and looked at again. The second look is the proof.
//!
//! A step is looked at the moment everything that it needs holds, beside whatever else is running, and is made true the
//! moment the steps have ended that it yields to. The first failure ends the run: what fails in the same moment is told
//! with it, the root cause first, and the rest is cancelled.

mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::event::{Event, Reporter, RunEnd, RunningStep, SCHEMA, StepReporter};
use crate::failure;
use crate::plan::Plan;
use crate::step::{Observation, StepId};
use crate::stop::Stop;
use step::{Held, Limits};

/// When one thing breaks, several steps notice: docker that goes away fails all that use it within this time.
const TOGETHER: Duration = Duration::from_millis(300);

/// What steps are looked at and made true in. The product has one, the engine's tests have others.
pub(crate) trait World: Send + Sync + 'static {
    /// Reads the world and changes nothing.
    fn observe(&self, step: StepId) -> impl Future<Output = Result<Observation>> + Send;

    /// Makes the step true and returns when it is. Idempotent, and safe to be killed at any moment.
    fn apply(&self, step: StepId, reporter: &StepReporter) -> impl Future<Output = Result<()>> + Send;
}

/// What a run is told apart from its plan.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The name of the cluster, for the reporters.
    pub(crate) cluster: String,
    /// The longest that the whole run may take. Each step has a deadline of its own besides.
    pub(crate) deadline: Option<Deadline>,
    /// Asks the run to end.
    pub(crate) stop: Stop,
}

/// When a run has to be over: so long after it began, which may be before the engine does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) began: tokio::time::Instant,
    pub(crate) length: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) end: RunEnd,
    /// The steps that hold.
    pub(crate) held: BTreeSet<StepId>,
    /// Those of them that had to be made true.
    pub(crate) changed: BTreeSet<StepId>,
    /// The steps that were being worked on when the run ended, and did not fail.
    pub(crate) cancelled: BTreeSet<StepId>,
    /// The root cause first.
    pub(crate) errors: Vec<(StepId, anyhow::Error)>,
}

/// Makes every step of the plan true.
pub(crate) async fn converge<W: World>(
    world: Arc<W>,
    plan: &Plan,
    terms: &Terms,
    reporter: Arc<dyn Reporter>,
) -> Outcome {
    let started = Instant::now();
    reporter.report(&Event::RunStarted {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: terms.cluster.clone(),
        steps: plan.described(),
    });
    let outcome = Engine::new(world, plan, terms, Arc::clone(&reporter)).run(&terms.stop).await;
    reporter.report(&Event::RunFinished {
        ok: outcome.end == RunEnd::Done,
        end: outcome.end,
        changed: outcome.changed.len(),
        seconds: started.elapsed().as_secs_f64(),
    });
    outcome
}

struct Engine<'a, W> {
    world: Arc<W>,
    plan: &'a Plan,
    limits: Limits,
    reporter: Arc<dyn Reporter>,
    /// The steps that have not been started, with what they still need.
    waiting: BTreeMap<StepId, BTreeSet<StepId>>,
    running: JoinSet<Held>,
    /// The steps that hold: those that yield to them wait for it.
    ended: watch::Sender<BTreeSet<StepId>>,
    failed: Vec<(RunningStep, anyhow::Error)>,
    outcome: Outcome,
}

impl<'a, W: World> Engine<'a, W> {
    fn new(world: Arc<W>, plan: &'a Plan, terms: &Terms, reporter: Arc<dyn Reporter>) -> Self {
        // A need that is not in the plan is taken to hold: it belongs to somebody else.
        let waiting = plan.steps().map(|step| (step.id, plan.planned(&step.needs))).collect();
        let outcome = Outcome {
            end: RunEnd::Done,
            held: BTreeSet::new(),
            changed: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            errors: Vec::new(),
        };
        Self {
            world,
            plan,
            limits: Limits::of_run(terms.deadline),
            reporter,
            waiting,
            running: JoinSet::new(),
            ended: watch::Sender::default(),
            failed: Vec::new(),
            outcome,
        }
    }

    async fn run(mut self, stop: &Stop) -> Outcome {
        self.start_what_is_ready();
        loop {
            tokio::select! {
                // An end that was asked for comes before one that came by itself.
                biased;
                () = stop.asked() => {
                    self.outcome.end = RunEnd::Interrupted;
                    break;
                }
                ended = self.running.join_next() => match ended {
                    None => break,
                    Some(ended) => self.take(ended),
                },
            }
            if !self.failed.is_empty() {
                self.outcome.end = RunEnd::Failed;
                self.gather_what_fails_together().await;
                break;
            }
            self.start_what_is_ready();
        }
        self.tell_failures();
        self.cancel_the_rest().await;
        self.outcome
    }

    fn start_what_is_ready(&mut self) {
        let ready: Vec<StepId> =
            self.waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(step, _)| *step).collect();
        for step in ready {
            self.waiting.remove(&step);
            let yields_to = self.plan.yields_to(step);
            let (world, reporter) = (Arc::clone(&self.world), Arc::clone(&self.reporter));
            let (ended, limits) = (self.ended.subscribe(), self.limits);
            self.running
                .spawn(async move { step::hold(world.as_ref(), step, &yields_to, ended, limits, reporter).await });
        }
    }

    fn take(&mut self, ended: Result<Held, JoinError>) {
        match ended {
            Ok(Held::Holds { step, changed }) => {
                self.outcome.held.insert(step);
                if changed {
                    self.outcome.changed.insert(step);
                }
                self.waiting.values_mut().for_each(|needs| {
                    needs.remove(&step);
                });
                self.ended.send_modify(|ended| {
                    ended.insert(step);
                });
            }
            Ok(Held::Failed { running, error }) => self.failed.push((running, error)),
            // We cancelled it ourselves; its guard has said so.
            Err(error) if error.is_cancelled() => {}
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn gather_what_fails_together(&mut self) {
        let end = tokio::time::Instant::now() + TOGETHER;
        while let Ok(Some(ended)) = tokio::time::timeout_at(end, self.running.join_next()).await {
            self.take(ended);
        }
    }

    /// The table of failures is in the order from the machine upwards to what runs on it, and so is the plan: what comes
    /// first in them is what made the others fail.
    fn tell_failures(&mut self) {
        let place = |step: StepId| self.plan.steps().position(|planned| planned.id == step);
        let mut failed = std::mem::take(&mut self.failed);
        failed.sort_by_key(|(running, error)| {
            let id = failure::of(error).map(failure::Failure::id);
            (id.is_none(), id, place(running.step()))
        });
        for (running, error) in failed {
            let step = running.step();
            running.failed(&error);
            self.outcome.errors.push((step, error));
        }
    }

    async fn cancel_the_rest(&mut self) {
        self.running.abort_all();
        while let Some(ended) = self.running.join_next().await {
            self.take(ended);
        }
        // What ended between the last look and the end of the run has ended by itself.
        self.tell_failures();
        let failed = self.outcome.errors.iter().map(|(step, _)| *step);
        let settled: BTreeSet<StepId> =
            self.outcome.held.iter().chain(self.waiting.keys()).copied().chain(failed).collect();
        self.outcome.cancelled = self.plan.steps().map(|step| step.id).filter(|step| !settled.contains(step)).collect();
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
