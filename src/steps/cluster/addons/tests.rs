use std::time::Duration;

use bootstrap_cluster::kubernetes::mock::Answer;
use serde_json::Value;

use super::*;
use crate::options::Provider;
use crate::step_id::StepId;
use crate::steps::cluster::tests::{docker, kind_that_knows_the_kubeconfig, run_with, running};
use crate::steps::cluster::{Observation, apply, observe};
use crate::steps::test_run::{TestRun, failure_of};

const OWN: &str = "0123456789abcdef0123456789abcdef";

fn dead(course: Course) -> Dead {
    Dead { why: "cluster DNS has no ready pod".to_owned(), details: Vec::new(), course, rejected: None }
}

#[test]
fn what_fails_gets_ten_seconds_and_is_mended_once() {
    let began = Instant::now();
    let after = |seconds| began + Duration::from_secs(seconds);
    let mut mending = Mending::default();
    let mut next = |course, seconds| mending.next(&mut dead(course), false, after(seconds));
    assert_eq!(next(Course::Failing, 0), Next::Wait);
    assert_eq!(next(Course::Late, 9), Next::Wait);
    assert_eq!(next(Course::Failing, 10), Next::Wait, "it was late in between, so it counts anew");
    assert_eq!(next(Course::Failing, 20), Next::Mend);
    assert_eq!(next(Course::Off, 21), Next::Wait);
    assert_eq!(next(Course::Failing, 25), Next::Wait);
    assert_eq!(next(Course::Failing, 36), Next::GiveUp);
}

#[test]
fn what_a_log_tells_only_after_the_first_repair_is_mended_too() {
    let began = Instant::now();
    let after = |seconds| began + Duration::from_secs(seconds);
    let mut mending = Mending::default();
    assert_eq!(mending.next(&mut dead(Course::Lasting), false, after(0)), Next::Mend);
    let told = || Dead { rejected: Some("coredns".to_owned()), ..dead(Course::Lasting) };
    assert_eq!(mending.next(&mut told(), false, after(5)), Next::Mend);
    assert_eq!(mending.next(&mut told(), false, after(6)), Next::Wait);
    assert_eq!(mending.next(&mut told(), false, after(21)), Next::GiveUp);
    assert_eq!(Mending::default().next(&mut told(), true, after(0)), Next::GiveUp, "an adopted cluster is not mended");
}

/// The pods come and go, and their logs with them.
#[test]
fn a_refused_configuration_is_remembered_until_it_is_set_aside() {
    let began = Instant::now();
    let after = |seconds| began + Duration::from_secs(seconds);
    let mut mending = Mending::default();
    let mut next = |rejected: Option<&str>, seconds| {
        let mut seen = Dead { rejected: rejected.map(str::to_owned), ..dead(Course::Failing) };
        (mending.next(&mut seen, false, after(seconds)), seen.rejected)
    };
    let coredns = Some("coredns".to_owned());
    assert_eq!(next(Some("coredns"), 0), (Next::Wait, coredns.clone()));
    assert_eq!(next(None, 5), (Next::Wait, coredns.clone()));
    assert_eq!(next(None, 10), (Next::Mend, coredns));
    assert_eq!(next(None, 12), (Next::Wait, None), "what was set aside is not set aside again");
    assert_eq!(next(None, 26), (Next::GiveUp, None));
}

#[test]
fn a_verdict_falls_within_half_a_minute() {
    let began = Instant::now();
    for (is_adopted, course, limit) in [
        (true, Course::Off, 0),
        (true, Course::Lasting, 0),
        (true, Course::Failing, 10),
        (false, Course::Off, 15),
        (false, Course::Lasting, 15),
        (false, Course::Failing, 25),
    ] {
        let mut mending = Mending::default();
        let ended = (0..60).find(|second| {
            mending.next(&mut dead(course), is_adopted, began + Duration::from_secs(*second)) == Next::GiveUp
        });
        assert_eq!(ended, Some(limit), "{course:?}");
    }
}

/// A cluster whose DNS ends again and again because of what is in its Corefile. Where its pod is removed, the new one works.
fn with_bad_corefile(provider: Provider) -> TestRun {
    let kubeadm = docker(&running(), OWN).on("exec *kubeadm init phase addon all*", 0, "", "");
    let run = run_with(kubeadm, kind_that_knows_the_kubeconfig(), |setup| setup.options.provider = provider);
    let labelled = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": {"k8s-app": "kube-dns"}});
    run.api.change("endpointslices", NAMESPACE, "kube-dns-1", |slice| {
        slice["endpoints"][0]["conditions"] = json!({"ready": false});
    });
    run.api.put(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": labelled("coredns"),
        "spec": {"replicas": 1, "selector": {}, "template": {}},
    }));
    let state = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}});
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let container = json!({
        "name": "coredns", "image": "coredns", "imageID": "", "ready": false, "restartCount": 9,
        "state": state, "lastState": ended,
    });
    run.api.put(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": labelled("coredns-1"),
        "spec": {"containers": [], "volumes": [{"name": "c", "configMap": {"name": "coredns"}}]},
        "status": {"containerStatuses": [container]},
    }));
    run.api.put(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": labelled("coredns"), "data": {"Corefile": "nonsense"},
    }));
    let api = run.api.clone();
    run.api.react(move |asked| {
        if asked.method == "DELETE" && asked.plural == "pods" {
            api.change("endpointslices", NAMESPACE, "kube-dns-1", |slice| {
                slice["endpoints"][0]["conditions"] = json!({"ready": true});
            });
        }
        let line = "/etc/coredns/Corefile:1 - Error during parsing: Unknown directive 'nonsense'\n";
        (asked.subresource == "log").then(|| Answer::Text(line.to_owned()))
    });
    run
}

async fn applied(run: &TestRun) -> Result<()> {
    let reporter = run.reporter(StepId::Cluster);
    tokio::time::timeout(Duration::from_secs(20), reporter.named(apply(&run.context, &reporter))).await.unwrap()
}

#[tokio::test]
async fn a_corefile_that_is_not_taken_is_set_aside_and_cluster_dns_comes_back() {
    let run = with_bad_corefile(Provider::Kind);
    let found = observe(&run.context).await.unwrap();
    assert!(
        matches!(&found, Observation::Wrong(why) if why.contains("coredns-1") && why.contains("'nonsense'")),
        "{found:?}"
    );
    applied(&run).await.unwrap();
    let kept = run.api.get("configmaps", NAMESPACE, "coredns-before-pgedge-bootstrap").unwrap();
    assert_eq!(kept["data"]["Corefile"], "nonsense");
    assert_eq!(
        run.api.get("configmaps", NAMESPACE, "coredns"),
        None::<Value>,
        "kubeadm makes it, and this one is none"
    );
    assert!(run.calls("docker").iter().any(|call| call.contains("kubeadm init phase addon all")));
    assert!(observe(&run.context).await.unwrap().is_done());
}

#[tokio::test]
async fn in_an_adopted_cluster_it_is_told_and_nothing_is_changed() {
    let run = with_bad_corefile(Provider::Adopted);
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::ClusterNotReady);
    let seen = failure.seen().join("\n");
    for words in ["pod kube-system/coredns-1", "'nonsense'", "configmap kube-system/coredns"] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    assert!(
        failure.advice(&bootstrap_run::failure::Invocation::default()).contains("edit configmap coredns"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
    assert_eq!(run.api.writes(), Vec::<String>::new());
    assert_eq!(run.calls("kind"), Vec::<String>::new());
}
