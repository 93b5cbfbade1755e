//! Made-up runs whose critical path can be told by looking at them. Moments are milliseconds.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use bootstrap_run::event::made_up::{of_kind, planned};
use bootstrap_run::event::{Event, PlannedStep};
use bootstrap_run::failure::Report;

use super::critical::Chain;
use super::*;

const A: StepName = StepName::fixed("docker");
const B: StepName = StepName::fixed("node-image");
const C: StepName = StepName::fixed("cluster");
const D: StepName = StepName::fixed("kubectl");

fn started(steps: Vec<PlannedStep>) -> Event {
    Event::RunStarted { schema: 1, version: "1".to_owned(), cluster: "pgedge".to_owned(), steps }
}

fn begin(step: StepName) -> Event {
    Event::StepStarted { step }
}

fn queue(step: StepName, behind: &[StepName]) -> Event {
    Event::StepQueued { step, behind: behind.to_vec() }
}

fn apply(step: StepName) -> Event {
    Event::StepApplying { step, found: "missing".to_owned(), detail: "nothing".to_owned() }
}

fn done(step: StepName) -> Event {
    Event::StepDone { step, detail: "here".to_owned(), changed: true, seconds: 0.0 }
}

fn finished(end: RunEnd) -> Event {
    Event::RunFinished { ok: end == RunEnd::Done, end, changed: 0, seconds: 0.0 }
}

fn timeline(events: Vec<(i64, Event)>) -> Timeline {
    let stamped = |(at, event)| Stamped { time: Timestamp::from_millisecond(at).unwrap(), event };
    Timeline::of(&events.into_iter().map(stamped).collect::<Vec<_>>()).unwrap()
}

fn milliseconds(count: u64) -> Seconds {
    Seconds::new(Duration::from_millis(count))
}

fn chain(chain: &Chain) -> Vec<(StepName, Through)> {
    chain.links.iter().map(|link| (link.step, link.through)).collect()
}

#[test]
fn independent_steps_one_after_the_other_are_far_from_their_critical_path() {
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[]), planned(B, &[]), planned(C, &[])])),
        (0, begin(A)),
        (1000, done(A)),
        (1000, begin(B)),
        (2000, done(B)),
        (2000, begin(C)),
        (3500, done(C)),
        (3500, finished(RunEnd::Done)),
    ]);
    assert_eq!(timeline.critical.chain.seconds, milliseconds(1500));
    assert_eq!(chain(&timeline.critical.chain), [(C, Through::Start)]);
    assert_eq!(timeline.critical.chain.ratio, Some(3.5 / 1.5));
    assert_eq!((timeline.overlap.factor, timeline.overlap.most), (Some(1.0), 1));
}

#[test]
fn a_run_in_which_each_step_starts_when_it_can_has_the_ratio_one() {
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[]), planned(D, &[]), planned(B, &[A]), planned(C, &[B, D])])),
        (0, begin(A)),
        (0, begin(D)),
        (300, done(A)),
        (300, begin(B)),
        (900, done(D)),
        (1300, done(B)),
        (1300, begin(C)),
        (2000, done(C)),
        (2000, finished(RunEnd::Done)),
    ]);
    assert_eq!(timeline.critical.chain.ratio, Some(1.0));
    assert_eq!(chain(&timeline.critical.chain), [(A, Through::Start), (B, Through::Need), (C, Through::Need)]);
    assert_eq!(timeline.critical.chain, timeline.critical.without_queues);
    let factor = timeline.overlap.factor.unwrap();
    assert!((factor - 2.9 / 2.0).abs() < 1e-9, "{factor}");
    assert_eq!(timeline.overlap.most, 2);
}

#[test]
fn time_between_steps_counts_against_the_run() {
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[]), planned(B, &[A])])),
        (0, begin(A)),
        (1000, done(A)),
        (1500, begin(B)),
        (2000, done(B)),
        (2250, finished(RunEnd::Done)),
    ]);
    assert_eq!(timeline.critical.chain.ratio, Some(2.25 / 1.5));
}

/// D could be looked at from the beginning, and did that beside B; its work came behind B.
fn queued() -> Vec<(i64, Event)> {
    vec![
        (0, started(vec![planned(B, &[]), planned(D, &[])])),
        (0, begin(B)),
        (0, begin(D)),
        (200, queue(D, &[B])),
        (1000, done(B)),
        (1000, apply(D)),
        (1600, done(D)),
        (1600, finished(RunEnd::Done)),
    ]
}

#[test]
fn a_queue_is_a_link_of_the_chain_and_no_time_of_the_step() {
    let timeline = timeline(queued());
    assert_eq!(timeline.step(D).unwrap().own, milliseconds(800));
    assert_eq!(timeline.critical.chain.ratio, Some(1.0));
    assert_eq!(chain(&timeline.critical.chain), [(B, Through::Start), (D, Through::Queue)]);
    // The look is no part of a chain that goes through the queue.
    assert_eq!(timeline.critical.chain.links[1].seconds, milliseconds(600));
}

#[test]
fn what_the_queues_cost_is_told_too() {
    let timeline = timeline(queued());
    assert_eq!(timeline.critical.without_queues.seconds, milliseconds(1000));
    assert_eq!(timeline.critical.without_queues.ratio, Some(1.6));
    let running: Vec<usize> = timeline.overlap.moments.iter().map(|moment| moment.steps).collect();
    assert_eq!(running, [2, 1, 1, 0]);
}

#[test]
fn a_step_that_lost_its_place_in_the_queue_does_not_make_the_path_longer_than_the_run() {
    let mut events = queued();
    // B goes on: D does not come behind it.
    events.retain(|(_, event)| *event != done(B));
    events.insert(6, (1600, done(B)));
    let timeline = timeline(events);
    assert_eq!(timeline.critical.chain.ratio, Some(1.0));
    assert_eq!(chain(&timeline.critical.chain), [(B, Through::Start)]);
}

/// Whatever happens in a run, nothing of a chain is counted twice.
#[test]
fn the_ratio_is_never_below_one() {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..500 {
        let all = of_kind();
        let plan: Vec<PlannedStep> = all
            .iter()
            .enumerate()
            .map(|(place, id)| {
                let mut earlier = || all[usize::try_from(random(place as u64)).unwrap()];
                let needs: Vec<StepName> = if place == 0 { Vec::new() } else { vec![earlier(), earlier()] };
                planned(*id, &needs[..needs.len().min(place % 3)])
            })
            .collect();
        let mut events = vec![(0, started(plan.clone()))];
        let mut ends = std::collections::BTreeMap::new();
        for step in &plan {
            let ready = step.needs.iter().map(|need| ends[need]).max().unwrap_or(0);
            let mut at = ready + random(50);
            events.push((at, begin(step.id)));
            if random(2) == 0 {
                let behind: Vec<StepName> = ends.keys().copied().filter(|_| random(3) == 0).collect();
                at += random(30);
                events.push((at, queue(step.id, &behind)));
                at = behind.iter().map(|step| ends[step]).max().unwrap_or(0).max(at) + random(2) * random(20);
                events.push((at, apply(step.id)));
            }
            at += random(200);
            events.push((at, done(step.id)));
            ends.insert(step.id, at);
        }
        events.sort_by_key(|(at, _)| *at);
        let total = ends.values().copied().max().unwrap();
        events.push((total, finished(RunEnd::Done)));
        let critical =
            timeline(events.into_iter().map(|(at, event)| (i64::try_from(at).unwrap(), event)).collect()).critical;
        assert!(critical.chain.ratio >= Some(1.0), "{critical:?}");
        assert!(critical.without_queues.seconds <= critical.chain.seconds, "{critical:?}");
        let sum: Seconds = critical.chain.links.iter().map(|link| link.seconds).sum();
        assert!(sum <= critical.chain.seconds, "{critical:?}");
    }
}

#[test]
fn a_failed_run_tells_what_became_of_each_step() {
    let failed = Event::StepFailed {
        step: B,
        failure: Report {
            id: "disk-full".to_owned(),
            layer: bootstrap_run::failure::Layer::Machine,
            summary: "no space".to_owned(),
            evidence: Vec::new(),
            hint: String::new(),
        },
        seconds: 0.7,
    };
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[]), planned(B, &[A]), planned(C, &[B]), planned(D, &[])])),
        (0, begin(A)),
        (0, begin(D)),
        (300, Event::StepDone { step: A, detail: "24".to_owned(), changed: false, seconds: 0.3 }),
        (300, begin(B)),
        (1000, failed),
        (1010, Event::StepCancelled { step: D, seconds: 1.0 }),
        (1010, finished(RunEnd::Failed)),
    ]);
    let outcomes: Vec<Outcome> = timeline.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Failed, Outcome::NeverStarted, Outcome::Cancelled]);
    assert_eq!(timeline.step(B).unwrap().failure.as_deref(), Some("disk-full"));
    assert_eq!(timeline.end, Some(RunEnd::Failed));
    assert_eq!(timeline.critical.chain.seconds, milliseconds(1010));
}

#[test]
fn events_that_break_off_are_a_timeline_without_an_end() {
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[])])),
        (100, begin(A)),
        (900, Event::StepWaiting { step: A, reason: "it".to_owned() }),
        (1000, begin(B)),
    ]);
    assert_eq!(timeline.end, None);
    let track = timeline.step(A).unwrap();
    assert_eq!((track.outcome, track.own), (Outcome::Cancelled, milliseconds(900)));
    assert_eq!(track.waits, [Wait { reason: "it".to_owned(), from: milliseconds(900), to: milliseconds(1000) }]);
    assert_eq!(Timeline::of(&[]), None);
}

#[test]
fn a_wait_lasts_until_the_next_one_or_until_bytes_arrive() {
    let waiting = |reason: &str| Event::StepWaiting { step: A, reason: reason.to_owned() };
    let bytes = |done| Event::StepBytes { step: A, done, total: Some(4000) };
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[])])),
        (0, begin(A)),
        (100, waiting("one")),
        (300, waiting("two")),
        (1000, bytes(1000)),
        (2000, bytes(3000)),
        (4000, bytes(4000)),
        (4000, done(A)),
        (4000, finished(RunEnd::Done)),
    ]);
    let track = timeline.step(A).unwrap();
    let waits: Vec<(&str, Seconds, Seconds)> =
        track.waits.iter().map(|wait| (wait.reason.as_str(), wait.from, wait.to)).collect();
    assert_eq!(waits, [("one", milliseconds(100), milliseconds(300)), ("two", milliseconds(300), milliseconds(1000))]);
    let transfer = track.bytes.as_ref().unwrap();
    // What the first sample tells of was there already.
    assert_eq!((transfer.done, transfer.total, transfer.mean), (4000, Some(4000), Some(1000.0)));
    assert_eq!(transfer.peak, Some(2000.0));
    assert_eq!(timeline.rates.every, milliseconds(250));
    assert_eq!(timeline.rates.bytes_per_second[3..9], [0.0, 2000.0, 2000.0, 2000.0, 2000.0, 500.0]);
    assert_eq!(timeline.rates.bytes_per_second.iter().sum::<f64>() / 4.0, 3000.0);
}

#[test]
fn a_download_that_begins_anew_counts_what_arrived_and_not_what_was_lost() {
    let bytes = |done| Event::StepBytes { step: A, done, total: Some(900) };
    let timeline = timeline(vec![
        (0, started(vec![planned(A, &[])])),
        (0, bytes(0)),
        (1000, bytes(600)),
        (1000, bytes(0)),
        (2000, bytes(900)),
        (2000, finished(RunEnd::Done)),
    ]);
    let transfer = timeline.step(A).unwrap().bytes.clone().unwrap();
    assert_eq!((transfer.done, transfer.mean), (900, Some(750.0)));
}

#[test]
fn a_clock_that_was_set_back_stands_still() {
    let timeline = timeline(vec![
        (5000, started(vec![planned(A, &[])])),
        (5000, begin(A)),
        (1000, done(A)),
        (6000, finished(RunEnd::Done)),
    ]);
    assert_eq!((timeline.step(A).unwrap().own, timeline.seconds), (Seconds::ZERO, milliseconds(1000)));
    assert_eq!(timeline.critical.chain.ratio, None);
}
