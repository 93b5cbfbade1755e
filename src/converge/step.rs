//! One step of a run: a look, its turn, the work, and a second look; within its limits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Deadline, World};
use crate::event::{Event, Reporter, RunningStep, StepReporter};
use crate::failure::{self, Failure, FailureId};
use crate::step::{Observation, StepId};

/// Between two attempts at a step that slips back. An attempt itself waits for what can be waited for.
const SETTLE: Duration = Duration::from_millis(500);

/// A look reads and changes nothing: what takes longer hangs.
const LOOK: Duration = Duration::from_secs(60);

/// How one step ended.
pub(super) enum Held {
    Holds {
        step: StepId,
        changed: bool,
    },
    /// Not told to the reporter yet: several may fail together, and the root cause is told first.
    Failed {
        running: RunningStep,
        error: anyhow::Error,
    },
}

/// The moments by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For the whole run, with its length.
    run: Option<(Instant, Duration)>,
}

impl Limits {
    pub(super) fn of_run(deadline: Option<Deadline>) -> Self {
        Self { run: deadline.map(|deadline| (deadline.began + deadline.length, deadline.length)) }
    }

    /// Does the work of a step until the step's own deadline, which begins now, or the run's, whichever is earlier.
    async fn within<T>(
        self,
        step: StepId,
        own: Option<Duration>,
        reporter: &StepReporter,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let own = own.map(|length| (Instant::now() + length, length, FailureId::StepDeadline));
        let run = self.run.map(|(end, length)| (end, length, FailureId::RunDeadline));
        let Some((end, length, id)) = [own, run].into_iter().flatten().min_by_key(|(end, ..)| *end) else {
            return work.await;
        };
        tokio::time::timeout_at(end, work).await.unwrap_or_else(|_| {
            let length = crate::options::in_words(length);
            let what = match id {
                FailureId::RunDeadline => {
                    format!("the run's deadline of {length} has passed, and this is not true: {}", step.title())
                }
                _ => format!("not true after {length}: {}", step.title()),
            };
            Err(Failure::new(id, what).evidence(reporter.last_seen()).into())
        })
    }
}

/// Makes one step true.
pub(super) async fn hold<W: World>(
    world: &W,
    step: StepId,
    yields_to: &BTreeSet<StepId>,
    ended: watch::Receiver<BTreeSet<StepId>>,
    limits: Limits,
    reporter: Arc<dyn Reporter>,
) -> Held {
    let running = RunningStep::start(step, Arc::clone(&reporter));
    let turn = Turn { step, yields_to, ended, reporter: Arc::clone(&reporter) };
    let reporter = StepReporter::new(step, reporter);
    match reporter.named(observe_apply_observe(world, step, turn, limits, &reporter)).await {
        Ok((detail, changed)) => {
            running.done(detail, changed);
            Held::Holds { step, changed }
        }
        Err(error) => Held::Failed { running, error },
    }
}

async fn observe_apply_observe<W: World>(
    world: &W,
    step: StepId,
    turn: Turn<'_>,
    limits: Limits,
    reporter: &StepReporter,
) -> Result<(String, bool)> {
    let found = match look(world, step).await {
        Ok(Observation::Done(detail)) => return Ok((detail, false)),
        Ok(found) => found,
        // What could not be asked is asked again when the work is done.
        Err(error) => Observation::Waiting(away(&error).ok_or(error)?),
    };
    // The others' work is no part of the step's own deadline.
    limits.within(step, None, reporter, turn.comes()).await?;
    reporter.applying(&found);
    let detail = limits.within(step, Some(step.deadline()), reporter, make_true(world, step, reporter)).await?;
    Ok((detail, true))
}

/// A Kubernetes API that is away for longer than a restart takes will not come back by itself.
const AWAY: Duration = Duration::from_secs(30);

async fn make_true<W: World>(world: &W, step: StepId, reporter: &StepReporter) -> Result<String> {
    let mut since: Option<Instant> = None;
    loop {
        let seen = match world.apply(step, reporter).await {
            Ok(()) => look(world, step).await,
            Err(error) => Err(error),
        };
        let seen = match seen {
            Ok(seen) => {
                since = None;
                seen
            }
            Err(error) => match away(&error) {
                Some(words) if since.get_or_insert_with(Instant::now).elapsed() < AWAY => Observation::Waiting(words),
                _ => return Err(error),
            },
        };
        match seen {
            Observation::Done(detail) => return Ok(detail),
            // It held and slipped back, as pods do while a cluster settles: the deadline is the limit.
            Observation::Waiting(why) => {
                reporter.waiting(why);
                tokio::time::sleep(SETTLE).await;
            }
            other => {
                let what = format!("still not true after everything was done for it: {}", step.title());
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

async fn look<W: World>(world: &W, step: StepId) -> Result<Observation> {
    match tokio::time::timeout(LOOK, world.observe(step)).await {
        Ok(seen) => seen.with_context(|| format!("while looking whether {}", step.title())),
        Err(_) => Ok(Observation::Waiting(format!("no answer after {} s", LOOK.as_secs()))),
    }
}

/// A step that does not hold lets those go first that it yields to.
struct Turn<'a> {
    step: StepId,
    yields_to: &'a BTreeSet<StepId>,
    ended: watch::Receiver<BTreeSet<StepId>>,
    reporter: Arc<dyn Reporter>,
}

impl Turn<'_> {
    async fn comes(mut self) -> Result<()> {
        let behind: Vec<StepId> = self.yields_to.difference(&self.ended.borrow()).copied().collect();
        if behind.is_empty() {
            return Ok(());
        }
        self.reporter.report(&Event::StepQueued { step: self.step, behind });
        let yields_to = self.yields_to;
        self.ended.wait_for(|ended| yields_to.is_subset(ended)).await.context("the engine is gone")?;
        Ok(())
    }
}
