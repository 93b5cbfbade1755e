#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use bootstrap_run::failure::Ours;
use bootstrap_run::step::Stage;
use clap::Parser as _;

use super::*;
use crate::cli::{Down, Guide, Up};

/// What each command takes of what may stand in a hint, each with a value that is no default.
const COMMON: &str = "--name lab --stack team.yaml --pins 'my pins.json' --bin-dir=-tools --mirror http://mirror:1 \
                      --registry-mirror ghcr.io=http://a:2,docker.io=http://b:3 --ca-file ca.pem";
const PLACE: &str = "--namespace pg";
const NODES: &str = "--nodes 4 --namespace pg";
const SHAPE: &str = "--nodes 4 --workers 2 --namespace pg";

fn runs() -> Vec<String> {
    let runs = [
        ("--local --until cluster", SHAPE),
        ("--codespace", SHAPE),
        ("--killercoda --until deploy", NODES),
        ("up", SHAPE),
        ("up --codespace --until tools", SHAPE),
        ("tools", ""),
        ("prefetch", ""),
        ("prefetch --codespace", ""),
        ("verify", SHAPE),
        ("prove", SHAPE),
        ("status", SHAPE),
        ("wait", ""),
        ("guide active-active --yes", SHAPE),
        ("guide", SHAPE),
        ("values", SHAPE),
        ("versions", ""),
        ("pins check", ""),
        ("down", ""),
        ("down --purge", ""),
        ("down --take-over --purge --yes", ""),
        ("env", PLACE),
    ];
    let given = runs.iter().map(|(command, more)| format!("{command} {COMMON} {more}"));
    given.chain(runs.map(|(command, _)| command.to_owned())).collect()
}

fn typed(line: &str) -> Cli {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.trim_end().chars() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    if words[0] != "pgedge-bootstrap" {
        words.insert(0, "pgedge-bootstrap".to_owned());
    }
    Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn down(cli: &Cli) -> Option<&Down> {
    if let Some(Command::Down(down)) = &cli.command { Some(down) } else { None }
}

fn guide(cli: &Cli) -> Option<&Guide> {
    if let Some(Command::Guide(guide)) = &cli.command { Some(guide) } else { None }
}

fn mode_of(up: &Up) -> [bool; 2] {
    [up.killercoda, up.codespace]
}

/// Whether the command is about the registries and mirrors, and not only about what is there.
fn is_of_networks(command: Ours) -> bool {
    match command {
        Ours::Up | Ours::UpUntil(_) | Ours::Adopt | Ours::Tools | Ours::Prefetch | Ours::PinsCheck => true,
        // They compare the mirrors of the Kubernetes nodes with those that are given.
        Ours::Verify | Ours::Status => true,
        Ours::Prove | Ours::Wait | Ours::Guide | Ours::Env => false,
        Ours::Down | Ours::TakeOver | Ours::TakeOverNow | Ours::Pins | Ours::Stack => false,
    }
}

/// A hint is pasted: the command must take each option in it, and none may be lost.
#[test]
fn each_command_of_a_hint_can_be_typed_and_is_about_the_same_as_the_run() {
    for run in runs() {
        let given = typed(&run);
        let invocation = of(&given);
        for command in Ours::all() {
            let line = invocation.line(command);
            let what = format!("{run}\n  hint: {line}");
            let hinted = typed(&line);
            if matches!(command, Ours::Pins | Ours::Stack) {
                let given = hinted.common().map(|common| (&common.stack, &common.pins));
                assert!(given.is_none_or(|given| given == (&None, &None)), "it prints what is built in: {what}");
                continue;
            }
            let (own, other) = (given.common().unwrap(), hinted.common().unwrap());
            assert_eq!(
                (&own.name, &own.stack, &own.pins, &own.bin_dir),
                (&other.name, &other.stack, &other.pins, &other.bin_dir),
                "{what}"
            );
            if is_of_networks(command) {
                assert_eq!((&own.mirror, &own.ca_file), (&other.mirror, &other.ca_file), "{what}");
                let registries = |common: &Common| format!("{:?}", common.registry_mirror);
                assert_eq!(registries(own), registries(other), "{what}");
            }
            if let (Some(own), Some(other)) = (given.shape(), hinted.shape()) {
                assert_eq!(own.place.namespace, other.place.namespace, "{what}");
            }
            if let Some(up) = hinted.up() {
                let shape = given.shape();
                assert_eq!(up.shape.nodes, shape.as_ref().and_then(|shape| shape.nodes), "{what}");
                let workers = shape.and_then(|shape| shape.workers).filter(|_| !up.killercoda);
                assert_eq!(up.shape.workers, workers, "{what}");
                let until = match command {
                    Ours::UpUntil(stage) => Some(stage),
                    _ => given.up().and_then(|up| up.until),
                };
                assert_eq!(up.until, until, "{what}");
                if let Some(own) = given.up().filter(|_| command != Ours::Adopt) {
                    assert_eq!(mode_of(own), mode_of(up), "{what}");
                }
            }
            if let (Some(own), Some(other)) = (down(&given), down(&hinted)) {
                assert_eq!(own.purge, other.purge, "{what}");
            }
            if let (Some(own), Some(other)) = (guide(&given), guide(&hinted)) {
                assert_eq!((&own.lesson.id, own.yes), (&other.lesson.id, other.yes), "{what}");
                assert_eq!(own.shape.nodes, other.shape.nodes, "{what}");
            }
            if let (Some(Command::Prefetch(own)), Some(Command::Prefetch(other))) = (&given.command, &hinted.command) {
                assert!(!own.codespace || other.codespace, "{what}");
            }
        }
    }
}

#[test]
fn each_command_of_a_hint_is_the_one_that_it_says() {
    let invocation = of(&typed("down --purge"));
    for (command, line) in [
        (Ours::TakeOver, "down --take-over --purge"),
        (Ours::TakeOverNow, "down --take-over --yes --purge"),
        (Ours::Down, "down --purge"),
        (Ours::UpUntil(Stage::Deploy), "--local --until deploy"),
    ] {
        assert_eq!(invocation.line(command), format!("pgedge-bootstrap {line}"));
    }
}

/// The cluster of this name was adopted: it has no workers to be told of.
#[test]
fn a_cluster_that_is_adopted_is_told_no_workers() {
    let mut invocation = of(&typed("status --workers 2"));
    for mode in ["--local", ADOPTING] {
        invocation.mode = mode;
        typed(&invocation.line(Ours::Up));
        assert!(!invocation.line(Ours::Adopt).contains("--workers"), "{mode}");
    }
    assert!(!invocation.line(Ours::Up).contains("--workers"));
}

#[test]
fn a_lessons_own_calls_are_given_what_was_typed() {
    let given = typed(&format!("guide {COMMON}"));
    let variables = variables(given.common().unwrap());
    let of = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_str().unwrap());
    for (name, value) in [
        ("PGEDGE_BOOTSTRAP_STACK", "team.yaml"),
        ("PGEDGE_BOOTSTRAP_PINS", "my pins.json"),
        ("PGEDGE_BOOTSTRAP_BIN_DIR", "-tools"),
        ("PGEDGE_BOOTSTRAP_CA_FILE", "ca.pem"),
        ("PGEDGE_BOOTSTRAP_MIRROR", "http://mirror:1"),
        ("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR", "ghcr.io=http://a:2,docker.io=http://b:3"),
    ] {
        assert_eq!(of(name), Some(value), "{name}");
    }
    assert_eq!(super::variables(typed("guide").common().unwrap()), []);
}
