//! The lines that stay at several widths, from made-up events.

use bootstrap_run::event::made_up::of_kind;
use bootstrap_run::event::{Event, RunEnd};
use bootstrap_run::failure::Report;
use bootstrap_run::step::StepName;

use super::super::board::Board;
use super::super::made_up::{CNPG, HELM, KIND, KUBECTL, PLAIN, done, started};
use super::*;

/// What every second run looks like.
#[test]
fn what_held_already_is_a_line_a_stage() {
    let versions = [
        (HELM, "4.3.0"),
        (KIND, "0.33.0"),
        (KUBECTL, "1.34.10"),
        (CNPG, "1.30.0"),
        (StepName::fixed("cert-manager-manifest"), "1.21.2"),
        (StepName::fixed("cloudnative-pg-manifest"), "1.30.0"),
        (StepName::fixed("chart"), "1.0.0"),
        (StepName::fixed("docker"), "20.10.24+dfsg1, 2 CPUs, 23.5 GiB memory, cgroup v1"),
        (StepName::fixed("node-image"), "Kubernetes 1.34.10"),
        (StepName::fixed("cluster"), "1 Kubernetes node, v1.34.10"),
        (StepName::fixed("kubernetes-api"), "v1.34.10"),
        (StepName::fixed("images"), "6 images"),
        (StepName::fixed("cert-manager"), "1.21.2"),
        (StepName::fixed("cloudnative-pg"), "1.30.0"),
        (StepName::fixed("release"), "chart 1.0.0, revision 1"),
        (StepName::fixed("nodes"), "n1, n2, n3"),
        (StepName::fixed("replication"), "6 subscriptions replicating"),
    ];
    let mut board = Board::new(false);
    let mut shown = Vec::new();
    let mut show = |event: &Event, width: usize| {
        for said in board.apply(event, std::time::Duration::ZERO) {
            shown.extend(lines(&said, width, PLAIN));
        }
    };
    show(&started(&of_kind()), 79);
    for (step, detail) in versions {
        show(&Event::StepStarted { step }, 79);
        show(&done(step, detail, false), 79);
    }
    show(&Event::StepStarted { step: StepName::fixed("proof") }, 79);
    show(&done(StepName::fixed("proof"), "6 of 6 ordered pairs, slowest 223.4 ms", true), 79);
    show(&Event::RunFinished { ok: true, end: RunEnd::Done, changed: 1, seconds: 3.21 }, 79);
    insta::assert_snapshot!(shown.join("\n"), @r#"
    pgedge-bootstrap 0.1.0, cluster "pgedge"
    ✓ tools      helm 4.3.0; kind 0.33.0; kubectl 1.34.10; kubectl-cnpg 1.30.0;
                 cert-manager-manifest 1.21.2; cloudnative-pg-manifest 1.30.0;
                 chart 1.0.0
    ✓ cluster    docker 20.10.24+dfsg1, 2 CPUs, 23.5 GiB memory, cgroup v1;
                 node-image Kubernetes 1.34.10; kubernetes-api v1.34.10;
                 cluster 1 Kubernetes node, v1.34.10
    ✓ operators  images 6 images; cert-manager 1.21.2; cloudnative-pg 1.30.0
    ✓ deploy     release chart 1.0.0, revision 1; nodes n1, n2, n3;
                 replication 6 subscriptions replicating
    ✓ a write on any node is read on the others: 6 of 6 ordered pairs, slo… (1.2 s)
    done, 1 step changed (3.2 s)
    "#);
    let steps = vec![
        Held { step: StepName::fixed("cert-manager"), detail: "1.21.2".to_owned() },
        Held { step: StepName::fixed("images"), detail: "6 images".to_owned() },
    ];
    let narrow = lines(&Kept::Held { stage: Stage::Operators, steps }, 24, PLAIN);
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
        step: StepName::fixed("docker"),
        failure: Report { id: "docker-not-running".to_owned(), layer: bootstrap_run::failure::Layer::Engine,
        summary: "docker does not answer".to_owned(),
        evidence: vec![
            "\u{1b}[31mCannot connect to the Docker daemon at unix:///var/run/docker.sock.\u{1b}[0m\nIs the docker daemon running?".to_owned(),
        ],
        hint: "start docker and run this again; `docker info` shows whether it answers".to_owned() }, seconds: 0.31,
    };
    let command = Event::CommandEnded {
        step: Some(StepName::fixed("docker")),
        command: "docker info --format '{{json .}}'".to_owned(),
        exit: Some(1),
        seconds: 0.3,
        output: vec!["Cannot connect\tto it".to_owned()],
    };
    let events = [
        started(&of_kind()),
        Event::StepStarted { step: HELM },
        Event::StepStarted { step: KIND },
        Event::StepStarted { step: StepName::fixed("docker") },
        command,
        failed,
        Event::StepCancelled { step: HELM, seconds: 0.3 },
        Event::StepCancelled { step: KIND, seconds: 0.3 },
        Event::RunFinished { ok: false, end: RunEnd::Failed, changed: 0, seconds: 0.33 },
    ];
    let said: Vec<Kept> = events.iter().flat_map(|event| board.apply(event, std::time::Duration::ZERO)).collect();
    let shown = |width| said.iter().flat_map(|said| lines(said, width, PLAIN)).collect::<Vec<_>>().join("\n");
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
    insta::assert_snapshot!(said.iter().flat_map(|said| lines(said, 60, ascii)).collect::<Vec<_>>().join("\n").replace('\u{1b}', "ESC"), @r#"
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
