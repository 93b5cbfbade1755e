//! The state of a run from made-up events.

use super::super::made_up::{HELM, KIND, KUBECTL, done, started, waiting};
use super::*;
fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn begun(steps: &[StepName]) -> Board {
    let mut board = Board::new(false);
    board.apply(&started(steps), at(0));
    for step in steps {
        board.apply(&Event::StepStarted { step: *step }, at(0));
    }
    board
}

#[test]
fn a_reason_is_waited_for_since_it_began() {
    let mut board = begun(&[HELM]);
    let doing = |board: &Board| board.running().next().map(|running| (running.since, running.doing.clone()));
    board.apply(&waiting(HELM, "one"), at(3));
    board.apply(&waiting(HELM, "one"), at(5));
    assert_eq!(doing(&board), Some((at(0), Doing::Waiting { reason: "one".to_owned(), since: at(3) })));
    board.apply(&waiting(HELM, "two"), at(7));
    assert_eq!(doing(&board), Some((at(0), Doing::Waiting { reason: "two".to_owned(), since: at(7) })));
}

#[test]
fn queued_steps_are_apart_from_those_that_run_until_they_do() {
    let mut board = begun(&[HELM, KIND, KUBECTL, StepName::fixed("node-image")]);
    for step in [KIND, KUBECTL] {
        board.apply(&Event::StepQueued { step, behind: vec![StepName::fixed("node-image")] }, at(1));
    }
    board.apply(&Event::StepQueued { step: HELM, behind: vec![KIND] }, at(1));
    assert_eq!(
        board.queued(),
        [(&[KIND][..], vec![HELM]), (&[StepName::fixed("node-image")][..], vec![KIND, KUBECTL])]
    );
    assert_eq!(board.running().map(|running| running.step).collect::<Vec<_>>(), [StepName::fixed("node-image")]);
    let applying = Event::StepApplying { step: KIND, found: "missing".to_owned(), detail: "not here".to_owned() };
    board.apply(&applying, at(2));
    assert_eq!(board.running().map(|running| running.step).collect::<Vec<_>>(), [KIND, StepName::fixed("node-image")]);
}

#[test]
fn what_held_is_told_once_when_its_stage_is_through() {
    let mut board = begun(&[HELM, KIND, KUBECTL, StepName::fixed("docker")]);
    assert_eq!(board.apply(&done(KIND, "1.0", false), at(1)), []);
    let docker = board.apply(&done(StepName::fixed("docker"), "1.0", false), at(1));
    assert_eq!(docker.len(), 1, "its stage has no other step");
    let changed = board.apply(&done(KUBECTL, "1.0", true), at(1));
    assert!(matches!(&changed[..], [Kept::Done { title, .. }] if title == "kubectl is installed and verified"));
    let through = board.apply(&done(HELM, "1.0", false), at(1));
    let [Kept::Held { stage: Stage::Tools, steps }] = &through[..] else { unreachable!("{through:?}") };
    assert_eq!(steps.iter().map(|held| held.step).collect::<Vec<_>>(), [HELM, KIND]);
    assert_eq!((board.progress(), board.held().count()), ((4, 4), 0));
}

#[test]
fn a_run_that_ends_early_still_tells_what_held_and_what_failed_last() {
    let mut board = begun(&[HELM, KIND, KUBECTL]);
    board.apply(&done(HELM, "1.0", false), at(1));
    let failed = Event::StepFailed {
        step: KIND,
        failure: Report {
            id: "disk-full".to_owned(),
            layer: bootstrap_run::failure::Layer::Machine,
            summary: "the disk is full".to_owned(),
            evidence: Vec::new(),
            hint: String::new(),
        },
        seconds: 1.0,
    };
    assert!(
        matches!(&board.apply(&failed, at(1))[..], [Kept::Failed { title, .. }] if title == "kind is installed and verified")
    );
    board.apply(&Event::StepCancelled { step: KUBECTL, seconds: 1.0 }, at(1));
    let told = board.conclude(None);
    assert!(
        matches!(&told[..], [Kept::Held { .. }, Kept::Cancelled { steps }, Kept::Failure(_)] if *steps == [KUBECTL]),
        "{told:?}"
    );
    assert_eq!(board.conclude(None), [], "once is enough");
}

#[test]
fn commands_and_single_lines_are_for_those_who_ask() {
    let command = Event::CommandEnded {
        step: None,
        command: "kind version".to_owned(),
        exit: Some(0),
        seconds: 0.1,
        output: Vec::new(),
    };
    let mut verbose = Board::new(true);
    assert_eq!((begun(&[HELM]).apply(&command, at(1)).len(), verbose.apply(&command, at(1)).len()), (0, 1));
    verbose.apply(&started(&[HELM]), at(0));
    assert!(matches!(&verbose.apply(&done(HELM, "1.0", false), at(1))[..], [Kept::Done { seconds: None, .. }]));
}

/// Somebody who follows another process may have missed the beginning.
#[test]
fn events_of_a_step_that_is_not_known_are_harmless() {
    let mut board = Board::new(false);
    board.apply(&Event::StepBytes { step: HELM, done: 1, total: None }, at(1));
    board.apply(&waiting(HELM, "x"), at(1));
    board.apply(&done(HELM, "1.0", true), at(1));
    assert_eq!(board.running().count(), 0);
}
