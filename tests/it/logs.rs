//! The log that every run leaves.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::World;
use crate::support::{Behaviour, Home};

fn folder(home: &Home) -> PathBuf {
    home.path().join(".local/state/pgedge-bootstrap/logs")
}

fn logs(home: &Home) -> Vec<PathBuf> {
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder(home)).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.sort();
    logs
}

#[test]
fn a_log_holds_every_event_and_no_secret() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Status(503, "")]);
    let mirror = world.server.address.replace("http://", "http://ann:hunter2@");
    let ran = world.home.run(&["tools", "--pins", "pins.json", "--mirror", &mirror, "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let [log] = &logs(&world.home)[..] else { panic!("one run, one log") };
    assert_eq!(std::fs::metadata(log).unwrap().permissions().mode() & 0o777, 0o600);
    let written = std::fs::read_to_string(log).unwrap();
    let kinds = |text: &str| -> Vec<String> {
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.map(|event| event["event"].as_str().unwrap().to_owned()).filter(|kind| kind != "step-bytes").collect()
    };
    assert_eq!(kinds(&written), kinds(&ran.stdout));
    assert!(written.contains("503"), "{written}");
    let kept = world.home.files().into_iter().filter(|file| file.starts_with(".local/state"));
    for file in kept {
        let text = std::fs::read_to_string(world.home.path().join(&file)).unwrap();
        assert!(!text.contains("hunter2"), "{file}: {text}");
    }
}

#[test]
fn the_newest_twenty_logs_stay_and_nothing_else_is_touched() {
    let home = Home::new();
    std::fs::create_dir_all(folder(&home)).unwrap();
    for day in 1..=25 {
        std::fs::write(folder(&home).join(format!("pgedge-202601{day:02}T000000Z-1.ndjson")), "").unwrap();
    }
    for other in ["lab-20260101T000000Z-1.ndjson", "pgedge-lab-20260101T000000Z-1.ndjson", "pgedge-notes.txt"] {
        std::fs::write(folder(&home).join(other), "").unwrap();
    }
    // A mistake in the command line.
    assert_eq!(home.run(&["tools", "--bin-dir", "/proc/nowhere", "--mirror", "ftp://x"]).code, 2);
    assert_eq!(logs(&home).len(), 28, "what is no run has no log");
    let world = World { home, server: crate::support::Server::start() };
    world.home.run(&["tools", "--mirror", &world.server.address]);
    let left = logs(&world.home);
    assert_eq!(left.len(), 23, "{left:?}");
    assert!(!left.iter().any(|log| log.ends_with("pgedge-20260106T000000Z-1.ndjson")), "{left:?}");
    assert!(left.iter().any(|log| log.ends_with("pgedge-20260107T000000Z-1.ndjson")), "{left:?}");
}

#[test]
fn a_run_that_can_keep_nothing_says_so_once_and_goes_on() {
    let world = World::new();
    std::fs::write(world.home.path().join("file"), "").unwrap();
    let mut command = world.home.command(&["tools", "--pins", "pins.json", "--mirror", &world.server.address]);
    let ran = world.home.ran(&command.env("XDG_STATE_HOME", world.home.path().join("file")).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("warning: this run has no log, and continues").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("warning").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_purge_removes_the_logs_of_its_cluster() {
    let home = Home::new();
    std::fs::create_dir_all(folder(&home)).unwrap();
    let (ours, theirs) = ("pgedge-20260101T000000Z-1.ndjson", "pgedge-lab-20260101T000000Z-1.ndjson");
    for log in [ours, theirs] {
        std::fs::write(folder(&home).join(log), "").unwrap();
    }
    let status = home.path().join(".local/state/pgedge-bootstrap/pgedge.status.json");
    std::fs::write(&status, "{}").unwrap();
    home.empty_docker();
    let ran = home.run(&["down"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((logs(&home).len(), status.exists()), (2, false));
    let ran = home.run(&["down", "--purge"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("removing 1 log in $HOME/.local/state/pgedge-bootstrap/logs"), "{}", ran.stderr);
    assert_eq!(logs(&home), [folder(&home).join(theirs)]);
}
