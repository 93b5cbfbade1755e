//! The plain lines of events that a whole-program test cannot bring about.

use super::super::made_up::{HELM, PLAIN, waiting};
use super::*;
use crate::step::StepId;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_heartbeat_says_what_runs_since_when_and_how_far_it_is() {
    let mut board = Board::new(false);
    for step in [HELM, StepId::Cluster, StepId::Chart, StepId::Docker] {
        board.apply(&Event::StepStarted { step }, at(1));
    }
    board.apply(&waiting(StepId::Cluster, "the node\nis not ready"), at(70));
    board.apply(&Event::StepQueued { step: StepId::Chart, behind: vec![HELM] }, at(2));
    for second in 60..=80 {
        let done = (second - 60) * 1_500_000;
        board.apply(&Event::StepBytes { step: HELM, done, total: Some(60_000_000) }, at(second));
    }
    insta::assert_snapshot!(heartbeat(&board, at(80)).replace("; ", ";\n"), @r#"
    ..  still at it, 0 of 0: helm for 1 m 19 s: 30.0/60.0 MB, 1.5 MB/s, 20 s left;
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
    assert_eq!(in_lines(&command, false, PLAIN), Vec::<String>::new());
    insta::assert_snapshot!(in_lines(&command, true, PLAIN).join("\n"), @r#"
    $ kind create cluster --name pgedge (exit 1, 14.2 s)
         Creating cluster
         ✗ failed
    "#);
}

#[test]
fn nothing_is_cut_however_long_it_is() {
    let reason = "long ".repeat(200);
    let event = waiting(StepId::Docker, &reason);
    assert_eq!(in_lines(&event, false, PLAIN), [format!("..  docker: {}", reason.trim_end())]);
}
