//! What others break in the cluster, and a second run mends.

use serde_json::Value;

use crate::common::proof;
use crate::lab::{Lab, NAME};

/// What `verify` finds of one step: its state and its words.
fn finding(lab: &Lab, step: &str) -> (String, String) {
    let verify = lab.run(&["verify", step, "--output", "json"]);
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    let word = |field: &str| document["steps"][0][field].as_str().unwrap().to_owned();
    (word("state"), word("detail"))
}

fn kubectl(lab: &Lab, line: &[&str]) {
    let done = lab.tool(&[&["kubectl"], line].concat());
    assert_eq!(done.code, 0, "{line:?}: {}", done.stderr);
}

/// A webhook configuration without which CloudNativePG's certificate is not told to the API server again until it starts, the
/// service account and the role of running operators, and a Deployment without pods.
pub(crate) fn what_others_broke_of_the_operators_is_named_and_mended(lab: &Lab) {
    kubectl(lab, &["delete", "validatingwebhookconfiguration", "cnpg-validating-webhook-configuration"]);
    let (state, detail) = finding(lab, "cloudnative-pg");
    assert_eq!(state, "wrong", "{detail}");
    assert!(detail.contains("validatingwebhookconfiguration cnpg-validating-webhook-configuration"), "{detail}");

    kubectl(lab, &["-n", "cert-manager", "delete", "serviceaccount", "cert-manager-webhook"]);
    let emptied = r#"[{"op": "replace", "path": "/rules", "value": []}]"#;
    kubectl(lab, &["patch", "clusterrole", "cert-manager-cainjector", "--type", "json", "-p", emptied]);
    kubectl(lab, &["-n", "cert-manager", "scale", "deployment", "cert-manager-cainjector", "--replicas", "0"]);
    let (_, detail) = finding(lab, "cert-manager");
    assert!(detail.contains("serviceaccount cert-manager/cert-manager-webhook"), "{detail}");
    assert!(detail.contains("clusterrole cert-manager-cainjector"), "{detail}");

    let up = lab.run(&["--local", "--until", "operators"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    for step in ["cert-manager", "cloudnative-pg"] {
        assert_eq!(finding(lab, step).0, "done", "{step}");
    }
}

/// Without cluster DNS a node that starts anew finds no other, and everything that Kubernetes says of it is well.
pub(crate) fn a_cluster_dns_without_pods_is_named_before_its_symptoms_and_mended(lab: &Lab) {
    kubectl(lab, &["-n", "kube-system", "scale", "deployment", "coredns", "--replicas", "0"]);
    kubectl(lab, &["-n", "kube-system", "wait", "pod", "-l", "k8s-app=kube-dns", "--for=delete", "--timeout=60s"]);
    let (state, detail) = finding(lab, "cluster");
    assert_eq!(state, "wrong", "{detail}");
    assert!(detail.contains("deployment kube-system/coredns is scaled to zero"), "{detail}");

    kubectl(lab, &["delete", "pod", "pgedge-n2-1"]);
    let prove = lab.run(&["prove"]);
    assert_eq!(prove.code, 1, "{}", prove.stdout);
    let (named, cause) = (prove.stderr.contains("(cluster-not-ready)"), "deployment kube-system/coredns");
    assert!(named && prove.stderr.contains(cause), "{}", prove.stderr);

    // What an addon is made of may be gone, too.
    kubectl(lab, &["-n", "kube-system", "delete", "daemonset", "kube-proxy"]);
    let up = lab.up_command(&["--local", "--output", "json"]).args(["--name", NAME]).output().unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stdout));
    let events = String::from_utf8_lossy(&up.stdout);
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let proven = events.filter(|event| event["event"] == "proof").map(|event| proof::check(&event["matrix"]));
    assert_eq!(proven.collect::<Vec<_>>(), [Ok(())]);
    assert_eq!(finding(lab, "cluster").0, "done");
}
