use bootstrap_cluster::kubernetes::mock::refusal;
use serde_json::json;

use super::*;
use crate::steps::test_run::{TestRun, failure_of};

/// An adopted cluster with one Kubernetes node that gives so much.
fn with_room(memory: &str, cpu: &str) -> TestRun {
    let run = TestRun::adopted();
    run.api.change("nodes", "", "pgedge-control-plane", |node| {
        node["status"]["allocatable"] = json!({"memory": memory, "cpu": cpu});
    });
    run
}

/// A pod that has requested so much memory.
fn put_pod(run: &TestRun, name: &str, labels: &serde_json::Value, memory: &str) {
    let container = json!({"name": "c", "resources": {"requests": {"memory": memory, "cpu": "10m"}}});
    run.api.put(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": "pgedge-control-plane", "containers": [container]}, "status": {"phase": "Running"},
    }));
}

async fn nodes_that_fit(run: &TestRun) -> u8 {
    apply(&run.context).await.unwrap();
    assert!(observe(&run.context).is_done());
    run.context.nodes()
}

#[tokio::test]
async fn as_many_nodes_as_the_cluster_has_room_for() {
    assert_eq!(nodes_that_fit(&with_room("8Gi", "4")).await, 3);
    assert_eq!(nodes_that_fit(&with_room("1600Mi", "4")).await, 2);
    let little_cpu = with_room("8Gi", "100m");
    assert_eq!(nodes_that_fit(&little_cpu).await, 3);
    assert!(little_cpu.context.fit().unwrap().cpu < 100);
}

#[tokio::test]
async fn what_others_requested_counts_and_what_our_own_nodes_have_does_not() {
    let run = with_room("2Gi", "4");
    put_pod(&run, "other", &json!({}), "500Mi");
    assert_eq!(nodes_that_fit(&run).await, 2);
    let run = with_room("2Gi", "4");
    put_pod(&run, "pgedge-n1-1", &json!({"cnpg.io/cluster": "pgedge-n1"}), "500Mi");
    assert_eq!(nodes_that_fit(&run).await, 3);
}

#[tokio::test]
async fn a_cluster_without_room_is_told_with_what_is_left() {
    for (memory, cpu) in [("200Mi", "4"), ("8Gi", "5m")] {
        let failure = failure_of(apply(&with_room(memory, cpu).context).await);
        assert_eq!(failure.id(), FailureId::NodeUnschedulable);
        assert!(failure.seen()[0].starts_with("left: "), "{:?}", failure.seen());
    }
    let run = with_room("8Gi", "4");
    run.api.remove("nodes", "", "pgedge-control-plane");
    assert!(failure_of(apply(&run.context).await).summary().contains("has no Kubernetes node"));
}

#[tokio::test]
async fn the_decision_is_kept_for_the_commands_that_follow() {
    let run = with_room("1600Mi", "4");
    let adoption =
        Adoption { kubeconfigs: vec!["/etc/kubernetes/admin.conf".into()], site: None, bin: "/bin".into(), fit: None };
    adoption.write(&run.context.places.state).unwrap();
    apply(&run.context).await.unwrap();
    let kept = Adoption::read(&run.context.places.state).unwrap().unwrap();
    assert_eq!((kept.fit.unwrap().nodes, kept.kubeconfigs), (2, adoption.kubeconfigs));
}

#[tokio::test]
async fn a_user_who_may_not_see_the_nodes_is_told_so() {
    let run = with_room("8Gi", "4");
    run.api.react(|asked| {
        let words = "nodes is forbidden: User \"guest\" cannot list resource \"nodes\"";
        (asked.plural == "nodes").then(|| refusal(403, "Forbidden", words))
    });
    let failure = failure_of(apply(&run.context).await);
    assert_eq!(failure.id(), FailureId::KubernetesRefused);
    assert!(failure.seen()[0].contains("cannot list resource"), "{:?}", failure.seen());
}
