//! Whose a cluster is: two people with two HOMEs on one docker engine, and what is left where one of them is gone.

use serde_json::{Value, json};

use crate::support::engine::{ENGINE, Engine, engines_of_bob, home, node, of_bob, remembered};
use crate::support::{Home, World};

/// The file that says how this person is known.
fn owner(home: &Home) -> String {
    std::fs::read_to_string(home.path().join(".local/state/pgedge-bootstrap/owner.id")).unwrap()
}

#[test]
fn another_owners_cluster_is_refused_by_every_command_that_changes_something() {
    for engine in engines_of_bob() {
        let home = home();
        for command in [
            &["--local"][..],
            &["--codespace"],
            &["--local", "--until", "cluster"],
            &["down"],
            &["down", "--purge"],
            &["prove"],
            &["prove", "--output", "json"],
            &["guide", "--yes"],
        ] {
            let ran = engine.run(&home, command);
            assert_eq!(ran.code, 1, "{command:?}: {}", ran.stderr);
            let told = ["(cluster-foreign)", "bob@desk", "since 2026-01-02T03:04:05Z", "\nhint: "];
            assert!(told.iter().all(|word| ran.stderr.contains(word)), "{command:?}: {}", ran.stderr);
        }
        assert_eq!(engine.changes(), Vec::<String>::new());
    }
}

#[test]
fn another_owners_cluster_is_told_by_every_command_that_looks() {
    for engine in engines_of_bob() {
        let home = home();
        let verify = engine.run(&home, &["verify", "cluster", "kubernetes-api", "--output", "json"]);
        let document: Value = serde_json::from_str(&verify.stdout).unwrap();
        for step in document["steps"].as_array().unwrap() {
            assert_eq!(step["failure"], "cluster-foreign", "{step}");
        }
        let status = engine.run(&home, &["status", "--output", "json"]);
        let document: Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!((status.code, &document["cluster"]["state"]), (1, &"failed".into()));
        assert_eq!(document["cluster"]["failure"], "cluster-foreign", "{document}");
        assert_eq!(document["failure"]["id"], "cluster-foreign", "{document}");
        assert!(document["cluster"]["detail"].as_str().unwrap().contains("bob@desk"), "{document}");
        assert_eq!(engine.changes(), Vec::<String>::new());
    }
}

#[test]
fn of_two_homes_on_one_engine_the_second_is_told_at_once() {
    let (engine, world, other) = (Engine::new(), World::new(), home());
    world.home.docker(ENGINE);
    // It claims the name, and ends when there is no node image.
    let first = engine.run(&world.home, &world.arguments("up", &["--until", "cluster"]));
    assert!(first.code == 1 && !first.stderr.contains("cluster-foreign"), "{}", first.stderr);
    let second = engine.run(&other, &["--local"]);
    assert!(second.code == 1 && second.stderr.contains("(cluster-foreign)"), "{}", second.stderr);
    assert!(!other.cache().exists() && !other.bin().exists(), "it has begun to download");
    // The first is not in its own way, and gives the name back.
    let again = engine.run(&world.home, &world.arguments("up", &["--until", "cluster"]));
    assert!(!again.stderr.contains("cluster-foreign"), "{}", again.stderr);
    let down = engine.run(&world.home, &["down"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    let second = engine.run(&other, &["--local"]);
    assert!(!second.stderr.contains("cluster-foreign"), "{}", second.stderr);
}

#[test]
fn a_lost_home_is_repaired_only_when_asked_and_after_it_was_shown() {
    let (engine, home) = (Engine::new(), home());
    engine.has("containers", &[of_bob(node("pgedge-bootstrap-pgedge"))]);
    engine.has("networks", &[of_bob(json!({"ID": "n1"}))]);
    engine.has("volumes", &[of_bob(json!({"ID": "pgedge-bootstrap-pgedge"}))]);
    let shown = engine.run(&home, &["down", "--take-over"]);
    assert_eq!(shown.code, 1);
    insta::assert_snapshot!(shown.stderr, @r#"
    error: the cluster "pgedge" was made by another owner, bob@desk (cluster-foreign)
           since 2026-01-02T03:04:05Z: 1 Kubernetes node, 1 running
           would remove container pgedge-control-plane with its volume
           would remove network pgedge-bootstrap-pgedge
           would remove volume pgedge-bootstrap-pgedge
    hint: `pgedge-bootstrap down --take-over --yes` removes this, with all data in it
    "#);
    assert_eq!(engine.changes(), Vec::<String>::new());
    assert_eq!(engine.run(&home, &["down", "--yes"]).code, 2, "--yes says yes to what --take-over shows");
    let removed = engine.run(&home, &["down", "--take-over", "--yes"]);
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    assert_eq!(
        engine.changes(),
        ["rm --force --volumes pgedge-control-plane", "network rm n1", "volume rm pgedge-bootstrap-pgedge"]
    );
}

#[test]
fn a_cluster_of_ones_own_is_shown_and_not_removed_by_who_asks_to_see_first() {
    let (engine, world) = (Engine::new(), World::new());
    world.home.docker(ENGINE);
    // It claims the name, and so has an owner's id.
    engine.run(&world.home, &world.arguments("up", &["--until", "cluster"]));
    let id = std::fs::read_to_string(world.home.path().join(".local/state/pgedge-bootstrap/owner.id")).unwrap();
    let mut own = of_bob(node("pgedge-bootstrap-pgedge"));
    own["Owner"] = id.trim().into();
    engine.has("containers", &[own]);
    let before = engine.changes();
    let shown = engine.run(&world.home, &["down", "--take-over"]);
    assert!(shown.code == 1 && shown.stderr.contains("(removal-unconfirmed)"), "{}", shown.stderr);
    assert!(shown.stderr.contains("would remove container pgedge-control-plane"), "{}", shown.stderr);
    assert_eq!(engine.changes(), before);
    assert_eq!(engine.run(&world.home, &["down"]).code, 0);
}

#[test]
fn what_this_program_did_not_make_is_never_removed() {
    let by_hand = [
        ("containers", vec![node("kind")]),
        ("containers", vec![of_bob(node("pgedge-bootstrap-pgedge")), node("bridge")]),
        ("volumes", vec![json!({"ID": "pgedge-bootstrap-pgedge", "Cluster": ""})]),
    ];
    for (list, rows) in by_hand {
        let (engine, home) = (Engine::new(), home());
        engine.has(list, &rows);
        for command in [&["--local"][..], &["down"], &["down", "--take-over"], &["down", "--take-over", "--yes"]] {
            let ran = engine.run(&home, command);
            assert_eq!(ran.code, 1, "{rows:?} {command:?}: {}", ran.stderr);
            let told = ran.stderr.contains("(cluster-foreign)") && ran.stderr.contains("not made by this program");
            assert!(told, "{rows:?} {command:?}: {}", ran.stderr);
        }
        assert_eq!(engine.changes(), Vec::<String>::new(), "{rows:?}");
    }
}

#[test]
fn a_leftover_of_another_owner_stays_when_ours_is_removed() {
    let (engine, home) = (Engine::new(), home());
    let mine = |row: Value| {
        let mut row = of_bob(row);
        row["Owner"] = owner(&home).into();
        row
    };
    engine.run(&home, &["--local", "--mirror", "http://127.0.0.1:9"]);
    engine.has("done", &[]);
    engine.has("containers", &[mine(node("pgedge-bootstrap-pgedge"))]);
    engine.has("volumes", &[mine(json!({"ID": "pgedge-bootstrap-pgedge"})), of_bob(json!({"ID": "of-a-node-of-bob"}))]);
    let down = engine.run(&home, &["down"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert_eq!(engine.changes(), ["rm --force --volumes pgedge-control-plane", "volume rm pgedge-bootstrap-pgedge"]);
}

#[test]
fn a_guest_on_the_network_is_told_before_anything_is_removed() {
    let (engine, home) = (Engine::new(), home());
    engine.has("containers", &[of_bob(node("pgedge-bootstrap-pgedge"))]);
    engine.has("networks", &[of_bob(json!({"ID": "n1"}))]);
    let guests = json!({"1": {"Name": "pgedge-control-plane"}, "2": {"Name": "psql-of-carl"}});
    std::fs::write(engine.0.path().join("guests"), guests.to_string()).unwrap();
    let refused = engine.run(&home, &["down", "--take-over", "--yes"]);
    let told = refused.stderr.contains("(network-in-use)") && refused.stderr.contains("\n       psql-of-carl\nhint: ");
    assert!(refused.code == 1 && told, "{}", refused.stderr);
    assert_eq!(engine.changes(), Vec::<String>::new());
}

/// As in a dev container that was rebuilt with its home kept, and its docker not.
#[test]
fn a_cluster_whose_engine_was_made_anew_is_said_to_be_lost_and_stands_in_nobodys_way() {
    let (engine, home) = (Engine::new(), home());
    remembered(&home, "E0\nunix:///var/run/docker.sock\n");
    let up = engine.run(&home, &["--local", "--mirror", "http://127.0.0.1:9"]);
    assert!(!up.stderr.contains("cluster-foreign"), "{}", up.stderr);
    let told = up.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("is lost, with its databases: it was in docker engine E0"), "{}", up.stderr);
    let down = engine.run(&home, &["down"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert!(!home.path().join(".local/state/pgedge-bootstrap/pgedge").exists());
}

#[test]
fn a_cluster_in_an_engine_elsewhere_is_not_forgotten_unasked() {
    // The last is of a version that did not write where the engine was.
    for engine_file in ["E0\nssh://ann@server\n", "E0\ntcp://10.0.0.1:2376\n", "E0"] {
        let (engine, home) = (Engine::new(), home());
        remembered(&home, engine_file);
        let state = home.path().join(".local/state/pgedge-bootstrap/pgedge");
        for command in [&["--local"][..], &["down"], &["down", "--take-over"]] {
            let ran = engine.run(&home, command);
            assert_eq!(ran.code, 1, "{command:?}: {}", ran.stderr);
            let told = ran.stderr.contains("(cluster-foreign)") && ran.stderr.contains("--take-over");
            assert!(told && state.exists(), "{command:?}: {}", ran.stderr);
        }
        assert_eq!(engine.run(&home, &["down", "--take-over", "--yes"]).code, 0);
        assert!(!state.exists());
    }
}

#[test]
fn the_environment_of_a_cluster_without_a_kubeconfig_says_so_beside_it() {
    let home = home();
    let env = home.run(&["env", "--name", "other"]);
    assert!(env.code == 0 && env.stdout.contains("export KUBECONFIG="), "{}", env.stdout);
    assert_eq!(
        env.stderr,
        "there is no kubeconfig of cluster \"other\" yet: `pgedge-bootstrap --local --name other` makes it\n"
    );
    // Nobody listens there.
    home.cluster_at("https://127.0.0.1:9");
    home.leads_to("https://127.0.0.1:9");
    assert_eq!(home.run(&["env"]).stderr, "");
}
