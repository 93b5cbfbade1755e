//! The engine: each step is looked at, made true if it is not, and looked at again. The second look is the proof.
//!
//! A step starts the moment everything that it needs holds, beside whatever else is running. The first failure ends
//! the run: what is still running is cancelled, and what had failed at the same moment is reported too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::event::{Event, Reporter, RunEnd, RunningStep, SCHEMA, StepReporter};
use crate::failure::{Failure, FailureId};
use crate::plan::Plan;
use crate::step::{Observation, StepId};

/// Between two attempts at a step that slips back. An attempt itself waits for what can be waited for.
const SETTLE: Duration = Duration::from_millis(500);

/// A look reads and changes nothing: what takes longer hangs.
const LOOK: Duration = Duration::from_secs(60);

/// What steps are looked at and made true in. The product has one, the engine's tests have others.
pub(crate) trait World: Send + Sync + 'static {
    /// Reads the world and changes nothing.
    fn observe(&self, step: StepId) -> impl Future<Output = Result<Observation>> + Send;

    /// Makes the step true and returns when it is. Idempotent, and safe to be killed at any moment.
    fn apply(&self, step: StepId, reporter: &StepReporter) -> impl Future<Output = Result<()>> + Send;
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The steps that had to be made true.
    pub(crate) changed: BTreeSet<StepId>,
    /// In the order in which they happened: the first one ended the run.
    pub(crate) errors: Vec<(StepId, anyhow::Error)>,
}

/// Makes every step of the plan true.
pub(crate) async fn converge<W: World>(
    world: Arc<W>,
    plan: &Plan,
    cluster: &str,
    reporter: Arc<dyn Reporter>,
) -> Outcome {
    let started = Instant::now();
    reporter.report(&Event::RunStarted {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster.to_owned(),
        steps: plan.described(),
    });
    let mut waiting: BTreeMap<StepId, BTreeSet<StepId>> =
        plan.steps().map(|(step, needs)| (step, needs.iter().copied().collect())).collect();
    // A need that is not in the plan is taken to hold: it belongs to somebody else.
    let planned: BTreeSet<StepId> = waiting.keys().copied().collect();
    waiting.values_mut().for_each(|needs| needs.retain(|need| planned.contains(need)));

    let mut running = JoinSet::new();
    let mut outcome = Outcome { changed: BTreeSet::new(), errors: Vec::new() };
    loop {
        if outcome.errors.is_empty() {
            for step in take_ready(&mut waiting) {
                let (world, reporter) = (Arc::clone(&world), Arc::clone(&reporter));
                running.spawn(async move { (step, hold(world.as_ref(), step, reporter).await) });
            }
        }
        let Some(ended) = running.join_next().await else { break };
        match ended {
            Ok((step, Ok(changed))) => {
                if changed {
                    outcome.changed.insert(step);
                }
                waiting.values_mut().for_each(|needs| needs.retain(|need| *need != step));
            }
            Ok((step, Err(error))) => {
                outcome.errors.push((step, error));
                running.abort_all();
            }
            // We cancelled it ourselves; its guard has said so.
            Err(error) if error.is_cancelled() => {}
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    let ok = outcome.errors.is_empty();
    reporter.report(&Event::RunFinished {
        ok,
        end: if ok { RunEnd::Done } else { RunEnd::Failed },
        changed: outcome.changed.len(),
        seconds: started.elapsed().as_secs_f64(),
    });
    outcome
}

fn take_ready(waiting: &mut BTreeMap<StepId, BTreeSet<StepId>>) -> Vec<StepId> {
    let ready: Vec<StepId> = waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(step, _)| *step).collect();
    for step in &ready {
        waiting.remove(step);
    }
    ready
}

/// Makes one step true; tells whether anything had to be done for it.
async fn hold<W: World>(world: &W, step: StepId, reporter: Arc<dyn Reporter>) -> Result<bool> {
    let running = RunningStep::start(step, Arc::clone(&reporter));
    let reporter = StepReporter::new(step, reporter);
    let deadline = step.deadline();
    let held =
        tokio::time::timeout(deadline, observe_apply_observe(world, step, &reporter)).await.unwrap_or_else(|_| {
            let what = format!("not true after {} minutes: {}", deadline.as_secs() / 60, step.title());
            Err(Failure::new(FailureId::StepDeadline, what).evidence(reporter.last_seen()).into())
        });
    match held {
        Ok((detail, changed)) => {
            running.done(detail, changed);
            Ok(changed)
        }
        Err(error) => {
            running.failed(&error);
            Err(error)
        }
    }
}

async fn observe_apply_observe<W: World>(world: &W, step: StepId, reporter: &StepReporter) -> Result<(String, bool)> {
    let look = async || match tokio::time::timeout(LOOK, world.observe(step)).await {
        Ok(seen) => seen.with_context(|| format!("while looking whether {}", step.title())),
        Err(_) => Ok(Observation::Waiting(format!("no answer after {} s", LOOK.as_secs()))),
    };
    match look().await? {
        Observation::Done(detail) => return Ok((detail, false)),
        other => reporter.waiting(other.detail()),
    }
    loop {
        world.apply(step, reporter).await?;
        match look().await? {
            Observation::Done(detail) => return Ok((detail, true)),
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

#[cfg(test)]
mod tests;
