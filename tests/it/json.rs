//! What programs get: every line an event as `docs/events.md` describes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Behaviour, World};

const DOCUMENT: &str = include_str!("../../docs/events.md");

/// The fields of every event, as the table of the document names them.
pub(crate) fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(event, rest)| {
        // What is in backquotes and no value: `schema` 1; `needs` of each.
        let words = rest.split('`').skip(1).step_by(2).map(str::to_owned);
        (event.to_owned(), words.collect())
    })
    .collect()
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The events of a run, each as the document describes it.
pub(crate) fn checked(text: &str) -> Vec<Value> {
    let events = events(text);
    check(&events);
    events
}

/// Every line has a time and the name of an event of the document, with no field that the document does not name; every
/// step that was started has one end.
fn check(events: &[Value]) {
    let documented = documented();
    assert!(documented.len() >= 9, "the table was not found");
    let mut open = BTreeSet::new();
    let mut last = String::new();
    for event in events {
        let time = event["time"].as_str().unwrap_or_else(|| panic!("no time: {event}")).to_owned();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        let name = event["event"].as_str().unwrap();
        let fields = documented.get(name).unwrap_or_else(|| panic!("docs/events.md does not know {name}"));
        for field in event.as_object().unwrap().keys().filter(|field| !["time", "event"].contains(&field.as_str())) {
            assert!(fields.contains(field), "docs/events.md does not name {field} of {name}");
        }
        let step = event["step"].as_str().unwrap_or_default().to_owned();
        match name {
            "step-started" => assert!(open.insert(step.clone()), "{step} was started twice"),
            "step-done" | "step-failed" | "step-cancelled" => assert!(open.remove(&step), "{step} ended unstarted"),
            _ => {}
        }
        last = name.to_owned();
    }
    assert_eq!(
        (open, events[0]["event"].as_str(), last.as_str()),
        (BTreeSet::new(), Some("run-started"), "run-finished")
    );
}

#[test]
fn every_line_is_an_event_of_the_document() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Status(503, "")]);
    let ran = world.home.run(&world.arguments("tools", &["--output", "json"]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let good = events(&ran.stdout);
    check(&good);
    let kinds: BTreeSet<&str> = good.iter().filter_map(|event| event["event"].as_str()).collect();
    for kind in ["run-started", "step-started", "step-waiting", "step-bytes", "step-done", "run-finished"] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
    assert_eq!(good.last().unwrap()["end"], "done");

    let broken = World::new();
    broken.server.file(&broken.kind(), "#!/bin/sh\n");
    let ran = broken.home.run(&broken.arguments("tools", &["--output", "json", "-q"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let failed = events(&ran.stdout);
    check(&failed);
    assert!(failed.iter().any(|event| event["id"] == "checksum-mismatch"));
    assert_eq!(
        (failed.last().unwrap()["ok"].as_bool(), &failed.last().unwrap()["end"]),
        (Some(false), &"failed".into())
    );
}

/// `| head -1`, and a disk that is full: the run goes on, and its exit code tells how it ended.
#[test]
fn events_that_cannot_be_written_do_not_stop_the_run() {
    for (how, said) in [("| head -1", ""), (">/dev/full", "the events can no longer be written: ")] {
        let world = World::new();
        let script = format!("{{ \"$@\"; echo $? > code; }} {how}");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_pgedge-bootstrap")]);
        command.args(world.arguments("tools", &["--output", "json"])).env_clear().env("HOME", world.home.path());
        command.env("PATH", "/usr/bin:/bin").current_dir(world.home.path());
        let ran = world.home.ran(&command.output().unwrap());
        let code = std::fs::read_to_string(world.home.path().join("code")).unwrap();
        assert_eq!((code.trim(), world.was_run("kubectl-cnpg")), ("0", true), "{how}");
        assert!(
            ran.stderr.starts_with(said) && ran.stderr.lines().count() == usize::from(!said.is_empty()),
            "{}",
            ran.stderr
        );
    }
}
