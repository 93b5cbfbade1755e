use super::*;
use crate::verdict::recorded;

fn words_of_deployment(file: &str) -> Result<(), String> {
    deployment(&recorded::object(file))
}

fn words_of_node(file: &str) -> Result<(), String> {
    node(&recorded::object(file))
}

#[test]
fn the_operators_of_a_healthy_cluster_are_available() {
    for name in ["cert-manager", "cert-manager-cainjector", "cert-manager-webhook", "cnpg-controller-manager"] {
        assert_eq!(words_of_deployment(&format!("01-healthy/deployment-{name}")), Ok(()), "{name}");
    }
}

/// Its own condition Available is True.
#[test]
fn a_deployment_that_is_scaled_to_zero_is_not_available() {
    let words = words_of_deployment("07f-operator-down-status-stale/deployment");
    assert_eq!(words, Err("it is scaled to zero".to_owned()));
}

#[test]
fn a_deployment_whose_change_nobody_has_seen_is_not_available() {
    let mut object: Deployment = recorded::object("01-healthy/deployment-cert-manager");
    object.metadata.generation = Some(2);
    assert_eq!(deployment(&object), Err("its controller has not seen it yet".to_owned()));
}

#[test]
fn a_deployment_without_a_running_pod_is_not_available() {
    let mut object: Deployment = recorded::object("01-healthy/deployment-cert-manager");
    let spoil = |object: &mut Deployment| object.status.as_mut().map(|status| status.available_replicas = None);
    assert!(spoil(&mut object).is_some());
    assert_eq!(deployment(&object), Err("0 of 1 pods available".to_owned()));
}

#[test]
fn a_healthy_kubernetes_node_is_ready() {
    assert_eq!(words_of_node("01-healthy/node"), Ok(()));
}

#[test]
fn a_kubernetes_node_whose_kubelet_stopped_is_not_ready() {
    let words = words_of_node("12i-node-notready-kubelet-stopped/node");
    assert_eq!(words, Err("Kubelet stopped posting node status.".to_owned()));
}

#[test]
fn a_kubernetes_node_without_a_network_is_not_ready() {
    let words = words_of_node("11b-kind-half-created/node");
    assert!(words.is_err_and(|words| words.contains("cni plugin not initialized")));
}

#[test]
fn a_kubernetes_node_that_has_reported_nothing_is_not_ready() {
    assert_eq!(node(&Node::default()), Err("its kubelet has not reported yet".to_owned()));
}

/// It runs what it can; the pods that it evicts tell of the disk.
#[test]
fn a_kubernetes_node_with_a_full_disk_is_ready() {
    assert_eq!(words_of_node("12h-disk-pressure-evicted/node"), Ok(()));
}
