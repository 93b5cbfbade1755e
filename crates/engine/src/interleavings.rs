//! Small plans in every shape, at every pace, with every end: whatever happens, the engine keeps its promises.
//!
//! Time is simulated, so the pace of the steps decides which of them overlap and who comes first: all paces are all
//! interleavings.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bootstrap_run::event::recorder::Recorder;
use bootstrap_run::failure::{Failure, FailureId, Invocation};
use bootstrap_run::step::StepName;

use super::tests::row;
use super::*;

const STEPS: [StepName; 5] =
    [StepName::fixed("1"), StepName::fixed("2"), StepName::fixed("3"), StepName::fixed("4"), StepName::fixed("5")];

/// How one step is connected to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    None,
    Needs,
    YieldsTo,
}

const EDGES: [Edge; 3] = [Edge::None, Edge::Needs, Edge::YieldsTo];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    HeldBefore,
    IsMadeTrue,
    Fails,
    NeverEnds,
}

const FATES: [Fate; 4] = [Fate::HeldBefore, Fate::IsMadeTrue, Fate::Fails, Fate::NeverEnds];

/// Everything that decides a run.
#[derive(Debug, Clone)]
struct Case {
    /// For each step, its edges to those before it.
    edges: Vec<Vec<Edge>>,
    fates: Vec<Fate>,
    /// Seconds that each step's work takes.
    paces: Vec<u64>,
    /// When the run is asked to stop, in half seconds: between what happens at full ones.
    stop: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Observe(StepName),
    Apply(StepName),
    Finish(StepName),
}

struct Scripted {
    fates: BTreeMap<StepName, (Fate, u64)>,
    deeds: Mutex<Vec<Deed>>,
}

impl Scripted {
    fn note(&self, deed: Deed) {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
    }

    fn finished(&self, step: StepName) -> bool {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).contains(&Deed::Finish(step))
    }
}

impl World for Scripted {
    type Step = StepName;

    async fn observe(&self, step: StepName) -> Result<Observation> {
        self.note(Deed::Observe(step));
        tokio::task::yield_now().await;
        let holds = self.finished(step) || self.fates[&step].0 == Fate::HeldBefore;
        Ok(if holds { Observation::Done("holds".into()) } else { Observation::Missing("absent".into()) })
    }

    async fn apply(&self, step: StepName, _: &StepReporter) -> Result<()> {
        self.note(Deed::Apply(step));
        let (fate, pace) = self.fates[&step];
        tokio::time::sleep(Duration::from_secs(pace)).await;
        match fate {
            Fate::Fails => Err(Failure::new(FailureId::CommandFailed, "as scripted").into()),
            Fate::NeverEnds => std::future::pending().await,
            Fate::HeldBefore | Fate::IsMadeTrue => {
                self.note(Deed::Finish(step));
                Ok(())
            }
        }
    }
}

impl Case {
    fn plan(&self) -> Plan<StepName> {
        let step = |(number, edges): (usize, &Vec<Edge>)| {
            let to = |wanted: Edge| {
                (0..number).filter(|earlier| edges[*earlier] == wanted).map(|earlier| STEPS[earlier]).collect()
            };
            row(STEPS[number], to(Edge::Needs), to(Edge::YieldsTo))
        };
        Plan::of(self.edges.iter().enumerate().map(step).collect())
    }

    async fn check(&self) {
        let plan = self.plan();
        let fates = self.fates.iter().zip(&self.paces).map(|(fate, pace)| (*fate, *pace));
        let world = Arc::new(Scripted { fates: STEPS.into_iter().zip(fates).collect(), deeds: Mutex::default() });
        let recorder = Arc::new(Recorder::default());
        let terms = Terms {
            cluster: "test".to_owned(),
            deadline: None,
            stop: Stop::default(),
            invocation: Invocation::default(),
        };
        let stopper = self.stop.map(|halves| {
            let stop = terms.stop.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(500 * halves)).await;
                stop.ask();
            })
        });
        let run = converge(Arc::clone(&world), &plan, &terms, Arc::clone(&recorder) as Arc<dyn Reporter>);
        // The longest deadline of a step is half an hour, and what comes after one that never ends is never started.
        let outcome = tokio::time::timeout(Duration::from_secs(2 * 60 * 60), run).await;
        let outcome = outcome.unwrap_or_else(|_| unreachable!("the run does not end: {self:?}"));
        if let Some(stopper) = stopper {
            stopper.abort();
        }
        let deeds = world.deeds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let events = recorder.events();
        self.check_order(&plan, &deeds);
        self.check_end(&plan, &outcome, &deeds);
        check_events(self, &events, &outcome);
    }

    /// No step is looked at before its needs hold, applied before those hold that it yields to, or applied twice.
    fn check_order(&self, plan: &Plan<StepName>, deeds: &[Deed]) {
        let held = |step: StepName, before: usize| {
            self.fates[STEPS.iter().position(|it| *it == step).unwrap_or_default()] == Fate::HeldBefore
                || deeds[..before].contains(&Deed::Finish(step))
        };
        for step in plan.rows() {
            let applied: Vec<usize> = (0..deeds.len()).filter(|at| deeds[*at] == Deed::Apply(step.id)).collect();
            assert!(applied.len() <= 1, "{} is applied twice: {self:?}", step.id);
            let seen = deeds.iter().position(|deed| *deed == Deed::Observe(step.id));
            assert!(
                applied.is_empty() || seen < applied.first().copied(),
                "{} is not looked at first: {self:?}",
                step.id
            );
            for need in &step.needs {
                assert!(seen.is_none_or(|at| held(*need, at)), "{} runs before {need} holds: {self:?}", step.id);
            }
            for other in &step.yields_to {
                assert!(applied.iter().all(|at| held(*other, *at)), "{} does not yield to {other}: {self:?}", step.id);
            }
        }
    }

    /// The run ends as its steps did, and every step is accounted for.
    fn check_end(&self, plan: &Plan<StepName>, outcome: &Outcome<StepName>, deeds: &[Deed]) {
        let failed: BTreeSet<StepName> = outcome.errors.iter().map(|(step, _)| *step).collect();
        match outcome.end {
            RunEnd::Done => {
                assert_eq!(outcome.held.len(), plan.rows().count(), "{self:?}");
                assert!(failed.is_empty() && outcome.cancelled.is_empty(), "{self:?}");
            }
            RunEnd::Failed => assert!(!failed.is_empty(), "{self:?}"),
            RunEnd::Interrupted => assert!(self.stop.is_some(), "{self:?}"),
        }
        let held = &outcome.held;
        assert!(held.is_disjoint(&failed) && held.is_disjoint(&outcome.cancelled), "{self:?}");
        assert!(failed.is_disjoint(&outcome.cancelled) && outcome.changed.is_subset(held), "{self:?}");
        for step in plan.rows().map(|step| step.id) {
            let begun = deeds.contains(&Deed::Observe(step));
            let counted = held.contains(&step) || failed.contains(&step) || outcome.cancelled.contains(&step);
            assert!(!begun || counted, "{step} was begun and is not accounted for: {self:?}");
        }
    }
}

/// Each step that was started ends once, and nothing comes after the end of the run.
fn check_events(case: &Case, events: &[Event], outcome: &Outcome<StepName>) {
    assert!(matches!(events.first(), Some(Event::RunStarted { .. })), "{case:?}");
    assert!(matches!(events.last(), Some(Event::RunFinished { end, .. }) if *end == outcome.end), "{case:?}");
    for step in STEPS {
        let started = events.iter().filter(|event| matches!(event, Event::StepStarted { step: it } if *it == step));
        let ended = events.iter().filter(|event| match event {
            Event::StepDone { step: it, .. }
            | Event::StepFailed { step: it, .. }
            | Event::StepCancelled { step: it, .. } => *it == step,
            _ => false,
        });
        let (started, ended) = (started.count(), ended.count());
        assert!(started <= 1 && started == ended, "{step} started {started} times and ended {ended} times: {case:?}");
    }
}

/// The `number`th of all lists of `length` of these.
fn pick<T: Copy>(from: &[T], length: usize, mut number: usize) -> Vec<T> {
    let mut picked = Vec::with_capacity(length);
    for _ in 0..length {
        picked.push(from[number % from.len()]);
        number /= from.len();
    }
    picked
}

fn edges(steps: usize, number: usize) -> Vec<Vec<Edge>> {
    let mut all = pick(&EDGES, steps * (steps - 1) / 2, number).into_iter();
    (0..steps).map(|step| all.by_ref().take(step).collect()).collect()
}

#[tokio::test(start_paused = true)]
async fn plans_of_three_steps_keep_every_promise_in_all_their_interleavings() {
    const STEPS: usize = 3;
    let stops = [None, Some(1), Some(3), Some(5)];
    let mut checked = 0;
    for shape in 0..EDGES.len().pow(3) {
        for fates in 0..FATES.len().pow(3) {
            for paces in 0..2_usize.pow(3) {
                for stop in stops {
                    let (fates, paces) = (pick(&FATES, STEPS, fates), pick(&[1, 2], STEPS, paces));
                    Case { edges: edges(STEPS, shape), fates, paces, stop }.check().await;
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, 27 * 64 * 8 * 4);
}

#[tokio::test(start_paused = true)]
async fn plans_of_five_steps_keep_every_promise_in_a_sample_of_theirs() {
    const STEPS: usize = 5;
    // A generator after George Marsaglia's xorshift: the same cases in every run.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap_or_default()
    };
    for _ in 0..20_000 {
        let case = Case {
            edges: edges(STEPS, next(EDGES.len().pow(10))),
            fates: pick(&FATES, STEPS, next(FATES.len().pow(5))),
            paces: pick(&[0, 1, 2, 3], STEPS, next(4_usize.pow(5))),
            stop: [None, None, Some(next(12) as u64)][next(3)],
        };
        case.check().await;
    }
}
