//! The plain lines of events that a whole-program test cannot bring about.

use bootstrap_run::step::StepName;

use super::super::made_up::{HELM, PLAIN, waiting};
use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_heartbeat_says_what_runs_since_when_and_how_far_it_is() {
    let mut board = Board::new(false);
    for step in [HELM, StepName::fixed("cluster"), StepName::fixed("chart"), StepName::fixed("docker")] {
        board.apply(&Event::StepStarted { step }, at(1));
    }
    board.apply(&waiting(StepName::fixed("cluster"), "the node\nis not ready"), at(70));
    board.apply(&Event::StepQueued { step: StepName::fixed("chart"), behind: vec![HELM] }, at(2));
    for second in 60..=80 {
        let done = (second - 60) * 1_500_000;
        board.apply(&Event::StepBytes { step: HELM, done, total: Some(60_000_000) }, at(second));
    }
    insta::assert_snapshot!(heartbeat(&board, at(80)).replace("; ", ";\n"), @r#"
    ..  still running, 0 of 0: helm for 1 m 19 s: 30.0/60.0 MB, 1.5 MB/s, 20 s left;
    cluster for 1 m 19 s: the node is not ready (since 10 s);
    docker for 1 m 19 s: looking;
    later: chart
    "#);
}

#[test]
fn commands_are_shown_to_those_who_ask_and_are_cleaned() {
    let command = Event::CommandEnded {
        step: None,
        command: "kind create cluster --name pgedge".to_owned(),
        exit: Some(1),
        seconds: 14.2,
        output: vec![" \u{1b}[1mCreating cluster\u{1b}[0m\r ✗ failed".to_owned()],
    };
    assert_eq!(in_lines(&command, &Board::default(), false, PLAIN), Vec::<String>::new());
    insta::assert_snapshot!(in_lines(&command, &Board::default(), true, PLAIN).join("\n"), @r#"
    $ kind create cluster --name pgedge (exit 1, 14.2 s)
         Creating cluster
         ✗ failed
    "#);
}

#[test]
fn nothing_is_cut_however_long_it_is() {
    let reason = "long ".repeat(200);
    let event = waiting(StepName::fixed("docker"), &reason);
    assert_eq!(in_lines(&event, &Board::default(), false, PLAIN), [format!("..  docker: {}", reason.trim_end())]);
}

#[test]
fn what_has_not_changed_is_said_short() {
    let mut board = Board::new(false);
    board.apply(&Event::StepStarted { step: StepName::fixed("replication") }, at(1));
    let reason = "the subscription of n2 to n1 is down: could not create replication slot on provider ".repeat(4);
    board.apply(&waiting(StepName::fixed("replication"), &reason), at(2));
    insta::assert_snapshot!(
        heartbeat(&board, at(32)),
        @"..  still running, 0 of 0: replication for 31 s: the subscription of n2 to n1 is down: could not create re... (since 30 s)"
    );
}
