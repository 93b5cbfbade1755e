//! Whose a cluster is, on an engine that two people use, and what of it is mended.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::proof;
use crate::common_checkout::of_this_checkout;
use crate::lab::{Lab, NAME, Ran, ran};

/// The cluster that the first of them makes.
pub(crate) const SHARED: &str = of_this_checkout!("pgedge-lab-owner");

/// The second one: another HOME, with the tools of the first.
struct Other<'a> {
    lab: &'a Lab,
    home: tempfile::TempDir,
}

impl Other<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.lab.up_command(arguments);
        command.args(["--name", SHARED]).env("HOME", self.home.path()).env("USER", "bob");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&self.command(arguments).output().unwrap())
    }

    /// Whatever the other one asks for, they are told whose it is.
    fn is_refused(&self, when: &str) {
        for arguments in [&["--local", "--until", "cluster"][..], &["down"], &["prove"], &["guide", "--yes"]] {
            let refused = self.run(arguments);
            let told = refused.stderr.contains("(cluster-foreign)") && refused.stderr.contains("another owner, ann@");
            assert!(refused.code == 1 && told, "{when}, {arguments:?}: {}", refused.stderr);
        }
        let verify = self.run(&["verify", "cluster", "--output", "json"]);
        let document: Value = serde_json::from_str(&verify.stdout).unwrap();
        assert_eq!(document["steps"][0]["failure"], "cluster-foreign", "{when}: {document}");
        let status = self.run(&["status", "--output", "json"]);
        let document: Value = serde_json::from_str(&status.stdout).unwrap();
        let detail = document["cluster"]["detail"].as_str().unwrap();
        assert!(status.code == 1 && detail.contains("another owner, ann@"), "{when}: {detail}");
    }
}

fn first(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = lab.up_command(arguments);
    command.args(["--name", SHARED]).env("USER", "ann");
    command
}

fn up(lab: &Lab) -> Ran {
    let up = ran(&first(lab, &["--local", "--until", "cluster"]).output().unwrap());
    assert_eq!(up.code, 0, "{}", up.stderr);
    up
}

fn nodes(lab: &Lab) -> Vec<String> {
    let label = format!("label=io.x-k8s.kind.cluster={SHARED}");
    let ids = lab.docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &label]).stdout;
    ids.split_whitespace().map(str::to_owned).collect()
}

fn docker(lab: &Lab, arguments: &[&str]) {
    let done = lab.docker(arguments);
    assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
}

fn stop_and_prune(lab: &Lab, nodes: &[String], network: &str) {
    let ids: Vec<&str> = nodes.iter().map(String::as_str).collect();
    docker(lab, &[&["stop", "--time", "10"], &ids[..]].concat());
    docker(lab, &["network", "rm", network]);
}

pub(crate) fn a_cluster_belongs_to_the_home_that_made_it(lab: &Lab) {
    let other = Other { lab, home: tempfile::tempdir().unwrap() };
    let mut making = first(lab, &["--local", "--until", "cluster", "--workers", "1", "--output", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(making.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Long before there is a node.
    assert!(lines.any(|line| line.contains("\"run-started\"")), "the first run has not begun");
    other.is_refused("while it is being made");
    let rest: Vec<String> = lines.collect();
    assert!(making.wait().unwrap().success(), "{}", rest.join("\n"));
    other.is_refused("when it is there");
    // Every node and every volume of a node says whose it is.
    let label = format!("label=com.pgedge.bootstrap.cluster={SHARED}");
    let labelled =
        |list: &[&str]| lab.docker(&[list, &["--quiet", "--filter", &label]].concat()).stdout.lines().count();
    let counted = [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]].map(labelled);
    assert_eq!(counted, [2, 3, 1], "nodes, their volumes with the claim, networks");
}

/// With a worker, which joined under an address that it does not have any more; and nothing is left that knows of them but the
/// nodes themselves.
pub(crate) fn nodes_are_found_and_mended_when_all_around_them_was_pruned(lab: &Lab) {
    let (before, network) = (nodes(lab), format!("pgedge-bootstrap-{SHARED}"));
    stop_and_prune(lab, &before, &network);
    docker(lab, &["volume", "rm", &network]);
    std::fs::remove_dir_all(lab.home().join(".local/state/pgedge-bootstrap").join(SHARED)).unwrap();
    let taken = &format!("{SHARED}-taken");
    docker(lab, &["network", "create", "--label", &format!("com.pgedge.bootstrap.cluster={SHARED}"), taken]);
    Other { lab, home: tempfile::tempdir().unwrap() }.is_refused("when only its nodes are left");
    let up = ran(&first(lab, &["--local", "--until", "cluster"]).output().unwrap());
    docker(lab, &["network", "rm", taken]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    assert_eq!(nodes(lab), before);
}

pub(crate) fn a_node_that_was_taken_off_its_network_is_connected_again(lab: &Lab) {
    let before = nodes(lab);
    docker(lab, &["network", "disconnect", &format!("pgedge-bootstrap-{SHARED}"), &format!("{SHARED}-worker")]);
    let verify = ran(&first(lab, &["verify", "cluster", "--output", "json"]).output().unwrap());
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    let step = &document["steps"][0];
    assert_eq!((&step["state"], &step["failure"]), (&"failed".into(), &"cluster-not-ready".into()), "{document}");
    up(lab);
    assert_eq!(nodes(lab), before);
}

/// Kubernetes itself shows such a node as ready for most of a minute.
pub(crate) fn a_kubernetes_node_whose_container_was_removed_is_told_at_once(lab: &Lab) {
    docker(lab, &["rm", "--force", "--volumes", &format!("{SHARED}-worker")]);
    let lost = format!("the container of Kubernetes node {SHARED}-worker is gone");
    let verify = ran(&first(lab, &["verify", "cluster", "--output", "json"]).output().unwrap());
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    let step = &document["steps"][0];
    assert!(step["state"] == "wrong" && step["detail"].as_str().unwrap().contains(&lost), "{document}");
    let started = Instant::now();
    let up = ran(&first(lab, &["--local", "--until", "cluster"]).output().unwrap());
    let told = up.stderr.contains("(cluster-not-ready)") && up.stderr.contains(&lost);
    assert!(up.code == 1 && told, "{}", up.stderr);
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
}

pub(crate) fn a_lost_home_is_repaired_after_it_was_shown(lab: &Lab) {
    let (before, other) = (nodes(lab), Other { lab, home: tempfile::tempdir().unwrap() });
    let shown = other.run(&["down", "--take-over"]);
    let told = shown.stderr.contains(&format!("would remove container {SHARED}-control-plane with its volume"));
    assert!(shown.code == 1 && told, "{}", shown.stderr);
    assert_eq!(nodes(lab), before);
    let removed = other.run(&["down", "--take-over", "--yes"]);
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    assert_eq!(&lab.docker_lists(), lab.docker_lists_before());
    let forgotten = ran(&first(lab, &["down"]).output().unwrap());
    assert_eq!(forgotten.code, 0, "{}", forgotten.stderr);
}

pub(crate) fn a_network_that_was_pruned_is_made_anew_and_the_proof_follows(lab: &Lab) {
    stop_and_prune(lab, &[format!("{NAME}-control-plane")], &format!("pgedge-bootstrap-{NAME}"));
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    let events = up.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let proven = events.filter(|event| event["event"] == "proof").map(|event| proof::check(&event["matrix"]));
    assert_eq!(proven.collect::<Vec<_>>(), [Ok(())]);
}
