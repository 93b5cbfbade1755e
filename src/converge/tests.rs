//! The engine in a world of its own, where time passes only when nothing else can happen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::*;
use crate::event::recorder::Recorder;
use crate::failure::{Failure, FailureId};
use crate::pins::Tool;
use crate::plan::Step;

const A: StepId = StepId::Tool(Tool::Helm);
const B: StepId = StepId::Tool(Tool::Kind);
const C: StepId = StepId::Cluster;
const D: StepId = StepId::Images;

/// What a step does when it is applied.
#[derive(Clone, Copy)]
enum Behaviour {
    TakesSeconds(u64),
    FailsAfter(Duration, FailureId),
    NeverEnds,
    ChangesNothing,
    /// The Kubernetes API cannot be reached for so many times.
    IsAway {
        times: usize,
    },
    /// Holds only after it was applied so many times, and is on its way until then.
    SlipsBack {
        times: usize,
    },
}

#[derive(Default)]
struct Simulation {
    behaviours: BTreeMap<StepId, Behaviour>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    holds: BTreeSet<StepId>,
    applied: Vec<(StepId, BTreeSet<StepId>)>,
}

impl Simulation {
    fn new(behaviours: impl IntoIterator<Item = (StepId, Behaviour)>) -> Arc<Self> {
        Arc::new(Self { behaviours: behaviours.into_iter().collect(), ..Self::default() })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn applied(&self) -> Vec<StepId> {
        self.state().applied.iter().map(|(step, _)| *step).collect()
    }
}

impl World for Simulation {
    async fn observe(&self, step: StepId) -> Result<Observation> {
        tokio::task::yield_now().await;
        let holds = self.state().holds.contains(&step);
        if let Some(Behaviour::SlipsBack { times }) = self.behaviours.get(&step) {
            let applied = self.applied().iter().filter(|applied| **applied == step).count();
            let on_its_way = Observation::Waiting(format!("applied {applied} times"));
            return Ok(if applied < *times { on_its_way } else { Observation::Done("settled".into()) });
        }
        Ok(if holds { Observation::Done("holds".into()) } else { Observation::Missing("absent".into()) })
    }

    async fn apply(&self, step: StepId, reporter: &StepReporter) -> Result<()> {
        let held_before = self.state().holds.clone();
        self.state().applied.push((step, held_before));
        match self.behaviours.get(&step).copied().unwrap_or(Behaviour::TakesSeconds(1)) {
            Behaviour::TakesSeconds(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Behaviour::FailsAfter(time, id) => {
                tokio::time::sleep(time).await;
                return Err(Failure::new(id, "failed as told").into());
            }
            Behaviour::NeverEnds => {
                reporter.waiting("something that never comes");
                std::future::pending::<()>().await;
            }
            Behaviour::IsAway { times } if self.applied().len() <= times => {
                return Err(Failure::new(FailureId::KubernetesAway, "cannot ask").evidence("refused").into());
            }
            Behaviour::IsAway { .. } => {}
            Behaviour::ChangesNothing | Behaviour::SlipsBack { .. } => return Ok(()),
        }
        self.state().holds.insert(step);
        Ok(())
    }
}

fn terms() -> Terms {
    Terms { cluster: "test".to_owned(), deadline: None, stop: Stop::new() }
}

async fn run(world: &Arc<Simulation>, steps: Vec<(StepId, Vec<StepId>)>) -> (Outcome, Vec<Event>) {
    let steps = steps.into_iter().map(|(id, needs)| Step { id, needs, yields_to: Vec::new() }).collect();
    run_on(world, &Plan::of(steps), &terms()).await
}

async fn run_on(world: &Arc<Simulation>, plan: &Plan, terms: &Terms) -> (Outcome, Vec<Event>) {
    let recorder = Arc::new(Recorder::default());
    let outcome = converge(Arc::clone(world), plan, terms, Arc::clone(&recorder) as Arc<dyn Reporter>).await;
    let events = recorder.events();
    (outcome, events)
}

fn fails_after_a_second() -> Behaviour {
    Behaviour::FailsAfter(Duration::from_secs(1), FailureId::DownloadFailed)
}

fn ids(outcome: &Outcome) -> Vec<(StepId, Option<FailureId>)> {
    outcome.errors.iter().map(|(step, error)| (*step, crate::failure::of(error).map(Failure::id))).collect()
}

#[tokio::test(start_paused = true)]
async fn steps_that_need_nothing_of_each_other_overlap() {
    let world = Simulation::new([(A, Behaviour::TakesSeconds(10)), (B, Behaviour::TakesSeconds(10))]);
    let started = tokio::time::Instant::now();
    let (outcome, _) = run(&world, vec![(A, vec![]), (B, vec![]), (C, vec![A, B])]).await;
    assert!(outcome.errors.is_empty());
    assert_eq!(outcome.changed, BTreeSet::from([A, B, C]));
    assert_eq!(started.elapsed(), Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn a_second_run_changes_nothing() {
    let world = Simulation::new([]);
    let steps = || vec![(A, vec![]), (C, vec![A])];
    run(&world, steps()).await;
    let (outcome, _) = run(&world, steps()).await;
    assert!(outcome.changed.is_empty() && outcome.errors.is_empty());
    assert_eq!(world.applied(), [A, C]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_cancels_what_runs_and_starts_nothing_more() {
    let world = Simulation::new([(A, fails_after_a_second()), (B, Behaviour::NeverEnds)]);
    let (outcome, events) = run(&world, vec![(A, vec![]), (B, vec![]), (C, vec![A]), (D, vec![B])]).await;
    assert_eq!(ids(&outcome), [(A, Some(FailureId::DownloadFailed))]);
    assert_eq!(BTreeSet::from_iter(world.applied()), BTreeSet::from([A, B]));
    assert!(events.iter().any(|event| matches!(event, Event::StepCancelled { step, .. } if *step == B)));
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_same_moment_are_all_reported() {
    let world = Simulation::new([(A, fails_after_a_second()), (B, fails_after_a_second())]);
    let (outcome, _) = run(&world, vec![(A, vec![]), (B, vec![])]).await;
    assert_eq!(outcome.errors.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_failures_of_the_same_moment_the_root_cause_comes_first() {
    let world = Simulation::new([
        (A, Behaviour::FailsAfter(Duration::from_millis(900), FailureId::CommandFailed)),
        (B, Behaviour::FailsAfter(Duration::from_millis(1000), FailureId::DiskFull)),
        (D, Behaviour::FailsAfter(Duration::from_secs(2), FailureId::DockerMissing)),
    ]);
    let (outcome, events) = run(&world, vec![(A, vec![]), (B, vec![]), (D, vec![])]).await;
    assert_eq!(ids(&outcome), [(B, Some(FailureId::DiskFull)), (A, Some(FailureId::CommandFailed))]);
    assert_eq!(outcome.cancelled, BTreeSet::from([D]));
    let told: Vec<StepId> = events
        .iter()
        .filter_map(|event| match event {
            Event::StepFailed { step, .. } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(told, [B, A]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_to_stop_stops_and_says_what_it_left() {
    let world = Simulation::new([(A, Behaviour::TakesSeconds(1)), (B, Behaviour::NeverEnds)]);
    let terms = terms();
    let stop = terms.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stop.ask();
    });
    let steps = [(A, vec![]), (B, vec![A]), (C, vec![B])];
    let plan = Plan::of(steps.into_iter().map(|(id, needs)| Step { id, needs, yields_to: vec![] }).collect());
    let (outcome, events) = run_on(&world, &plan, &terms).await;
    assert_eq!((outcome.end, outcome.held, outcome.cancelled), (RunEnd::Interrupted, [A].into(), [B].into()));
    assert!(matches!(events.last(), Some(Event::RunFinished { ok: false, end: RunEnd::Interrupted, .. })));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_ends_whatever_runs_then() {
    let world = Simulation::new([(A, Behaviour::NeverEnds), (B, Behaviour::NeverEnds)]);
    let started = tokio::time::Instant::now();
    let deadline = Deadline { began: started, length: Duration::from_secs(30) };
    let terms = Terms { deadline: Some(deadline), ..terms() };
    let steps = [A, B].map(|id| Step { id, needs: vec![], yields_to: vec![] });
    let (outcome, _) = run_on(&world, &Plan::of(steps.to_vec()), &terms).await;
    assert_eq!(ids(&outcome), [(A, Some(FailureId::RunDeadline)), (B, Some(FailureId::RunDeadline))]);
    assert!(started.elapsed() < Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_yields_is_looked_at_at_once_and_made_true_later() {
    let world = Simulation::new([(A, Behaviour::TakesSeconds(10)), (B, Behaviour::TakesSeconds(1))]);
    let steps =
        vec![Step { id: A, needs: vec![], yields_to: vec![] }, Step { id: B, needs: vec![], yields_to: vec![A] }];
    let (outcome, events) = run_on(&world, &Plan::of(steps), &terms()).await;
    assert_eq!(outcome.end, RunEnd::Done);
    assert_eq!(world.applied(), [A, B]);
    let queued = Event::StepQueued { step: B, behind: vec![A] };
    assert!(events.contains(&queued) && world.state().applied[1].1.contains(&A));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_tells_what_was_last_seen() {
    let world = Simulation::new([(A, Behaviour::NeverEnds)]);
    let (outcome, _) = run(&world, vec![(A, vec![])]).await;
    let failure = outcome
        .errors
        .first()
        .and_then(|(_, error)| crate::failure::of(error))
        .map(|failure| (failure.id(), failure.seen().to_vec()));
    assert_eq!(failure, Some((FailureId::StepDeadline, vec!["something that never comes".to_owned()])));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_does_not_hold_after_its_apply_is_an_error() {
    let world = Simulation::new([(A, Behaviour::ChangesNothing)]);
    let (outcome, _) = run(&world, vec![(A, vec![])]).await;
    assert_eq!(ids(&outcome), [(A, Some(FailureId::StepDoesNotHold))]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_slips_back_is_applied_again_until_it_holds_or_its_deadline_comes() {
    let world = Simulation::new([(A, Behaviour::SlipsBack { times: 3 })]);
    let (outcome, _) = run(&world, vec![(A, vec![])]).await;
    assert!(outcome.errors.is_empty());
    assert_eq!(world.applied(), [A, A, A]);
    let world = Simulation::new([(A, Behaviour::SlipsBack { times: usize::MAX })]);
    let (outcome, _) = run(&world, vec![(A, vec![])]).await;
    assert_eq!(ids(&outcome), [(A, Some(FailureId::StepDeadline))]);
}

#[tokio::test(start_paused = true)]
async fn a_kubernetes_api_that_is_away_for_a_moment_is_asked_again_and_one_that_stays_away_ends_the_run() {
    let world = Simulation::new([(A, Behaviour::IsAway { times: 3 })]);
    let (outcome, events) = run(&world, vec![(A, vec![])]).await;
    assert!(outcome.errors.is_empty());
    assert_eq!(world.applied(), [A, A, A, A]);
    let told = |event: &Event| matches!(event, Event::StepWaiting { reason, .. } if reason == "cannot ask: refused");
    assert_eq!(events.iter().filter(|event| told(event)).count(), 1);
    let world = Simulation::new([(A, Behaviour::IsAway { times: usize::MAX })]);
    let began = tokio::time::Instant::now();
    let (outcome, _) = run(&world, vec![(A, vec![])]).await;
    assert_eq!(ids(&outcome), [(A, Some(FailureId::KubernetesAway))]);
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn no_step_of_the_whole_plan_is_applied_before_what_it_needs_holds_or_twice() {
    let world = Simulation::new([]);
    let plan = Plan::until(crate::options::Provider::Kind, crate::step::Stage::Prove);
    let needs: BTreeMap<StepId, Vec<StepId>> =
        plan.steps().map(|step| (step.id, [step.needs.clone(), step.yields_to.clone()].concat())).collect();
    let (outcome, events) = run_on(&world, &plan, &terms()).await;
    assert!(outcome.errors.is_empty());
    let state = world.state();
    for (step, held) in &state.applied {
        for need in needs.get(step).into_iter().flatten() {
            assert!(held.contains(need), "{step} was applied before {need} held");
        }
    }
    assert_eq!(state.applied.len(), plan.steps().count());
    assert!(matches!(events.first(), Some(Event::RunStarted { .. })));
    assert!(matches!(events.last(), Some(Event::RunFinished { ok: true, .. })));
}
