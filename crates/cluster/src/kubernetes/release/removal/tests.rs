use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::encode;
use super::*;
use crate::kubernetes::mock::{Answer, MockApi};

/// A server that knows CloudNativePG's Clusters, with the namespace of the release.
fn server() -> MockApi {
    let api = MockApi::bare();
    api.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}}));
    api.put(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusters.postgresql.cnpg.io"},
        "spec": {
            "group": "postgresql.cnpg.io", "names": {"kind": "Cluster", "plural": "clusters"}, "scope": "Namespaced",
            "versions": [{"name": "v1"}],
        },
    }));
    api
}

/// What is left of the types of a release.
fn left(api: &MockApi) -> Vec<String> {
    let types = ["configmaps", "secrets", "persistentvolumeclaims", "jobs", "clusters"];
    let mut left: Vec<String> = types.iter().flat_map(|plural| api.names(plural)).collect();
    left.sort();
    left.into_iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect()
}

fn deletions(api: &MockApi) -> Vec<String> {
    api.writes().into_iter().filter_map(|write| write.strip_prefix("DELETE ").map(str::to_owned)).collect()
}

/// A record of a revision that was to make a ConfigMap, a Cluster and a hook's Job.
fn record(revision: u32, status: &str) -> Value {
    let manifest = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pgedge-config\n---\napiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata:\n  name: pgedge-n1\n";
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: pgedge-init-spock\n  annotations:\n    helm.sh/hook: post-install\n";
    let document =
        json!({"info": {"status": status}, "manifest": manifest, "hooks": [{"manifest": hook}], "version": revision});
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": format!("sh.helm.release.v1.pgedge.v{revision}"), "namespace": "lab",
            "labels": {"owner": "helm", "name": "pgedge", "status": status, "version": revision.to_string()},
        },
        "data": {"release": encode(&document).unwrap()},
    })
}

fn made(kind: &str, name: &str) -> Value {
    let version = match kind {
        "Cluster" => "postgresql.cnpg.io/v1",
        "Job" => "batch/v1",
        _ => "v1",
    };
    json!({"apiVersion": version, "kind": kind, "metadata": {
        "name": name, "namespace": "lab", "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "pgedge", "meta.helm.sh/release-namespace": "lab"},
    }})
}

fn claim(name: &str, owner: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {
        "name": name, "namespace": "lab", "labels": {"cnpg.io/cluster": "pgedge-n1"},
        "ownerReferences": if owner.is_empty() { json!([]) } else {
            json!([{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "pgedge-n1", "uid": owner}])
        },
    }})
}

/// All that a whole installation has.
fn put_everything(server: &MockApi) {
    server.put(made("ConfigMap", "pgedge-config"));
    server.put(made("Cluster", "pgedge-n1"));
    server.put(claim("pgedge-n1-1", "uid of pgedge-n1"));
    let mut job = made("Job", "pgedge-init-spock");
    job["metadata"]["annotations"] = json!({"helm.sh/hook": "post-install"});
    server.put(job);
}

async fn removed(server: &MockApi) -> bool {
    let client = server.client();
    let removal = remove_release(&client, "lab", "pgedge");
    tokio::time::timeout(Duration::from_secs(20), removal).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_release_that_was_never_complete_is_removed_whatever_it_had_made() {
    for states in [&["pending-install"][..], &["failed"], &["failed", "pending-upgrade"]] {
        for everything in [false, true] {
            let server = self::server();
            for (index, status) in states.iter().enumerate() {
                server.put(record(u32::try_from(index).unwrap() + 1, status));
            }
            if everything {
                put_everything(&server);
            } else {
                server.put(made("Cluster", "pgedge-n1"));
            }
            assert!(removed(&server).await);
            assert_eq!(left(&server), Vec::<String>::new(), "{states:?}, everything: {everything}");
            let deleted = deletions(&server);
            assert!(deleted.last().unwrap().contains("sh.helm.release"), "the records go last: {deleted:?}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_release_that_was_once_complete_is_removed() {
    for states in [["deployed", "pending-upgrade"], ["superseded", "failed"], ["failed", "uninstalling"]] {
        let server = self::server();
        for (index, status) in states.iter().enumerate() {
            server.put(record(u32::try_from(index).unwrap() + 1, status));
        }
        put_everything(&server);
        let before = left(&server);
        assert!(!removed(&server).await);
        assert_eq!(left(&server), before, "{states:?}");
    }
    assert!(!removed(&server()).await, "there is no release");
}

#[tokio::test]
async fn what_somebody_else_made_is_not_removed() {
    let server = self::server();
    server.put(record(1, "pending-install"));
    put_everything(&server);
    // A ConfigMap of the name without helm's marks, one of a Cluster that is another by now, a volume that was kept on
    // purpose, and a Cluster of another release.
    let metadata = json!({"name": "pgedge-config", "namespace": "lab"});
    server.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}));
    replaced_after_a_look(&server);
    server.put(claim("pgedge-n1-0", ""));
    let mut other = made("Cluster", "other-n1");
    other["metadata"]["annotations"]["meta.helm.sh/release-name"] = "other".into();
    server.put(other);
    server.put(claim("other-n1-1", "uid of other-n1"));
    server.remove("persistentvolumeclaims", "lab", "pgedge-n1-1");
    assert!(removed(&server).await);
    let mut left = left(&server);
    left.sort();
    assert_eq!(left, ["other-n1", "other-n1-1", "pgedge-config", "pgedge-n1", "pgedge-n1-0"]);
}

/// Another Cluster has the name of the first as soon as that was looked at.
fn replaced_after_a_look(server: &MockApi) {
    let api = server.clone();
    let mut was_seen = false;
    server.react(move |asked| {
        if asked.method == "GET" && asked.plural == "clusters" && asked.name == "pgedge-n1" {
            was_seen = true;
        } else if std::mem::take(&mut was_seen) {
            api.change("clusters", "lab", "pgedge-n1", |cluster| cluster["metadata"]["uid"] = "somebody else's".into());
        }
        None
    });
}

#[tokio::test]
async fn a_removal_that_was_killed_anywhere_goes_on() {
    // Three objects and the record.
    for number in 0..4 {
        let server = self::server();
        server.put(record(1, "pending-install"));
        put_everything(&server);
        // From this deletion on it answers nothing any more, as for somebody who was killed.
        let dead = Arc::new(AtomicBool::new(true));
        let (is_dead, mut seen) = (Arc::clone(&dead), 0);
        server.react(move |asked| {
            seen += usize::from(asked.method == "DELETE");
            (is_dead.load(Relaxed) && seen > number).then_some(Answer::Silence)
        });
        let client = server.client();
        let killed = tokio::time::timeout(Duration::from_millis(300), remove_release(&client, "lab", "pgedge"));
        assert!(killed.await.is_err(), "it was not killed after {number} deletions");
        assert!(left(&server).iter().any(|name| name.starts_with("sh.helm.release")), "its record is there");
        dead.store(false, Relaxed);
        assert!(removed(&server).await);
        assert_eq!(left(&server), Vec::<String>::new());
    }
}
