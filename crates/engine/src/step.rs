//! One step of a run: observe, wait for its turn, apply, observe again; within its deadline.
//!
//! A Kubernetes API that is away for less than half a minute is not a failure: the call is repeated, and the wait is
//! reported. A webhook that does not answer produces almost the same error and is a failure.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bootstrap_run::deadline::Deadline;
use bootstrap_run::event::{Event, Events, RunningStep, StepReporter};
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::step::{Observation, Step};
use bootstrap_run::wait::Polling;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Row, World};
use crate::patience;

/// How one step ended.
pub(super) enum Held<S> {
    Holds {
        step: S,
        changed: bool,
    },
    /// Not told to the reporter yet: several may fail together, and the root cause is told first.
    Failed {
        step: S,
        running: RunningStep,
        error: anyhow::Error,
    },
}

/// The moments by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For the whole run.
    run: Option<Deadline>,
}

impl Limits {
    pub(super) fn of_run(deadline: Option<Deadline>) -> Self {
        Self { run: deadline }
    }

    /// Does the work of a step until the step's own deadline, which begins now, or the run's, whichever is earlier.
    async fn within<T>(
        self,
        title: &str,
        own: Option<Duration>,
        reporter: &StepReporter,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let own = own.map(|length| {
            let what = format!("timed out after {}: {}", bootstrap_run::duration::in_words(length), title);
            (Instant::now() + length, Failure::new(FailureId::StepDeadline, what))
        });
        let run = self.run.map(|run| (run.end(), run.passed(&format!("this does not hold: {title}"))));
        let Some((end, failure)) = [own, run].into_iter().flatten().min_by_key(|(end, _)| *end) else {
            return work.await;
        };
        let ended = tokio::time::timeout_at(end, work).await;
        ended.unwrap_or_else(|_| Err(failure.evidence(reporter.last_seen()).into()))
    }
}

/// Makes one step true. `yields_to`: those of the plan that it yields to.
pub(super) async fn hold<W: World>(
    world: &W,
    row: &Row<W::Step>,
    yields_to: &BTreeSet<W::Step>,
    ended: watch::Receiver<BTreeSet<W::Step>>,
    limits: Limits,
    events: Events,
) -> Held<W::Step> {
    let (step, name) = (row.id, row.id.name());
    let running = RunningStep::start(name, events.clone());
    let turn = Turn { step, yields_to, ended, events: events.clone() };
    let reporter = StepReporter::new(name, events);
    match reporter.named(observe_apply_observe(world, row, turn, limits, &reporter)).await {
        Ok((detail, changed)) => {
            running.done(detail, changed);
            Held::Holds { step, changed }
        }
        Err(error) => Held::Failed { step, running, error },
    }
}

async fn observe_apply_observe<W: World>(
    world: &W,
    row: &Row<W::Step>,
    turn: Turn<'_, W::Step>,
    limits: Limits,
    reporter: &StepReporter,
) -> Result<(String, bool)> {
    // What hangs hangs in a look, too.
    let found = match limits.within(&row.title, None, reporter, look(world, row)).await {
        Ok(Observation::Done(detail)) => return Ok((detail, false)),
        Ok(found) => found,
        // What could not be asked is asked again when the work is done.
        Err(error) => Observation::Waiting(away(&error).ok_or(error)?),
    };
    // The others' work is no part of the step's own deadline.
    limits.within(&row.title, None, reporter, turn.comes()).await?;
    reporter.applying(&found);
    let work = make_true(world, row, reporter);
    let detail = limits.within(&row.title, Some(row.deadline), reporter, work).await?;
    Ok((detail, true))
}

async fn make_true<W: World>(world: &W, row: &Row<W::Step>, reporter: &StepReporter) -> Result<String> {
    let mut since: Option<Instant> = None;
    let mut polling = Polling::every(patience::POLL_STEP);
    loop {
        polling.turn().await;
        let seen = match world.apply(row.id, reporter).await {
            Ok(()) => look(world, row).await,
            Err(error) => Err(error),
        };
        let seen = match seen {
            Ok(seen) => {
                since = None;
                seen
            }
            Err(error) => match away(&error) {
                Some(words) if since.get_or_insert_with(Instant::now).elapsed() < patience::API_IS_AWAY => {
                    Observation::Waiting(words)
                }
                _ => return Err(error),
            },
        };
        match seen {
            Observation::Done(detail) => return Ok(detail),
            // It held and slipped back, as pods do while a cluster settles: the deadline is the limit.
            Observation::Waiting(why) => reporter.waiting(why),
            other => {
                let what = format!("applied, but it still does not hold: {}", row.title);
                let seen = format!("{}: {}", other.word(), other.detail());
                return Err(Failure::new(FailureId::StepDoesNotHold, what).evidence(seen).into());
            }
        }
    }
}

/// What a Kubernetes API that is away had to be asked or told, if that is the error: it can be repeated.
fn away(error: &anyhow::Error) -> Option<String> {
    let found = failure::of(error).filter(|found| found.id() == FailureId::KubernetesAway)?;
    Some(format!("{found}: {}", found.seen().join("; ")))
}

async fn look<W: World>(world: &W, row: &Row<W::Step>) -> Result<Observation> {
    match tokio::time::timeout(patience::LOOK, world.observe(row.id)).await {
        Ok(seen) => seen.with_context(|| format!("while checking whether {}", row.title)),
        Err(_) => Ok(Observation::Waiting(format!("no answer after {} s", patience::LOOK.as_secs()))),
    }
}

/// A step that does not hold lets those go first that it yields to.
struct Turn<'a, S> {
    step: S,
    yields_to: &'a BTreeSet<S>,
    ended: watch::Receiver<BTreeSet<S>>,
    events: Events,
}

impl<S: Step> Turn<'_, S> {
    async fn comes(mut self) -> Result<()> {
        let behind: Vec<_> = self.yields_to.difference(&self.ended.borrow()).map(|other| other.name()).collect();
        if behind.is_empty() {
            return Ok(());
        }
        self.events.tell(Event::StepQueued { step: self.step.name(), behind });
        let yields_to = self.yields_to;
        self.ended.wait_for(|ended| yields_to.is_subset(ended)).await.context("the engine is gone")?;
        Ok(())
    }
}
