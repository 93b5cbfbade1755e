//! The lines at several widths, from made-up events.

use super::*;
use crate::event::{Event, PlannedStep};
use crate::pins::Tool;
use crate::step::Operator;

const PLAIN: Look = Look { colour: false, unicode: true };
const HELM: StepId = StepId::Tool(Tool::Helm);
const KIND: StepId = StepId::Tool(Tool::Kind);
const KUBECTL: StepId = StepId::Tool(Tool::Kubectl);
const CNPG: StepId = StepId::Tool(Tool::KubectlCnpg);

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn started(steps: &[StepId]) -> Event {
    let planned = |id: &StepId| PlannedStep {
        id: *id,
        title: id.title().to_owned(),
        stage: id.stage(),
        needs: Vec::new(),
        yields_to: Vec::new(),
    };
    let steps = steps.iter().map(planned).collect();
    Event::RunStarted { schema: 1, version: "0.1.0".to_owned(), cluster: "pgedge".to_owned(), steps }
}

fn waiting(step: StepId, reason: &str) -> Event {
    Event::StepWaiting { step, reason: reason.to_owned() }
}

fn done(step: StepId, detail: &str, changed: bool) -> Event {
    Event::StepDone { step, detail: detail.to_owned(), changed, seconds: 1.24 }
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
    let mut events = vec![(0.0, started(&StepId::ALL))];
    for step in [HELM, KIND, KUBECTL, CNPG, StepId::NodeImage, StepId::Docker, StepId::Chart] {
        events.push((0.1, Event::StepStarted { step }));
    }
    events.push((0.2, done(StepId::Docker, "20.10.24, 2 CPUs, 23.5 GiB memory", false)));
    events.push((0.2, done(StepId::Chart, "1.0.0", false)));
    events.push((0.2, waiting(KIND, "not in /home/me/.local/share/pgedge-bootstrap/bin")));
    events.push((4.0, waiting(KIND, "the connection ended after 5 bytes; trying again in 8.0 s")));
    for step in [KUBECTL, CNPG] {
        events.push((0.3, Event::StepQueued { step, behind: vec![StepId::NodeImage] }));
    }
    for half in 0..20 {
        let done = 1_000_000 * half;
        events.push((0.5 * half as f64, Event::StepBytes { step: HELM, done, total: Some(40_000_000) }));
    }
    board(&events)
}

fn drawn(board: &Board, seconds: f64, rows: usize, width: usize) -> String {
    let lines = moving(board, at(seconds), (rows, width), PLAIN);
    for line in &lines {
        assert!(fit::columns(line) <= width, "{line:?} is longer than {width}");
    }
    assert!(lines.len() <= rows, "{} lines in {rows} rows", lines.len());
    lines.join("\n")
}

#[test]
fn the_moving_lines_fit_every_width() {
    let board = busy();
    insta::assert_snapshot!(drawn(&board, 10.0, 24, 80), @r#"
    ✓ tools      chart 1.0.0
    ✓ cluster    docker 20.10.24, 2 CPUs, 23.5 GiB memory
    ⠋ helm        ━━━━━━━━━━────────────    19.0/40.0 MB    1.8 MB/s  11 s left  9 s
    ⠋ kind        the connection ended after…bytes; trying again in 8.0 s (6 s)  9 s
    ⠋ node-image  looking whether the Kubernetes node image is here              9 s
      later: kubectl, kubectl-cnpg (after node-image)
      2 of 17 steps, 10 s
    "#);
    insta::assert_snapshot!(drawn(&board, 10.0, 24, 40), @r#"
    ✓ tools      chart 1.0.0
    ✓ cluster    docker 20.10.24, 2 CPUs, 2…
    ⠋ helm  47 %  1.8 MB/s               9 s
    ⠋ kind  the connection ended… (6 s)  9 s
    ⠋ node-image  looking whether the…   9 s
      later: kubectl, kubectl-cnpg (after n…
      2 of 17 steps, 10 s
    "#);
    insta::assert_snapshot!(drawn(&board, 10.0, 24, 20), @r#"
    ✓ tools      chart…
    ✓ cluster    docker…
    ⠋ helm  47 %     9 s
    ⠋ kind  the co…  9 s
    ⠋ node-image     9 s
      later: kubectl, k…
      2 of 17 steps, 10…
    "#);
    insta::assert_snapshot!(drawn(&board, 75.0, 24, 200), @r#"
    ✓ tools      chart 1.0.0
    ✓ cluster    docker 20.10.24, 2 CPUs, 23.5 GiB memory
    ⠋ helm        ━━━━━━━━━━━━━━────────────────    19.0/40.0 MB  no bytes for 1 m 05 s                                                                                                             1 m 14 s
    ⠋ kind        the connection ended after 5 bytes; trying again in 8.0 s (1 m 11 s)                                                                                                              1 m 14 s
    ⠋ node-image  looking whether the Kubernetes node image is here                                                                                                                                 1 m 14 s
      later: kubectl, kubectl-cnpg (after node-image)
      2 of 17 steps, 1 m 15 s
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
      2 of 17 steps, 10 s
    "#);
    insta::assert_snapshot!(drawn(&busy(), 10.0, 1, 60), @r#"
      2 of 17 steps, 10 s
    "#);
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
        let dones = Kept::Done { step: HELM, detail: reason.to_owned(), seconds: Some(1.0) };
        let helds = Kept::Held { stage: Stage::Tools, steps: vec![Held { step: HELM, detail: reason.to_owned() }] };
        for width in [20, 40, 80, 200] {
            let mut lines = moving(&board, at(70.0), (24, width), PLAIN);
            lines.extend(kept(&dones, width, PLAIN));
            lines.extend(kept(&helds, width, PLAIN));
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

/// What every second run looks like.
#[test]
fn what_held_already_is_a_line_a_stage() {
    let versions = [
        (HELM, "4.3.0"),
        (KIND, "0.33.0"),
        (KUBECTL, "1.34.10"),
        (CNPG, "1.30.0"),
        (StepId::Manifest(Operator::CertManager), "1.21.2"),
        (StepId::Manifest(Operator::CloudnativePg), "1.30.0"),
        (StepId::Chart, "1.0.0"),
        (StepId::Docker, "20.10.24+dfsg1, 2 CPUs, 23.5 GiB memory, cgroup v1"),
        (StepId::NodeImage, "Kubernetes 1.34.10"),
        (StepId::Cluster, "1 Kubernetes node, v1.34.10"),
        (StepId::Images, "6 images"),
        (StepId::Operator(Operator::CertManager), "1.21.2"),
        (StepId::Operator(Operator::CloudnativePg), "1.30.0"),
        (StepId::Release, "chart 1.0.0, revision 1"),
        (StepId::Nodes, "n1, n2, n3"),
        (StepId::Replication, "6 subscriptions replicating"),
    ];
    let mut board = Board::new(false);
    let mut lines = Vec::new();
    let mut show = |event: &Event, width: usize| {
        for said in board.apply(event, at(0.0)) {
            lines.extend(kept(&said, width, PLAIN));
        }
    };
    show(&started(&StepId::ALL), 79);
    for (step, detail) in versions {
        show(&Event::StepStarted { step }, 79);
        show(&done(step, detail, false), 79);
    }
    show(&Event::StepStarted { step: StepId::Proof }, 79);
    show(&done(StepId::Proof, "6 of 6 ordered pairs, slowest 223.4 ms", true), 79);
    show(&Event::RunFinished { ok: true, end: RunEnd::Done, changed: 1, seconds: 3.21 }, 79);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    pgedge-bootstrap 0.1.0, cluster "pgedge"
    ✓ tools      helm 4.3.0; kind 0.33.0; kubectl 1.34.10; kubectl-cnpg 1.30.0;
                 cert-manager-manifest 1.21.2; cloudnative-pg-manifest 1.30.0;
                 chart 1.0.0
    ✓ cluster    docker 20.10.24+dfsg1, 2 CPUs, 23.5 GiB memory, cgroup v1;
                 node-image Kubernetes 1.34.10; cluster 1 Kubernetes node, v1.34.10
    ✓ operators  images 6 images; cert-manager 1.21.2; cloudnative-pg 1.30.0
    ✓ deploy     release chart 1.0.0, revision 1; nodes n1, n2, n3;
                 replication 6 subscriptions replicating
    ✓ a write on any node is read on the others: 6 of 6 ordered pairs, slo… (1.2 s)
    done, 1 step was made true (3.2 s)
    "#);
    let steps = vec![
        Held { step: StepId::Operator(Operator::CertManager), detail: "1.21.2".to_owned() },
        Held { step: StepId::Images, detail: "6 images".to_owned() },
    ];
    let narrow = kept(&Kept::Held { stage: Stage::Operators, steps }, 24, PLAIN);
    insta::assert_snapshot!(narrow.join("\n"), @r#"
    ✓ operators
      cert-manager 1.21.2;
      images 6 images
    "#);
}

/// The error is what the eye finds at the end, whole, even where it is wider than the terminal.
#[test]
fn a_failure_ends_the_screen() {
    let mut board = Board::new(true);
    let failed = Event::StepFailed {
        step: StepId::Docker,
        id: "docker-not-running".to_owned(),
        summary: "docker does not answer".to_owned(),
        evidence: vec![
            "\u{1b}[31mCannot connect to the Docker daemon at unix:///var/run/docker.sock.\u{1b}[0m\nIs the docker daemon running?".to_owned(),
        ],
        hint: "start docker and run this again; `docker info` shows whether it answers".to_owned(),
        seconds: 0.31,
    };
    let command = Event::CommandEnded {
        step: Some(StepId::Docker),
        command: "docker info --format '{{json .}}'".to_owned(),
        exit: Some(1),
        seconds: 0.3,
        output: vec!["Cannot connect\tto it".to_owned()],
    };
    let events = [
        started(&StepId::ALL),
        Event::StepStarted { step: HELM },
        Event::StepStarted { step: KIND },
        Event::StepStarted { step: StepId::Docker },
        command,
        failed,
        Event::StepCancelled { step: HELM, seconds: 0.3 },
        Event::StepCancelled { step: KIND, seconds: 0.3 },
        Event::RunFinished { ok: false, end: RunEnd::Failed, changed: 0, seconds: 0.33 },
    ];
    let said: Vec<Kept> = events.iter().flat_map(|event| board.apply(event, at(0.0))).collect();
    let shown = |width| said.iter().flat_map(|said| kept(said, width, PLAIN)).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(shown(100), @r#"
    pgedge-bootstrap 0.1.0, cluster "pgedge"
    $ docker info --format '{{json .}}' (exit 1, 0.3 s)
        Cannot connect to it
    ✗ docker answers (0.3 s)
    - stopped: helm, kind
    stopped after 0.3 s; running this again continues from here
    error: docker does not answer (docker-not-running)
           Cannot connect to the Docker daemon at unix:///var/run/docker.sock.
           Is the docker daemon running?
    hint: start docker and run this again; `docker info` shows whether it answers
    "#);
    insta::assert_snapshot!(shown(40), @r#"
    pgedge-bootstrap 0.1.0, cluster "pgedge"
    $ docker info --format '{{json .}}' (ex…
        Cannot connect to it
    ✗ docker answers (0.3 s)
    - stopped: helm, kind
    stopped after 0.3 s; running this again
    continues from here
    error: docker does not answer
           (docker-not-running)
           Cannot connect to the Docker
           daemon at
           unix:///var/run/docker.sock.
           Is the docker daemon running?
    hint: start docker and run this again;
          `docker info` shows whether it
          answers
    "#);
    assert!(shown(20).lines().all(|line| fit::columns(line) <= 20), "{}", shown(20));
    let ascii = Look { colour: true, unicode: false };
    insta::assert_snapshot!(said.iter().flat_map(|said| kept(said, 60, ascii)).collect::<Vec<_>>().join("\n").replace('\u{1b}', "ESC"), @r#"
    ESC[1mpgedge-bootstrap 0.1.0, cluster "pgedge"ESC[0m
    ESC[2m$ docker info --format '{{json .}}' (exit 1, 0.3 s)ESC[0m
    ESC[2m    Cannot connect to itESC[0m
    ESC[31mESC[1mxESC[0m docker answersESC[2m (0.3 s)ESC[0m
    ESC[2m- stopped: helm, kindESC[0m
    stopped after 0.3 s; running this again continues from here
    ESC[31mESC[1merror: ESC[0mdocker does not answer (docker-not-running)
    ESC[2m       ESC[0mCannot connect to the Docker daemon at
           unix:///var/run/docker.sock.
    ESC[2m       ESC[0mIs the docker daemon running?
    ESC[36mESC[1mhint: ESC[0mstart docker and run this again; `docker info` shows
          whether it answers
    "#);
}
