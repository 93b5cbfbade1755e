//! The helm release: who made it, where it is, and what of it is left.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, Ran};

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.told()))
}

fn steps_changed(up: &Ran) -> Vec<String> {
    let events = up.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let changed = events.filter(|event| event["event"] == "step-done" && event["changed"] == true);
    changed.map(|event| event["step"].as_str().unwrap().to_owned()).collect()
}

/// As the lesson says it: no description, and the values from `values`. Another value is told by its name.
pub(crate) fn what_was_installed_by_hand_is_ours(lab: &Lab) {
    let folder = tempfile::tempdir().unwrap();
    let values = folder.path().join("values.yaml");
    std::fs::write(&values, lab.run(&["values"]).stdout).unwrap();
    let chart = json(&lab.run(&["env", "--output", "json"]))["PGEDGE_CHART"].as_str().unwrap().to_owned();
    let upgrade = |more: &[&str]| {
        let by_hand = ["helm", "upgrade", "--install", "pgedge", &chart, "--values", values.to_str().unwrap()];
        let ran = lab.tool(&[&by_hand[..], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    upgrade(&["--set", "pgEdge.clusterSpec.logLevel=debug"]);
    let other = json(&lab.run(&["verify", "release", "--output", "json"]));
    assert_eq!(other["steps"][0]["state"], "wrong");
    assert!(
        other["steps"][0]["detail"].as_str().unwrap().contains("pgEdge.clusterSpec.logLevel is \"debug\""),
        "{other}"
    );
    upgrade(&[]);
    let verify = lab.run(&["verify", "release"]);
    assert_eq!(verify.code, 0, "{}", verify.stdout);
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    // The log level that was taken back rolls through the instances: replication may still be connecting, which `up` waits for.
    let changed = steps_changed(&up);
    assert_eq!(changed.last().map(String::as_str), Some("proof"));
    assert!(changed.iter().all(|step| ["nodes", "replication", "proof"].contains(&step.as_str())), "{changed:?}");
}

/// Killed when helm's record is there and hardly anything else: nothing that is typed afterwards names the namespace or the
/// number of nodes.
pub(crate) fn a_killed_first_installation_in_another_namespace_is_gone_on_with(lab: &Lab) {
    let removed = lab.tool(&["helm", "uninstall", "pgedge", "--wait"]);
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    let wanted = ["--local", "--namespace", "lab", "--nodes", "2", "--name", crate::lab::NAME];
    let mut up = lab.up_command(&wanted).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let recorded = || {
        lab.tool(&["kubectl", "get", "secret", "--namespace", "lab", "--selector", "owner=helm", "--output", "name"])
    };
    while recorded().stdout.is_empty() {
        assert!(Instant::now() < end, "helm wrote no record");
    }
    up.kill().unwrap();
    up.wait().unwrap();
    let again = lab.run(&["--local"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("it is removed"), "{}", again.stderr);
    let status = json(&lab.run(&["status", "--output", "json"]));
    assert_eq!(status["ok"], true, "{status}");
    let nodes: Vec<(&str, &str)> = status["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["name"].as_str().unwrap(), node["namespace"].as_str().unwrap()))
        .collect();
    assert_eq!(nodes, [("n1", "lab"), ("n2", "lab")]);
    for command in [&["verify"][..], &["prove"]] {
        let ran = lab.run(command);
        assert_eq!(ran.code, 0, "{command:?}: {}", ran.told());
    }
    let shown = lab.tool(&["kubectl", "cnpg", "status", "pgedge-n1"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for other in [["--namespace", "default"], ["--nodes", "3"]] {
        let refused = lab.run(&[&["--local"][..], &other].concat());
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains("(shape-differs)"), "{}", refused.stderr);
    }
}
