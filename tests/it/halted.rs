//! A cluster of ours whose Kubernetes nodes docker has stopped, paused or cut off: every command tells that, and not what it leads to.

use serde_json::{Value, json};

use crate::support::{Home, INFO};

const OWNER: &str = "0123456789abcdef0123456789abcdef";

/// By which nothing answers, as where the node of the cluster does not run.
const KUBECONFIG: &str = "current-context: c\nclusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: a, user: u}}]\n";

const NETWORK: &str = "pgedge-bootstrap-lab-7";

fn home(nodes: &[(&str, &str, &str)]) -> Home {
    let home = Home::new();
    let row = |(name, state, network): &(&str, &str, &str)| {
        json!({
            "ID": name, "Names": name, "State": state, "Networks": network, "Cluster": "lab-7", "Owner": OWNER, "User": "ann",
            "Host": "desk", "Since": "2026-01-02T03:04:05Z",
        })
    };
    let rows: Vec<String> = nodes.iter().map(|node| row(node).to_string()).collect();
    home.docker(&format!(
        "case \"$1\" in info) echo '{INFO}' ;; ps) echo '{}' ;; exec | image) exit 1 ;; esac\nexit 0",
        rows.join("\n")
    ));
    let states = home.path().join(".local/state/pgedge-bootstrap");
    std::fs::create_dir_all(states.join("lab-7")).unwrap();
    std::fs::write(states.join("owner.id"), OWNER).unwrap();
    std::fs::write(states.join("lab-7/kubeconfig"), KUBECONFIG).unwrap();
    home
}

const HINT: &str = "`pgedge-bootstrap --local --name lab-7` starts it";

#[test]
fn a_node_that_does_not_run_is_told_as_the_cause_with_what_starts_it() {
    for (state, network, words) in [
        ("exited", NETWORK, "is stopped"),
        ("created", NETWORK, "is stopped"),
        ("paused", NETWORK, "is paused"),
        ("dead", NETWORK, "is dead"),
        ("running", "bridge", "is not connected to the network pgedge-bootstrap-lab-7"),
        ("running", "", "is not connected to the network pgedge-bootstrap-lab-7"),
    ] {
        let home = home(&[("lab-7-control-plane", state, network)]);
        for arguments in [&["prove"][..], &["prove", "--output", "json"], &["status"]] {
            let ran = home.run(&[arguments, &["--name", "lab-7"]].concat());
            let said = ran.stdout + &ran.stderr;
            assert_eq!(ran.code, 1, "{state} {arguments:?}: {said}");
            assert!(!said.contains("kubernetes-away"), "{state} {arguments:?}: {said}");
            for words in [&format!("lab-7-control-plane {words}"), "(cluster-not-ready)", HINT] {
                assert!(said.contains(words), "{state} {arguments:?}, {words}: {said}");
            }
        }
        let looks = ["cluster", "kubernetes-api", "cert-manager", "cloudnative-pg", "release", "nodes", "replication"];
        let verify = home.run(&[&["verify", "--name", "lab-7", "--output", "json"], &looks[..]].concat());
        let document: Value = serde_json::from_str(&verify.stdout).unwrap();
        for step in document["steps"].as_array().unwrap() {
            assert_eq!(step["failure"], "cluster-not-ready", "{step}");
            assert!(step["hint"].as_str().unwrap().starts_with(HINT), "{step}");
        }
    }
}

#[test]
fn of_several_nodes_those_that_do_not_run_are_told() {
    let home = home(&[
        ("lab-7-control-plane", "running", NETWORK),
        ("lab-7-worker", "exited", NETWORK),
        ("lab-7-worker2", "paused", NETWORK),
    ]);
    let ran = home.run(&["prove", "--name", "lab-7"]);
    for words in ["2 of 3 Kubernetes nodes", "container lab-7-worker is stopped", "container lab-7-worker2 is paused"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

#[test]
fn a_node_whose_container_is_gone_is_told_with_what_that_costs() {
    let home = home(&[("lab-7-worker", "running", NETWORK)]);
    let ran = home.run(&["prove", "--name", "lab-7"]);
    assert!(
        ran.stderr.contains("lab-7-control-plane is gone") && ran.stderr.contains("recreate the cluster"),
        "{}",
        ran.stderr
    );
}

/// A run starts it: that is to do, as a cluster is that is not there.
#[test]
fn a_cluster_that_is_stopped_is_no_failure_of_a_look_at_what_a_run_would_do() {
    let home = home(&[("lab-7-control-plane", "exited", NETWORK)]);
    let ran = home.run(&["up", "--dry-run", "--local", "--name", "lab-7", "--output", "json"]);
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &plan["ok"]), (0, &json!(true)), "{plan}");
    let step = |id: &str| plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap();
    let cluster = step("cluster");
    assert!(cluster["detail"].as_str().unwrap().contains("lab-7-control-plane is stopped"), "{cluster}");
    assert_eq!(step("nodes")["state"], "blocked", "{plan}");
}
