use bootstrap_cluster::kubernetes::mock::Answer;
use bootstrap_run::failure::FailureId;
use serde_json::{Value, json};

use super::*;
use crate::step_id::StepId;
use crate::steps::test_run::{TestRun, failure_of};

/// The type of a pgEdge node, as CloudNativePG brings it.
pub(in crate::steps) fn put_cloudnative_pg(run: &TestRun) {
    run.api.put(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusters.postgresql.cnpg.io"},
        "spec": {
            "group": "postgresql.cnpg.io", "names": {"kind": "Cluster", "plural": "clusters"}, "scope": "Namespaced",
            "versions": [{"name": "v1"}],
        },
    }));
}

/// A node in the namespace `default`, with its pod.
pub(in crate::steps) fn put_node(run: &TestRun, node: &str) {
    put_cluster(run, node, "Cluster in healthy state", 1);
    run.api.put(pod(node, &json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})));
}

fn put_cluster(run: &TestRun, node: &str, phase: &str, ready: u8) {
    let is_ready = if ready == 1 { "True" } else { "False" };
    run.api.put(json!({
        "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
        "metadata": {"name": format!("pgedge-{node}"), "labels": {"pgedge.com/app-name": "pgedge"}},
        "spec": {"instances": 1},
        "status": {
            "phase": phase, "readyInstances": ready, "phaseReason": "timeline 3 is not a child of timeline 2",
            "conditions": [{"type": "Ready", "status": is_ready}],
        },
    }));
}

fn pod(node: &str, status: &Value) -> Value {
    let labels = json!({"cnpg.io/cluster": format!("pgedge-{node}"), "cnpg.io/podRole": "instance"});
    let metadata = json!({"name": format!("pgedge-{node}-1"), "labels": labels});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})
}

/// Such as the scheduler writes it.
pub(in crate::steps) fn unschedulable() -> Value {
    json!({"phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient memory.",
    }]})
}

fn not_pulled(message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "postgres", "image": "ghcr.io/pgedge/postgres:17", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ErrImagePull", "message": message}},
    }]})
}

const UNAUTHORISED: &str = "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized";

fn three_healthy() -> TestRun {
    let run = TestRun::new();
    put_cloudnative_pg(&run);
    for node in ["n1", "n2", "n3"] {
        put_node(&run, node);
    }
    run
}

async fn seen(run: &TestRun) -> Observation {
    observe(&run.context).await.unwrap()
}

async fn applied(run: &TestRun) -> Result<()> {
    run.within(StepId::Nodes, apply).await
}

fn waits_for(found: &Observation) -> &str {
    match found {
        Observation::Waiting(why) => why,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn nodes_are_done_when_cluster_and_pods_say_so() {
    let run = three_healthy();
    assert_eq!(seen(&run).await, Observation::Done("n1, n2, n3".to_owned()));
    applied(&run).await.unwrap();
    assert_eq!(run.api.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_cluster_without_cloudnative_pg_has_no_nodes_yet() {
    let run = TestRun::new();
    assert_eq!(seen(&run).await, Observation::Missing("there is no pgEdge node".to_owned()));
}

#[tokio::test]
async fn a_cluster_that_says_healthy_without_a_pod_is_not_believed() {
    let run = three_healthy();
    run.api.remove("pods", "default", "pgedge-n2-1");
    assert_eq!(waits_for(&seen(&run).await), "n2: it has no pod");
    run.api.put(pod("n2", &json!({"phase": "Pending"})));
    assert_eq!(waits_for(&seen(&run).await), "n2: pod pgedge-n2-1 is not ready: it has not been started yet");
    run.api.change("pods", "default", "pgedge-n2-1", |pod| {
        pod["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z".into();
    });
    assert!(waits_for(&seen(&run).await).contains("it is being removed"));
}

#[tokio::test]
async fn a_node_that_is_not_healthy_is_told_with_its_phase() {
    let run = three_healthy();
    put_cluster(&run, "n3", "Setting up primary", 0);
    assert_eq!(waits_for(&seen(&run).await), "n3: setting up primary");
    put_cluster(&run, "n3", "Cluster in healthy state", 0);
    assert_eq!(waits_for(&seen(&run).await), "n3: 0 of 1 instances ready");
}

#[tokio::test]
async fn what_keeps_a_pod_from_starting_is_told_in_the_place_of_the_phase() {
    let run = three_healthy();
    put_cluster(&run, "n1", "Setting up primary", 0);
    run.api.put(pod("n1", &not_pulled(UNAUTHORISED)));
    let found = seen(&run).await;
    assert!(waits_for(&found).contains("cannot be pulled") && waits_for(&found).contains("401"), "{found:?}");
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::ImagePullFailed);
    assert!(
        failure.advice(&bootstrap_run::failure::Invocation::default()).contains("--registry-mirror"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
}

#[tokio::test]
async fn a_pull_that_may_go_better_is_waited_for() {
    let run = three_healthy();
    put_cluster(&run, "n1", "Setting up primary", 0);
    run.api.put(pod("n1", &not_pulled("unexpected status from HEAD request: 503 Service Unavailable")));
    let becoming = async {
        run.recorder.until_waits(|waits| waits.iter().any(|why| why.starts_with("n1: "))).await;
        put_node(&run, "n1");
    };
    let (applied, ()) = tokio::join!(applied(&run), becoming);
    applied.unwrap();
}

#[tokio::test]
async fn a_node_without_room_is_told_at_once() {
    let run = three_healthy();
    put_cluster(&run, "n3", "Setting up primary", 0);
    run.api.put(pod("n3", &unschedulable()));
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::NodeUnschedulable);
    assert_eq!(failure.seen(), ["0/1 nodes are available: 1 Insufficient memory."]);
}

#[tokio::test]
async fn a_failed_containers_last_words_are_evidence() {
    let run = three_healthy();
    put_cluster(&run, "n1", "Setting up primary", 0);
    let mut failed = pod("n1", &json!({"phase": "Failed"}));
    failed["metadata"]["labels"]["cnpg.io/jobRole"] = "initdb".into();
    run.api.put(failed);
    run.api.react(|asked| {
        (asked.subresource == "log").then(|| Answer::Text("ERROR: syntax error at or near \"SELCT\"\n".to_owned()))
    });
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::NodeBroken);
    assert!(failure.seen().iter().any(|seen| seen.contains("SELCT")), "{:?}", failure.seen());
}

#[tokio::test]
async fn a_cluster_that_cannot_be_recovered_ends_the_wait() {
    let run = three_healthy();
    put_cluster(&run, "n2", "Cluster is unrecoverable and needs manual intervention", 0);
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::NodeBroken);
    assert_eq!(failure.seen(), ["timeline 3 is not a child of timeline 2"]);
}

#[tokio::test]
async fn clusters_of_the_persons_own_in_the_namespace_are_not_judged() {
    let run = three_healthy();
    let mut other = pod("n1", &unschedulable());
    other["metadata"] = json!({"name": "shop-1", "labels": {"cnpg.io/cluster": "shop"}});
    run.api.put(other);
    put_cluster(&run, "n1", "Setting up primary", 0);
    let found = seen(&run).await;
    assert_eq!(waits_for(&found), "n1: setting up primary");
}

#[tokio::test]
async fn of_the_tries_of_a_job_only_the_last_one_counts() {
    let run = three_healthy();
    put_cluster(&run, "n1", "Setting up primary", 0);
    let attempt = |name: &str, made: &str, status: Value| {
        let labels =
            json!({"cnpg.io/cluster": "pgedge-n1", "cnpg.io/jobRole": "initdb", "batch.kubernetes.io/job-name": "i"});
        let metadata = json!({"name": name, "labels": labels, "creationTimestamp": made});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})
    };
    run.api.put(attempt("i-1", "2026-11-27T00:00:01Z", json!({"phase": "Failed"})));
    run.api.put(attempt("i-2", "2026-11-27T00:00:02Z", json!({"phase": "Running"})));
    assert_eq!(waits_for(&seen(&run).await), "n1: setting up primary");
    run.api.put(attempt("i-2", "2026-11-27T00:00:02Z", json!({"phase": "Failed"})));
    assert!(waits_for(&seen(&run).await).contains("initdb of pgedge-n1 failed"));
}

#[tokio::test]
async fn nodes_are_looked_for_in_the_namespace_of_the_release() {
    let run = three_healthy();
    run.context.set_deployed(crate::context::Deployed { namespace: "lab".to_owned(), nodes: 2 });
    assert_eq!(seen(&run).await, Observation::Missing("there is no pgEdge node".to_owned()));
}
