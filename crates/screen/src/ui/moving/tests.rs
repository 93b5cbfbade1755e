//! The moving lines at several widths, from made-up events.

use bootstrap_run::event::Event;
use bootstrap_run::event::made_up::of_kind;
use bootstrap_run::step::Stage;
use bootstrap_run::step::StepName;

use super::super::board::{Held, Kept};
use super::super::made_up::{CNPG, HELM, KIND, KUBECTL, PLAIN, done, started, waiting};
use super::*;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn board(events: &[(f64, Event)]) -> Board {
    let mut board = Board::new(false);
    for (time, event) in events {
        board.apply(event, at(*time));
    }
    board
}

/// A run in the middle: a download, a wait, a look, queued steps, and steps that held.
fn busy() -> Board {
    let mut events = vec![(0.0, started(&of_kind()))];
    for step in
        [HELM, KIND, KUBECTL, CNPG, StepName::fixed("node-image"), StepName::fixed("docker"), StepName::fixed("chart")]
    {
        events.push((0.1, Event::StepStarted { step }));
    }
    events.push((0.2, done(StepName::fixed("docker"), "20.10.24, 2 CPUs, 23.5 GiB memory", false)));
    events.push((0.2, done(StepName::fixed("chart"), "1.0.0", false)));
    events.push((0.2, waiting(KIND, "not in /home/me/.local/share/pgedge-bootstrap/bin")));
    events.push((4.0, waiting(KIND, "the connection ended after 5 bytes; trying again in 8.0 s")));
    for step in [KUBECTL, CNPG] {
        events.push((0.3, Event::StepQueued { step, behind: vec![StepName::fixed("node-image")] }));
    }
    for half in 0..20 {
        let done = 1_000_000 * half;
        events.push((0.5 * half as f64, Event::StepBytes { step: HELM, done, total: Some(40_000_000) }));
    }
    board(&events)
}

fn drawn(board: &Board, seconds: f64, rows: usize, width: usize) -> String {
    let lines = super::lines(board, at(seconds), (rows, width), PLAIN);
    for line in &lines {
        assert!(fit::columns(line) <= width, "{line:?} is longer than {width}");
    }
    assert!(lines.len() <= rows, "{} lines in {rows} rows", lines.len());
    lines.join("\n")
}

#[test]
fn nothing_is_shown_before_the_run_is_heard_of() {
    assert_eq!(drawn(&board(&[]), 1.0, 24, 80), "");
}

#[test]
fn the_moving_lines_fit_every_width() {
    let board = busy();
    insta::assert_snapshot!(drawn(&board, 10.0, 24, 80), @r#"
    ✓ tools      chart 1.0.0
    ✓ cluster    docker 20.10.24, 2 CPUs, 23.5 GiB memory
    ⠋ helm        ━━━━━━━━━━────────────    19.0/40.0 MB    1.8 MB/s  11 s left  9 s
    ⠋ kind        the connection ended after…bytes; trying again in 8.0 s (6 s)  9 s
    ⠋ node-image  checking whether the Kubernetes node image is here             9 s
      later: kubectl, kubectl-cnpg (after node-image)
      2 of 18 steps, 10 s
    "#);
    insta::assert_snapshot!(drawn(&board, 10.0, 24, 40), @r#"
    ✓ tools      chart 1.0.0
    ✓ cluster    docker 20.10.24, 2 CPUs, 2…
    ⠋ helm  47 %  1.8 MB/s               9 s
    ⠋ kind  the connection ended… (6 s)  9 s
    ⠋ node-image  checking whether the…  9 s
      later: kubectl, kubectl-cnpg (after n…
      2 of 18 steps, 10 s
    "#);
    insta::assert_snapshot!(drawn(&board, 10.0, 24, 20), @r#"
    ✓ tools      chart…
    ✓ cluster    docker…
    ⠋ helm  47 %     9 s
    ⠋ kind  the co…  9 s
    ⠋ node-image     9 s
      later: kubectl, k…
      2 of 18 steps, 10…
    "#);
    insta::assert_snapshot!(drawn(&board, 75.0, 24, 200), @r#"
    ✓ tools      chart 1.0.0
    ✓ cluster    docker 20.10.24, 2 CPUs, 23.5 GiB memory
    ⠋ helm        ━━━━━━━━━━━━━━────────────────    19.0/40.0 MB  no bytes for 1 m 05 s                                                                                                             1 m 14 s
    ⠋ kind        the connection ended after 5 bytes; trying again in 8.0 s (1 m 11 s)                                                                                                              1 m 14 s
    ⠋ node-image  checking whether the Kubernetes node image is here                                                                                                                                1 m 14 s
      later: kubectl, kubectl-cnpg (after node-image)
      2 of 18 steps, 1 m 15 s
    "#);
    for width in 1..250 {
        for rows in 0..12 {
            drawn(&board, 3700.0, rows, width);
        }
    }
}

#[test]
fn what_does_not_fit_the_height_is_counted() {
    insta::assert_snapshot!(drawn(&busy(), 10.0, 4, 60), @r#"
    ⠋ helm        19.0/40.0 MB  1.8 MB/s  11 s left          9 s
      +2 more
      later: kubectl, kubectl-cnpg (after node-image)
      2 of 18 steps, 10 s
    "#);
    insta::assert_snapshot!(drawn(&busy(), 10.0, 1, 60), @"  2 of 18 steps, 10 s");
}

#[test]
fn a_bar_comes_back_after_a_retry_and_is_measured_anew() {
    let mut board = board(&[
        (0.0, started(&[HELM])),
        (0.0, Event::StepStarted { step: HELM }),
        (0.0, Event::StepBytes { step: HELM, done: 0, total: Some(10_000_000) }),
        (1.0, Event::StepBytes { step: HELM, done: 5_000_000, total: Some(10_000_000) }),
        (1.1, waiting(HELM, "the connection ended after 5000000 bytes; trying again in 0.7 s")),
    ]);
    insta::assert_snapshot!(drawn(&board, 1.5, 24, 80), @r#"
    ⠴ helm  the connection ended after 5000000 bytes; trying again in 0.7 s      1 s
      0 of 1 step, 1 s
    "#);
    board.apply(&Event::StepBytes { step: HELM, done: 5_000_000, total: Some(10_000_000) }, at(2.0));
    insta::assert_snapshot!(drawn(&board, 2.1, 24, 80), @r#"
    ⠙ helm  ━━━━━━━━━━━━━━━───────────────     5.0/10.0 MB                       2 s
      0 of 1 step, 2 s
    "#);
    board.apply(&Event::StepBytes { step: HELM, done: 6_000_000, total: Some(10_000_000) }, at(3.0));
    insta::assert_snapshot!(drawn(&board, 3.0, 24, 80), @r#"
    ⠋ helm  ━━━━━━━━━━━━━━━━━────────────     6.0/10.0 MB    1.0 MB/s  4 s left  3 s
      0 of 1 step, 3 s
    "#);
    insta::assert_snapshot!(drawn(&board, 15.0, 24, 80), @r#"
    ⠋ helm  ━━━━━━━━━━━━━━━━━━────────────     6.0/10.0 MB  no bytes for 12 s   15 s
      0 of 1 step, 15 s
    "#);
}

#[test]
fn words_from_outside_can_neither_move_the_cursor_nor_break_the_line() {
    for reason in [
        "\u{1b}[2J\u{1b}[31mred\u{1b}[0m and\ra carriage return",
        "日本語のとても長いエラーメッセージが端末の幅を超えても折り返さない、決して",
        "🎉🎉🎉🎉🎉🎉 👩‍👩‍👧 👍🏽 ☎\u{fe0f}☎\u{fe0f}☎\u{fe0f}☎\u{fe0f} 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉",
        "cafe\u{301} \u{202e}txt.exe\u{202c} \u{200b}tab\there\nand a line\u{9b}2K",
        &"x".repeat(5000),
    ] {
        let board =
            board(&[(0.0, started(&[HELM])), (0.0, Event::StepStarted { step: HELM }), (0.0, waiting(HELM, reason))]);
        let dones = Kept::Done {
            title: "helm is installed and verified".to_owned(),
            detail: reason.to_owned(),
            seconds: Some(1.0),
        };
        let helds = Kept::Held { stage: Stage::Tools, steps: vec![Held { step: HELM, detail: reason.to_owned() }] };
        for width in [20, 40, 80, 200] {
            let mut lines = super::lines(&board, at(70.0), (24, width), PLAIN);
            lines.extend(kept::lines(&dones, width, PLAIN));
            lines.extend(kept::lines(&helds, width, PLAIN));
            for line in lines {
                assert!(!line.chars().any(char::is_control), "{line:?}");
                assert!(
                    fit::columns(&line) <= width && console::measure_text_width(&line) <= width,
                    "{width}: {line:?}"
                );
            }
        }
    }
}
