use serde_json::{Value, json};

use super::*;
use crate::kubernetes::mock::{Answer, MockApi};

fn slice(ready: &Value) -> EndpointSlice {
    let endpoint = json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}});
    serde_json::from_value(json!({"addressType": "IPv4", "endpoints": [endpoint]})).unwrap()
}

fn deployment(replicas: i32) -> Deployment {
    let spec = json!({"replicas": replicas, "selector": {}, "template": {}});
    serde_json::from_value(json!({"metadata": {"name": "coredns"}, "spec": spec})).unwrap()
}

fn daemon(wanted: i32, ready: i32) -> DaemonSet {
    let status = json!({
        "currentNumberScheduled": ready, "desiredNumberScheduled": wanted, "numberMisscheduled": 0, "numberReady": ready,
        "observedGeneration": 2,
    });
    serde_json::from_value(json!({"metadata": {"name": PROXY, "generation": 2}, "status": status})).unwrap()
}

#[test]
fn cluster_dns_works_if_its_service_has_a_ready_endpoint_whatever_answers() {
    let service = Service::default();
    for by_kubeadm in [true, false] {
        for ready in [json!(true), Value::Null] {
            assert_eq!(dns(Some(&service), &[slice(&ready)], &[], by_kubeadm), None);
        }
    }
}

#[test]
fn cluster_dns_without_pods_is_told_with_the_object() {
    let service = Service::default();
    let look =
        |slices: &[EndpointSlice], deployments: &[Deployment]| dns(Some(&service), slices, deployments, true).unwrap();
    let scaled = look(&[], &[deployment(0)]);
    assert!(
        scaled.course == Course::Off && scaled.why.contains("deployment kube-system/coredns is scaled to zero"),
        "{scaled:?}"
    );
    let starting = look(&[slice(&json!(false))], &[deployment(2)]);
    assert!(starting.course == Course::Late && starting.why.contains("coredns, 0 of 2 ready"), "{starting:?}");
    assert_eq!(look(&[], &[]).course, Course::Off);
}

#[test]
fn a_cluster_may_do_without_what_kubeadm_brings_if_it_was_not_made_by_it() {
    assert_eq!(dns(None, &[], &[], false), None);
    assert_eq!(dns(None, &[], &[], true).unwrap().course, Course::Off);
    for daemon in [None, Some(daemon(0, 0))] {
        assert_eq!(kube_proxy(daemon.as_ref(), false), None);
        assert_eq!(kube_proxy(daemon.as_ref(), true).unwrap().course, Course::Off, "{daemon:?}");
    }
}

#[test]
fn a_kube_proxy_without_pods_is_told() {
    assert_eq!(kube_proxy(Some(&daemon(2, 2)), true), None);
    assert_eq!(kube_proxy(Some(&daemon(2, 1)), true).unwrap().course, Course::Late);
    assert_eq!(kube_proxy(Some(&daemon(2, 1)), false), None);
    assert!(kube_proxy(Some(&daemon(2, 0)), false).unwrap().why.contains("0 of 2"));
}

/// A cluster whose DNS has no ready endpoint, and this pod.
fn with_pod(status: &Value) -> MockApi {
    let api = MockApi::bare();
    let metadata = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": {"k8s-app": "kube-dns"}});
    api.put(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(DNS_SERVICE)}));
    api.put(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("coredns"),
        "spec": {"replicas": 1, "selector": {}, "template": {}},
    }));
    let config = json!({"name": "config-volume", "configMap": {"name": "coredns"}});
    let containers = json!([{"name": "coredns", "image": "registry.k8s.io/coredns:v1"}]);
    api.put(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata("coredns-1"),
        "spec": {"containers": containers, "volumes": [config]}, "status": status,
    }));
    api.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("coredns")}));
    api
}

/// The status of a pod whose container is in this state.
fn container(restarts: u32, state: &Value, last_state: &Value) -> Value {
    json!({
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{
            "name": "coredns", "image": "registry.k8s.io/coredns:v1", "imageID": "", "ready": false,
            "restartCount": restarts, "state": state, "lastState": last_state,
        }],
    })
}

fn back_off(words: &str) -> Value {
    json!({"waiting": {"reason": "CrashLoopBackOff", "message": words}})
}

fn ended(code: u32) -> Value {
    json!({"terminated": {"exitCode": code, "reason": "Error"}})
}

async fn found(api: &MockApi) -> Dead {
    dead_addon(&api.client(), false).await.unwrap().unwrap()
}

/// What CoreDNS writes first.
const BEGINNING: &str = "maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined\n";

#[tokio::test]
async fn a_cluster_dns_that_does_not_take_its_corefile_is_told_with_its_last_line() {
    let line = "/etc/coredns/Corefile:2 - Error during parsing: Unknown directive 'nonsense'";
    for (restarts, words, course) in
        [(1, "back-off 10s restarting", Course::Failing), (7, "back-off 5m0s restarting", Course::Lasting)]
    {
        let api = with_pod(&container(restarts, &back_off(words), &ended(1)));
        // The container that was just started again has not come to it yet.
        api.react(move |asked| {
            let is_previous = asked.query("previous") == Some("true");
            (asked.subresource == "log")
                .then(|| Answer::Text(if is_previous { format!("{line}\n\n") } else { BEGINNING.to_owned() }))
        });
        let dead = found(&api).await;
        assert_eq!((dead.course, dead.rejected.as_deref()), (course, Some("coredns")));
        let words = dead.in_words();
        for part in ["pod kube-system/coredns-1", "exit code 1", line, "configmap kube-system/coredns"] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}

/// The kubelet answers in the place of a log that the runtime has removed.
#[tokio::test]
async fn a_log_that_is_gone_is_not_taken_for_the_last_line() {
    let line = "/etc/coredns/Corefile:2 - Error during parsing: Unknown directive 'nonsense'";
    let gone = "unable to retrieve container logs for containerd://f2e29b24d72f7baeb0c976e4617a281aa8fffe1c29d594a24c779f67499e3c2c";
    for (previous, current, last) in [
        (gone.to_owned(), format!("{BEGINNING}{line}\n"), Some(line)),
        (format!("{line}\n{BEGINNING}"), gone.to_owned(), Some(line)),
        (gone.to_owned(), gone.to_owned(), None),
    ] {
        let api = with_pod(&container(1, &back_off("back-off 10s restarting"), &ended(1)));
        api.react(move |asked| {
            let is_previous = asked.query("previous") == Some("true");
            (asked.subresource == "log")
                .then(|| Answer::Text(if is_previous { previous.clone() } else { current.clone() }))
        });
        let dead = found(&api).await;
        assert_eq!(dead.rejected.as_deref(), last.map(|_| "coredns"), "{last:?}");
        let shown = dead.details.iter().find_map(|detail| detail.strip_prefix("its last line: "));
        assert_eq!(shown, last);
    }
}

#[tokio::test]
async fn what_keeps_cluster_dns_from_starting_is_told_with_the_pod() {
    let pull =
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"nowhere/coredns\""}});
    let unplaced = json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 node(s) were unschedulable.",
    }]});
    for (status, words) in [
        (container(0, &pull, &Value::Null), "ImagePullBackOff: Back-off pulling image \"nowhere/coredns\""),
        (container(3, &json!({"running": {}}), &ended(137)), "exit code 137"),
        (container(1, &ended(1), &Value::Null), "exit code 1"),
        (unplaced, "were unschedulable"),
    ] {
        let dead = found(&with_pod(&status)).await;
        assert_eq!((dead.course, dead.rejected.as_deref()), (Course::Failing, None), "{words}");
        assert!(dead.in_words().contains("pod kube-system/coredns-1: "), "{}", dead.in_words());
        assert!(dead.in_words().contains(words), "{}", dead.in_words());
    }
}

#[tokio::test]
async fn a_pod_that_starts_is_late_and_one_without_its_configmap_never_comes() {
    let creating = json!({"waiting": {"reason": "ContainerCreating"}});
    let api = with_pod(&container(0, &creating, &Value::Null));
    assert_eq!(found(&api).await.course, Course::Late);
    api.remove("configmaps", NAMESPACE, "coredns");
    let dead = found(&api).await;
    assert_eq!(dead.course, Course::Off);
    assert!(dead.in_words().ends_with("configmap kube-system/coredns is not there"), "{}", dead.in_words());
}

/// Cluster DNS cannot be ready without Services.
#[tokio::test]
async fn a_kube_proxy_that_ends_again_and_again_is_told_before_cluster_dns() {
    let status = container(5, &back_off("back-off 1m20s restarting"), &ended(2));
    let api = with_pod(&status);
    let metadata = json!({"name": "kube-proxy-1", "namespace": NAMESPACE, "labels": {"k8s-app": "kube-proxy"}});
    let spec = json!({"containers": [], "volumes": [{"name": "kube-proxy", "configMap": {"name": "kube-proxy"}}]});
    api.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}));
    api.put(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": PROXY, "namespace": NAMESPACE},
        "status": {
            "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 0,
            "observedGeneration": 1,
        },
    }));
    let dead = found(&api).await;
    assert_eq!(dead.course, Course::Lasting);
    let words = dead.in_words();
    assert!(
        words.contains("pod kube-system/kube-proxy-1") && words.contains("configmap kube-system/kube-proxy"),
        "{words}"
    );
}

#[test]
fn only_what_coredns_says_of_its_corefile_lets_it_be_replaced() {
    assert!(says_config("/etc/coredns/Corefile:9 - Error during parsing: Unknown directive 'x'"));
    assert!(says_config("plugin/forward: not an IP address or file: \"nowhere\""));
    for other in
        ["[FATAL] plugin/loop: Loop (127.0.0.1 -> :53) detected", "Listen: listen tcp :53: bind: permission denied"]
    {
        assert!(!says_config(other), "{other}");
    }
}
