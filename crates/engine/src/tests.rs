//! The engine in a world of its own, where time passes only when nothing else can happen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bootstrap_run::event::recorder::Recorder;
use bootstrap_run::failure::{Failure, FailureId, Invocation};
use bootstrap_run::step::{Stage, StepName};

use super::*;

const A: StepName = StepName::fixed("a");
const B: StepName = StepName::fixed("b");
const C: StepName = StepName::fixed("c");
const D: StepName = StepName::fixed("d");

/// A row that needs these and yields to those.
pub(super) fn row(id: StepName, needs: Vec<StepName>, yields_to: Vec<StepName>) -> Row<StepName> {
    let (title, deadline) = (format!("{id} holds"), Duration::from_secs(30 * 60));
    Row { id, title, stage: Stage::Tools, needs, seen_through: Vec::new(), yields_to, deadline }
}

/// What a step does when it is applied.
#[derive(Clone, Copy)]
enum Behaviour {
    TakesSeconds(u64),
    FailsAfter(Duration, FailureId),
    NeverEnds,
    /// A look at it never ends.
    NeverAnswers,
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
    behaviours: BTreeMap<StepName, Behaviour>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    holds: BTreeSet<StepName>,
    applied: Vec<(StepName, BTreeSet<StepName>)>,
}

impl Simulation {
    fn new(behaviours: impl IntoIterator<Item = (StepName, Behaviour)>) -> Arc<Self> {
        Arc::new(Self { behaviours: behaviours.into_iter().collect(), ..Self::default() })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn applied(&self) -> Vec<StepName> {
        self.state().applied.iter().map(|(step, _)| *step).collect()
    }
}

impl World for Simulation {
    type Step = StepName;

    async fn observe(&self, step: StepName) -> Result<Observation> {
        tokio::task::yield_now().await;
        if matches!(self.behaviours.get(&step), Some(Behaviour::NeverAnswers)) {
            std::future::pending::<()>().await;
        }
        let holds = self.state().holds.contains(&step);
        if let Some(Behaviour::SlipsBack { times }) = self.behaviours.get(&step) {
            let applied = self.applied().iter().filter(|applied| **applied == step).count();
            let on_its_way = Observation::Waiting(format!("applied {applied} times"));
            return Ok(if applied < *times { on_its_way } else { Observation::Done("settled".into()) });
        }
        Ok(if holds { Observation::Done("holds".into()) } else { Observation::Missing("absent".into()) })
    }

    async fn apply(&self, step: StepName, reporter: &StepReporter) -> Result<()> {
        let held_before = self.state().holds.clone();
        self.state().applied.push((step, held_before));
        match self.behaviours.get(&step).copied().unwrap_or(Behaviour::TakesSeconds(1)) {
            Behaviour::TakesSeconds(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Behaviour::FailsAfter(time, id) => {
                tokio::time::sleep(time).await;
                return Err(Failure::new(id, "failed as told").into());
            }
            Behaviour::NeverEnds | Behaviour::NeverAnswers => {
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
    Terms { cluster: "test".to_owned(), deadline: None, stop: Stop::default(), invocation: Invocation::default() }
}

async fn run(world: &Arc<Simulation>, steps: Vec<(StepName, Vec<StepName>)>) -> (Outcome<StepName>, Vec<Event>) {
    let steps = steps.into_iter().map(|(id, needs)| row(id, needs, Vec::new())).collect();
    run_on(world, &Plan::of(steps), &terms()).await
}

async fn run_on(world: &Arc<Simulation>, plan: &Plan<StepName>, terms: &Terms) -> (Outcome<StepName>, Vec<Event>) {
    let recorder = Arc::new(Recorder::default());
    let outcome = converge(Arc::clone(world), plan, terms, Arc::clone(&recorder) as Arc<dyn Reporter>).await;
    let events = recorder.events();
    (outcome, events)
}

fn fails_after_a_second() -> Behaviour {
    Behaviour::FailsAfter(Duration::from_secs(1), FailureId::DownloadFailed)
}

fn ids(outcome: &Outcome<StepName>) -> Vec<(StepName, Option<FailureId>)> {
    outcome.errors.iter().map(|(step, error)| (*step, bootstrap_run::failure::of(error).map(Failure::id))).collect()
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
    let told: Vec<StepName> = events
        .iter()
        .filter_map(|event| match event {
            Event::StepFailed { step, .. } => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(told, [B, A]);
}

#[tokio::test(start_paused = true)]
async fn of_failures_of_one_layer_the_first_of_the_plan_comes_first() {
    let fails = |id| Behaviour::FailsAfter(Duration::from_millis(900), id);
    let world = Simulation::new([
        (A, fails(FailureId::NodeBroken)),
        (B, fails(FailureId::NodeMissing)),
        (C, fails(FailureId::DockerNotRunning)),
        (D, fails(FailureId::DiskFull)),
    ]);
    let (outcome, _) = run(&world, [A, B, C, D].map(|id| (id, vec![])).to_vec()).await;
    let causes = [FailureId::DiskFull, FailureId::DockerNotRunning, FailureId::NodeBroken, FailureId::NodeMissing];
    assert_eq!(ids(&outcome), [D, C, A, B].into_iter().zip(causes.map(Some)).collect::<Vec<_>>());
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
    let plan = Plan::of(steps.into_iter().map(|(id, needs)| row(id, needs, vec![])).collect());
    let (outcome, events) = run_on(&world, &plan, &terms).await;
    assert_eq!((outcome.end, outcome.held, outcome.cancelled), (RunEnd::Interrupted, [A].into(), [B].into()));
    assert!(matches!(events.last(), Some(Event::RunFinished { ok: false, end: RunEnd::Interrupted, .. })));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_ends_whatever_runs_then() {
    let world = Simulation::new([(A, Behaviour::NeverAnswers), (B, Behaviour::NeverEnds)]);
    let started = tokio::time::Instant::now();
    let deadline = Deadline::after(Duration::from_secs(30));
    let terms = Terms { deadline: Some(deadline), ..terms() };
    let steps = [A, B].map(|id| row(id, vec![], vec![]));
    let (outcome, _) = run_on(&world, &Plan::of(steps.to_vec()), &terms).await;
    assert_eq!(ids(&outcome), [(A, Some(FailureId::RunDeadline)), (B, Some(FailureId::RunDeadline))]);
    assert!(started.elapsed() < Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_yields_is_looked_at_at_once_and_made_true_later() {
    let world = Simulation::new([(A, Behaviour::TakesSeconds(10)), (B, Behaviour::TakesSeconds(1))]);
    let steps = vec![row(A, vec![], vec![]), row(B, vec![], vec![A])];
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
        .and_then(|(_, error)| bootstrap_run::failure::of(error))
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
