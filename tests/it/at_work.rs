//! What another HOME learns of a cluster on the engine that both use: that its owner is changing it, since when, and no more.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::engine::{ENGINE, Engine, engines_of_bob, home, node, of_bob, remembered};
use crate::support::{Behaviour, World};

/// The mark of a run of bob's.
fn mark(process: &str, host: &str) -> Value {
    let mut mark = of_bob(json!({"ID": "pgedge-bootstrap-pgedge.run", "Process": process, "Command": "up"}));
    mark["Host"] = host.into();
    mark
}

fn this_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[test]
fn a_cluster_on_which_its_owner_is_at_work_is_not_taken_over() {
    for engine in engines_of_bob() {
        let home = home();
        let at_work = std::process::id().to_string();
        let rows = [of_bob(json!({"ID": "pgedge-bootstrap-pgedge"})), mark(&at_work, &this_host())];
        engine.has("volumes", &rows);
        let who = format!("process {at_work} on {} (up), since 2026-01-02T03:04:05Z", this_host());
        for command in [&["down", "--take-over"][..], &["down", "--take-over", "--yes"]] {
            let ran = engine.run(&home, command);
            assert_eq!(ran.code, 1, "{command:?}: {}", ran.stderr);
            for words in ["(run-in-progress)", "bob@desk", &who, "\nhint: wait for it to end"] {
                assert!(ran.stderr.contains(words), "{command:?}, {words}: {}", ran.stderr);
            }
        }
        for command in [&["--local"][..], &["down"], &["status"], &["env"]] {
            let ran = engine.run(&home, command);
            let said = ran.stdout + &ran.stderr;
            assert!(ran.code == 1 && said.contains("(cluster-foreign)"), "{command:?}: {said}");
            assert!(said.contains(&format!("a run is changing it at this moment: {who}")), "{command:?}: {said}");
        }
        assert_eq!(engine.changes(), Vec::<String>::new());
    }
}

/// A HOME that was copied has the owner's id of the first, and a lock of its own.
#[test]
fn a_cluster_of_ones_own_on_which_a_run_from_another_home_is_at_work_is_left_alone() {
    let at_work = std::process::id().to_string();
    for (process, is_refused) in [(at_work.as_str(), true), (&i32::MAX.to_string(), false)] {
        for command in [
            &["down"][..],
            &["down", "--purge"],
            &["down", "--take-over"],
            &["down", "--take-over", "--yes"],
            &["--local", "--until", "cluster", "--mirror", "http://127.0.0.1:9"],
        ] {
            let (engine, home) = (Engine::new(), home());
            // It claims the name, and so has an owner's id.
            engine.run(&home, &["--local", "--until", "cluster", "--mirror", "http://127.0.0.1:9"]);
            let id = std::fs::read_to_string(home.path().join(".local/state/pgedge-bootstrap/owner.id")).unwrap();
            let own = |mut row: Value| {
                row["Owner"] = id.trim().into();
                row
            };
            engine.has("containers", &[own(of_bob(node("pgedge-bootstrap-pgedge")))]);
            let mark = own(mark(process, &this_host()));
            engine.has("volumes", &[own(of_bob(json!({"ID": "pgedge-bootstrap-pgedge"}))), mark]);
            let before = engine.changes();
            let ran = engine.run(&home, command);
            let words = ["(run-in-progress)", &format!("process {process} on {} (up)", this_host()), "owner.id"];
            let told = words.iter().all(|words| ran.stderr.contains(words));
            assert_eq!(
                (ran.code == 1 && told, engine.changes() == before),
                (is_refused, is_refused || command.contains(&"--take-over") && !command.contains(&"--yes")),
                "{process} {command:?}: {}",
                ran.stderr
            );
        }
    }
}

#[test]
fn a_run_that_was_killed_is_in_nobodys_way_and_one_elsewhere_is_told() {
    for (process, host, told) in [
        (i32::MAX.to_string(), this_host(), false),
        // Another process has its number by now.
        (format!("{} 1", std::process::id()), this_host(), false),
        ("12 345".to_owned(), "desk".to_owned(), true),
        (String::new(), this_host(), false),
    ] {
        let [engine, _] = engines_of_bob();
        let home = home();
        engine.has("volumes", &[of_bob(json!({"ID": "pgedge-bootstrap-pgedge"})), mark(&process, &host)]);
        let words = "a run on another machine may be changing it: process 12 on desk (up), since 2026-01-02T03:04:05Z";
        let shown = engine.run(&home, &["down", "--take-over"]);
        assert!(shown.code == 1 && shown.stderr.contains("(cluster-foreign)"), "{process}: {}", shown.stderr);
        assert_eq!(shown.stderr.contains(words), told, "{process}: {}", shown.stderr);
        let removed = engine.run(&home, &["down", "--take-over", "--yes"]);
        assert_eq!((removed.code, removed.stderr.contains(words)), (0, told), "{process}: {}", removed.stderr);
        let left = std::fs::read_to_string(engine.0.path().join("volumes")).unwrap();
        assert_eq!(left, "", "{process}");
    }
}

/// The mark comes and goes with the run, however it ends; one that was killed is told by it to be gone.
#[test]
fn a_run_is_marked_for_other_homes_as_long_as_it_is_at_work() {
    let (engine, world, other) = (Engine::new(), World::new(), home());
    world.home.docker(ENGINE);
    // So the run has something to do until it is killed, and the image is not refused before.
    world.server.then(&world.kind(), [Behaviour::StallAfter(50_000)]);
    let gate = engine.0.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let volumes = || std::fs::read_to_string(engine.0.path().join("volumes")).unwrap();
    let mut first = engine.command(&world.home, &world.arguments("up", &["--until", "cluster"]));
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !volumes().contains(".run") {
        assert!(first.try_wait().unwrap().is_none() && Instant::now() < end, "it did not say that it is running");
        std::thread::yield_now();
    }
    let look = engine.run(&world.home, &world.arguments("up", &["--dry-run", "--output", "json"]));
    let document: Value = serde_json::from_str(&look.stdout).unwrap();
    assert_eq!(
        (&document["in_progress"]["pid"], &document["in_progress"]["command"]),
        (&first.id().into(), &"up".into())
    );
    let taken = engine.run(&other, &["down", "--take-over", "--yes"]);
    assert!(taken.code == 1 && taken.stderr.contains(&format!("process {} on ", first.id())), "{}", taken.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
    let taken = engine.run(&other, &["down", "--take-over"]);
    assert!(taken.stderr.contains("(cluster-foreign)") && !taken.stderr.contains("changing it"), "{}", taken.stderr);
    // The next run is marked in its place, and takes its own mark away when it fails for want of a node image.
    world.server.release();
    std::fs::remove_file(gate).unwrap();
    let again = engine.run(&world.home, &world.arguments("up", &["--until", "cluster"]));
    assert_eq!(again.code, 1, "{}", again.stderr);
    assert!(volumes().contains("pgedge-bootstrap-pgedge") && !volumes().contains(".run"), "{}", volumes());
    let look = engine.run(&world.home, &world.arguments("up", &["--dry-run", "--output", "json"]));
    let document: Value = serde_json::from_str(&look.stdout).unwrap();
    assert_eq!(document["in_progress"], Value::Null);
}

/// Also where a kubeconfig of a cluster of that name is here: what it leads to is not told as what the other's has.
#[test]
fn the_status_of_another_owners_cluster_is_who_and_since_when_and_nothing_else() {
    for engine in engines_of_bob() {
        for remembers in [false, true] {
            let home = home();
            if remembers {
                remembered(&home, "E1\nunix:///var/run/docker.sock\n");
                let config = "current-context: c\nclusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: a, user: u}}]\n";
                std::fs::write(home.path().join(".local/state/pgedge-bootstrap/pgedge/kubeconfig"), config).unwrap();
            }
            let status = engine.run(&home, &["status"]);
            for words in ["bob@desk (cluster-foreign)", "since 2026-01-02T03:04:05Z: ", "hint: choose another --name"] {
                assert!(status.stdout.contains(words), "{words}: {}", status.stdout);
            }
            for words in ["of 6", "kubernetes-away"] {
                assert!(!status.stdout.contains(words), "{words}: {}", status.stdout);
            }
            let verify = engine.run(&home, &["verify", "cert-manager", "nodes", "replication", "--output", "json"]);
            let document: Value = serde_json::from_str(&verify.stdout).unwrap();
            for step in document["steps"].as_array().unwrap() {
                assert_eq!(step["failure"], "cluster-foreign", "{step}");
            }
            let env = engine.run(&home, &["env"]);
            assert!(env.code == 1 && env.stderr.contains("(cluster-foreign)"), "{}", env.stderr);
            assert_eq!(env.stdout, "", "a shell would evaluate it");
        }
    }
}
