//! The engine: each step is observed, applied if it does not hold, and observed again. The second observation is the proof.
//!
//! A step is observed as soon as everything that it needs holds, in parallel with everything else. It is applied when the
//! steps that it yields to have ended: `yields_to` is a priority for the network, not a dependency, and a step that already
//! holds does not wait for it. The first failure ends the run. What fails within 300 ms of it is reported with it, the root
//! cause first (by layer, then by the order of the plan), and the rest is cancelled.

#![warn(missing_docs)]

mod patience;
mod plan;
mod step;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use bootstrap_run::deadline::Deadline;
use bootstrap_run::event::{Event, Events, Reporter, RunEnd, RunningStep, SCHEMA, StepReporter};
use bootstrap_run::failure::{self, Invocation, Report};
use bootstrap_run::step::{Observation, Step};
use bootstrap_run::stop::Stop;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

pub use plan::{Plan, Row};
use step::{Held, Limits};
pub use survey::{Sight, survey};

/// What steps are observed and applied in. The product has one, the engine's tests have others.
pub trait World: Send + Sync + 'static {
    /// The steps that this world knows.
    type Step: Step;

    /// Reads the world and changes nothing.
    fn observe(&self, step: Self::Step) -> impl Future<Output = Result<Observation>> + Send;

    /// Makes the step true and returns when it is. Idempotent, and safe to be killed at any moment.
    fn apply(&self, step: Self::Step, reporter: &StepReporter) -> impl Future<Output = Result<()>> + Send;
}

/// What a run is told apart from its plan.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The name of the cluster, for the reporters.
    pub cluster: String,
    /// The longest that the whole run may take. Each step has a deadline of its own besides.
    pub deadline: Option<Deadline>,
    /// Asks the run to end.
    pub stop: Stop,
    /// What the run was given, for the commands of hints.
    pub invocation: Invocation,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome<S> {
    /// Whether every step holds, and if not, why the run ended.
    pub end: RunEnd,
    /// The steps that hold.
    pub held: BTreeSet<S>,
    /// Those of them that had to be applied.
    pub changed: BTreeSet<S>,
    /// The steps that were being worked on when the run ended, and did not fail.
    pub cancelled: BTreeSet<S>,
    /// The root cause first.
    pub errors: Vec<(S, anyhow::Error)>,
}

/// Makes every step of the plan true.
pub async fn converge<W: World>(
    world: Arc<W>,
    plan: &Plan<W::Step>,
    terms: &Terms,
    reporter: Arc<dyn Reporter>,
) -> Outcome<W::Step> {
    let started = Instant::now();
    let events = Events::to(reporter);
    events.tell(Event::RunStarted {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: terms.cluster.clone(),
        steps: plan.described(),
    });
    let outcome = Engine::new(world, plan, terms, events.clone()).run(&terms.stop).await;
    events.tell(Event::RunFinished {
        ok: outcome.end == RunEnd::Done,
        end: outcome.end,
        changed: outcome.changed.len(),
        seconds: started.elapsed().as_secs_f64(),
    });
    outcome
}

struct Engine<'a, W: World> {
    world: Arc<W>,
    plan: &'a Plan<W::Step>,
    limits: Limits,
    invocation: Invocation,
    events: Events,
    /// The steps that have not been started, with what they still need.
    waiting: BTreeMap<W::Step, BTreeSet<W::Step>>,
    running: JoinSet<Held<W::Step>>,
    /// The steps that hold: those that yield to them wait for it.
    ended: watch::Sender<BTreeSet<W::Step>>,
    failed: Vec<(W::Step, RunningStep, anyhow::Error)>,
    outcome: Outcome<W::Step>,
}

impl<'a, W: World> Engine<'a, W> {
    fn new(world: Arc<W>, plan: &'a Plan<W::Step>, terms: &Terms, events: Events) -> Self {
        let waiting = plan.rows().map(|row| (row.id, plan.planned(&row.needs))).collect();
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
            invocation: terms.invocation.clone(),
            events,
            waiting,
            running: JoinSet::new(),
            ended: watch::Sender::default(),
            failed: Vec::new(),
            outcome,
        }
    }

    async fn run(mut self, stop: &Stop) -> Outcome<W::Step> {
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
        let plan = self.plan;
        for row in plan.rows() {
            if self.waiting.get(&row.id).is_none_or(|needs| !needs.is_empty()) {
                continue;
            }
            self.waiting.remove(&row.id);
            let (row, yields_to) = (row.clone(), plan.planned(&row.yields_to));
            let (world, events) = (Arc::clone(&self.world), self.events.clone());
            let (ended, limits) = (self.ended.subscribe(), self.limits);
            self.running
                .spawn(async move { step::hold(world.as_ref(), &row, &yields_to, ended, limits, events).await });
        }
    }

    fn take(&mut self, ended: Result<Held<W::Step>, JoinError>) {
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
            Ok(Held::Failed { step, running, error }) => self.failed.push((step, running, error)),
            // We cancelled it ourselves; its guard has said so.
            Err(error) if error.is_cancelled() => {}
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn gather_what_fails_together(&mut self) {
        let end = tokio::time::Instant::now() + patience::FAILURES_COME_TOGETHER;
        while let Ok(Some(ended)) = tokio::time::timeout_at(end, self.running.join_next()).await {
            self.take(ended);
        }
    }

    /// The layers are in the order of causes, and so is the plan: what comes first in them is what made the others fail.
    fn tell_failures(&mut self) {
        let mut failed = std::mem::take(&mut self.failed);
        failed.sort_by_key(|(step, _, error)| (failure::layer(error), self.plan.place(*step)));
        for (step, running, error) in failed {
            running.failed(Report::of(&error, &self.invocation));
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
        let settled: BTreeSet<W::Step> =
            self.outcome.held.iter().chain(self.waiting.keys()).copied().chain(failed).collect();
        self.outcome.cancelled = self.plan.rows().map(|row| row.id).filter(|step| !settled.contains(step)).collect();
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the work of these steps is to take a while")]
mod interleavings;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the work of these steps is to take a while")]
mod tests;
