use bootstrap_cluster::kubernetes::mock::{Answer, refusal};
use bootstrap_run::failure::FailureId;
use serde_json::json;

use super::*;
use crate::options::Provider;
use crate::stack::{ImageRole, Stack};
use crate::step_id::StepId;
use crate::steps::test_run::{TestRun, failure_of};

/// As much of CloudNativePG's manifest as decides something.
fn manifest(image: &str) -> String {
    let names = json!({"kind": "Cluster", "plural": "clusters"});
    let version = json!({"name": "v1", "served": true, "storage": true});
    let objects = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cnpg-system"}}),
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "clusters.postgresql.cnpg.io"},
            "spec": {"group": "postgresql.cnpg.io", "names": names, "scope": "Namespaced", "versions": [version]},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "cnpg-manager"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "cnpg-validating"},
            "webhooks": [{"name": "vcluster.cnpg.io", "rules": [{"apiGroups": ["postgresql.cnpg.io"]}],
                "clientConfig": {"service": {"name": "cnpg-webhook-service", "namespace": "cnpg-system"}},
                "sideEffects": "None", "admissionReviewVersions": ["v1"]}],
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "cnpg-controller-manager", "namespace": "cnpg-system"},
            "spec": {
                "selector": {"matchLabels": {"app": "cnpg"}},
                "template": {
                    "metadata": {"labels": {"app": "cnpg"}},
                    "spec": {"containers": [{"name": "manager", "image": image}]},
                },
            },
        }),
    ];
    objects.map(|object| format!("---\n{object}\n")).concat()
}

const CNPG: OperatorName = OperatorName::CLOUDNATIVE_PG;

/// The operator is not there, in a cluster of ours or an adopted one.
fn in_cluster(provider: Provider) -> TestRun {
    let image = Stack::pgedge().unwrap().pins.image(ImageRole::CLOUDNATIVE_PG).unwrap().image.to_string();
    let run = TestRun::with(|setup| {
        setup.options.provider = provider;
        setup.manifest("cloudnative-pg", &manifest(&image));
    });
    kubernetes_at_work(&run);
    run
}

/// What Kubernetes and the operator itself do by themselves: Deployments become available, the webhook's certificate is told to
/// the API server, and the webhook denies a Cluster of the size "lots".
fn kubernetes_at_work(run: &TestRun) {
    run.api.control(|object| {
        (object["kind"] == "Deployment").then(|| {
            let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
            let mut object = object.clone();
            object["status"] = json!({
                "observedGeneration": object["metadata"]["generation"],
                "updatedReplicas": wanted, "availableReplicas": wanted,
            });
            object
        })
    });
    run.api.control(|object| {
        (object["kind"] == "ValidatingWebhookConfiguration").then(|| {
            let mut object = object.clone();
            object["webhooks"][0]["clientConfig"]["caBundle"] = "b25l".into();
            object
        })
    });
    run.api.put(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "cnpg-webhook-cert", "namespace": "cnpg-system"}, "data": {"tls.crt": "b25l"},
    }));
    run.api.react(|asked| {
        let denied = asked.plural == "clusters" && asked.body["spec"]["storage"]["size"] == "lots";
        denied.then(|| {
            let words = "admission webhook \"vcluster.cnpg.io\" denied the request: quantities must match";
            refusal(403, "Forbidden", words)
        })
    });
}

async fn applied(run: &TestRun) -> Result<()> {
    run.within(StepId::Operator(CNPG), async |context, reporter| apply(context, CNPG, reporter).await).await
}

async fn installed(provider: Provider) -> TestRun {
    let run = in_cluster(provider);
    applied(&run).await.unwrap();
    assert!(seen(&run).await.is_done());
    run
}

async fn seen(run: &TestRun) -> Observation {
    observe(&run.context, CNPG).await.unwrap()
}

fn is_wrong(found: &Observation, words: &str) -> bool {
    matches!(found, Observation::Wrong(why) if why.contains(words))
}

fn is_waiting(found: &Observation, words: &str) -> bool {
    matches!(found, Observation::Waiting(why) if why.contains(words))
}

fn pod(owner: &str, status: &serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("{owner}-1"), "namespace": "cnpg-system",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": "set"}],
        },
        "status": status,
    })
}

#[tokio::test]
async fn an_operator_is_made_from_nothing_and_what_it_needs_comes_first() {
    for provider in [Provider::Kind, Provider::Adopted] {
        let run = in_cluster(provider);
        assert!(matches!(seen(&run).await, Observation::Missing(_)));
        applied(&run).await.unwrap();
        assert_eq!(seen(&run).await, Observation::Done(run.context.stack.pins.manifest(CNPG).unwrap().version.clone()));
        let writes = run.api.writes();
        let place = |write: &str| writes.iter().position(|found| found.starts_with(write)).unwrap();
        assert_eq!(place("PATCH namespaces"), 0, "{writes:?}");
        assert_eq!(place("PATCH deployments"), writes.len() - 1, "{writes:?}");
    }
}

#[tokio::test]
async fn a_look_writes_nothing_and_neither_does_one_that_finds_damage() {
    let run = installed(Provider::Kind).await;
    run.api.remove("validatingwebhookconfigurations", "", "cnpg-validating");
    let before = run.api.writes().len();
    assert!(is_wrong(&seen(&run).await, "validatingwebhookconfiguration cnpg-validating is not there"));
    assert_eq!(run.api.writes().len(), before);
    // Its probes are dry runs.
    let probes = run.api.asked().into_iter().filter(|asked| asked.plural == "clusters" && asked.method == "POST");
    assert!(probes.into_iter().all(|asked| asked.is_dry_run()));
}

/// A Deployment whose types are gone is the symptom.
#[tokio::test]
async fn a_lost_type_is_told_before_the_deployment_that_suffers_from_it() {
    let run = installed(Provider::Kind).await;
    run.api.remove("customresourcedefinitions", "", "clusters.postgresql.cnpg.io");
    run.api.remove("deployments", "cnpg-system", "cnpg-controller-manager");
    run.api.remove("namespaces", "", "cnpg-system");
    let found = seen(&run).await;
    let cause = "customresourcedefinition clusters.postgresql.cnpg.io is not there, ";
    assert!(matches!(&found, Observation::Wrong(why) if why.starts_with(cause)), "{found:?}");
    assert!(is_wrong(&found, "were removed with it"), "{found:?}");
    // And when all is there again, it is still said.
    applied(&run).await.unwrap();
    let found = seen(&run).await;
    let said = "clusters.postgresql.cnpg.io was gone and was recreated; the objects of that type are lost";
    assert!(matches!(&found, Observation::Done(detail) if detail.ends_with(said)), "{found:?}");
}

/// What was never there has lost nothing.
#[tokio::test]
async fn an_installation_that_was_cut_off_among_its_types_has_lost_no_data() {
    let run = in_cluster(Provider::Kind);
    run.api.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cnpg-system"}}));
    let found = seen(&run).await;
    assert!(matches!(&found, Observation::Missing(_)), "{found:?}");
}

#[tokio::test]
async fn what_others_broke_is_named_and_made_whole() {
    type Break = fn(&TestRun);
    let damages: [(&str, Break); 6] = [
        ("deployment cnpg-controller-manager is not there", |run| {
            run.api.remove("deployments", "cnpg-system", "cnpg-controller-manager");
        }),
        ("it is scaled to zero", |run| {
            run.api.change("deployments", "cnpg-system", "cnpg-controller-manager", |deployment| {
                deployment["spec"]["replicas"] = 0.into();
            });
        }),
        ("runs example.com/other:1, pinned is", |run| {
            run.api.change("deployments", "cnpg-system", "cnpg-controller-manager", |deployment| {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/other:1".into();
            });
        }),
        ("clusterrole cnpg-manager has other rules", |run| {
            run.api.change("clusterroles", "", "cnpg-manager", |role| role["rules"] = json!([]));
        }),
        ("has other webhooks than its manifest", |run| {
            run.api.change("validatingwebhookconfigurations", "", "cnpg-validating", |configuration| {
                configuration["webhooks"][0]["objectSelector"] = json!({"matchLabels": {"never": "there"}});
            });
        }),
        ("and what they stood for, were removed with it", |run| {
            run.api.remove("customresourcedefinitions", "", "clusters.postgresql.cnpg.io");
        }),
    ];
    for (words, damage) in damages {
        let run = installed(Provider::Kind).await;
        damage(&run);
        let found = seen(&run).await;
        assert!(!found.is_done() && found.detail().contains(words), "{words}: {found:?}");
        applied(&run).await.unwrap();
        assert!(seen(&run).await.is_done(), "{words}");
    }
}

#[tokio::test]
async fn pods_of_an_operator_that_ran_without_its_role_are_started_anew() {
    let run = installed(Provider::Kind).await;
    run.api.put(pod("cnpg-controller-manager-6b8c9d", &json!({})));
    run.api.put(pod("plugin-6b8c9d", &json!({})));
    run.api.change("clusterroles", "", "cnpg-manager", |role| role["rules"] = json!([]));
    applied(&run).await.unwrap();
    assert_eq!(run.api.names("pods"), ["cnpg-system/plugin-6b8c9d-1"]);
}

#[tokio::test]
async fn a_webhook_that_is_away_or_lets_all_pass_is_waited_for() {
    let run = installed(Provider::Kind).await;
    run.api.react(|asked| {
        let words = "Internal error occurred: failed calling webhook \"vcluster.cnpg.io\": connection refused";
        (asked.plural == "clusters" && asked.is_dry_run()).then(|| refusal(500, "InternalError", words))
    });
    assert!(is_waiting(&seen(&run).await, "its webhook does not answer yet: Internal error occurred: failed calling"));

    let run = installed(Provider::Kind).await;
    run.api.react(|asked| {
        (asked.plural == "clusters" && asked.is_dry_run()).then(|| Answer::Json(201, asked.body.clone()))
    });
    assert!(is_waiting(&seen(&run).await, "an invalid object was let through"));
}

#[tokio::test]
async fn a_stale_certificate_of_the_webhook_is_waited_for_and_named() {
    let run = installed(Provider::Kind).await;
    run.api.put(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "cnpg-webhook-cert", "namespace": "cnpg-system"}, "data": {"tls.crt": "dHdv"},
    }));
    assert!(is_waiting(&seen(&run).await, "cnpg-validating has the caBundle of another certificate"));
}

#[tokio::test]
async fn an_apply_that_is_refused_ends_with_the_servers_words_and_runs_nothing() {
    let run = in_cluster(Provider::Adopted);
    run.api.react(|asked| {
        let words = "clusterroles.rbac.authorization.k8s.io \"cnpg-manager\" is forbidden: attempting to grant more";
        (asked.plural == "clusterroles" && asked.method == "PATCH").then(|| refusal(403, "Forbidden", words))
    });
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::KubernetesRefused);
    assert!(failure.seen().iter().any(|seen| seen.contains("attempting to grant more")), "{:?}", failure.seen());
    assert_eq!(run.api.names("deployments"), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_at_this_moment_is_away_and_not_refusing() {
    let run = installed(Provider::Kind).await;
    run.api.react(|_| Some(refusal(500, "InternalError", "etcdserver: leader changed")));
    let failure = failure_of(observe(&run.context, CNPG).await);
    assert_eq!(failure.id(), FailureId::KubernetesAway);
    assert_eq!(failure.seen(), ["etcdserver: leader changed"]);
}

/// Ends an installation of which a pod gets this status while its Deployment is waited for.
async fn failed_by(status: &serde_json::Value) -> bootstrap_run::failure::Failure {
    let run = TestRun::with(|setup| setup.manifest("cloudnative-pg", &manifest("example.com/cloudnative-pg:1")));
    let starting = async {
        run.recorder.until_waits(|waits| waits.iter().any(|why| why.starts_with("cnpg-controller-manager"))).await;
        run.api.put(pod("cnpg-controller-manager-6b8c9d", status));
    };
    let (applied, ()) = tokio::join!(applied(&run), starting);
    failure_of(applied)
}

#[tokio::test]
async fn a_pod_that_cannot_start_ends_the_wait_with_its_reason() {
    let waiting = json!({"reason": "InvalidImageName", "message": "couldn't parse image name"});
    let container = json!({
        "name": "manager", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": waiting},
    });
    let failure = failed_by(&json!({"phase": "Pending", "containerStatuses": [container]})).await;
    assert_eq!(failure.id(), FailureId::ImagePullFailed);
    assert!(failure.seen().iter().any(|seen| seen.contains("couldn't parse image name")), "{failure:?}");
}

#[tokio::test]
async fn a_pod_of_an_operator_that_ends_again_and_again_is_no_broken_node_of_pgedge() {
    let ended = json!({"exitCode": 1, "reason": "Error"});
    let waiting = json!({"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"});
    let failure = failed_by(&json!({"phase": "Running", "containerStatuses": [{
        "name": "manager", "image": "x", "imageID": "", "ready": false, "restartCount": 7,
        "state": {"waiting": waiting}, "lastState": {"terminated": ended},
    }]}))
    .await;
    assert_eq!(failure.id(), FailureId::OperatorBroken);
    assert!(failure.seen().iter().any(|seen| seen.contains("exit code 1")), "{failure:?}");
}

#[tokio::test]
async fn a_pod_of_an_operator_that_fits_nowhere_ends_the_wait() {
    let message = "0/1 nodes are available: 1 Insufficient memory.";
    let failure = failed_by(&json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
    ]}))
    .await;
    assert_eq!((failure.id(), failure.seen()), (FailureId::OperatorBroken, &[message.to_owned()][..]));
}

#[tokio::test]
async fn what_is_being_removed_is_waited_for_before_it_is_applied_again() {
    let run = installed(Provider::Kind).await;
    run.api.change("clusterroles", "", "cnpg-manager", |role| {
        role["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z".into();
    });
    let removing = async {
        run.recorder.until_waits(|waits| waits.iter().any(|why| why.contains("cnpg-manager is being removed"))).await;
        run.api.remove("clusterroles", "", "cnpg-manager");
    };
    let (applied, ()) = tokio::join!(applied(&run), removing);
    applied.unwrap();
    assert!(seen(&run).await.is_done());
}

// ---- operators of somebody else ----

fn foreign(version: &str) -> serde_json::Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "cnpg-cloudnative-pg", "namespace": "databases", "managedFields": [{"manager": "helm"}],
        },
        "spec": {"selector": {}, "template": {"spec": {"containers": [
            {"name": "manager", "image": format!("ghcr.io/cloudnative-pg/cloudnative-pg:{version}")},
        ]}}},
    })
}

#[tokio::test]
async fn an_operator_of_a_supported_version_is_used_and_nothing_is_written() {
    let run = installed(Provider::Adopted).await;
    run.api.remove("deployments", "cnpg-system", "cnpg-controller-manager");
    run.api.put(foreign(&run.context.stack.pins.manifest(CNPG).unwrap().version));
    let before = run.api.writes();
    assert!(matches!(seen(&run).await, Observation::Done(words) if words.contains("that of namespace databases")));
    applied(&run).await.unwrap();
    refuse_foreign(&run.context, &run.context.client().await.unwrap()).await.unwrap();
    assert_eq!(run.api.writes(), before);
}

#[tokio::test]
async fn an_operator_that_cannot_be_used_is_refused_before_anything_is_written() {
    for (provider, version, words) in [
        (Provider::Adopted, "1.12.0", "in a version that is not supported"),
        (Provider::Kind, "1.30.1", "another CloudNativePG is in this cluster"),
    ] {
        let run = in_cluster(provider);
        run.api.put(foreign(version));
        for failure in [
            failure_of(applied(&run).await),
            failure_of(observe(&run.context, CNPG).await),
            failure_of(refuse_foreign(&run.context, &run.context.client().await.unwrap()).await),
        ] {
            assert_eq!(failure.id(), FailureId::OperatorForeign);
            assert!(failure.summary().contains(words), "{failure}");
            assert!(failure.seen()[0].contains("deployment databases/cnpg-cloudnative-pg"), "{:?}", failure.seen());
        }
        assert_eq!(run.api.writes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_field_of_another_manager_is_not_forced_in_an_adopted_cluster() {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "cnpg-manager", "managedFields": [{"manager": "argocd"}]}, "rules": [],
    });
    let run = in_cluster(Provider::Adopted);
    run.api.put(role.clone());
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::OperatorForeign);
    assert!(failure.seen()[0].contains("conflict with \"argocd\": .rules"), "{:?}", failure.seen());
    assert_eq!(run.api.get("clusterroles", "", "cnpg-manager").unwrap()["rules"], json!([]));
    assert_eq!(run.api.names("deployments"), Vec::<String>::new());

    // In a cluster of ours what was pinned is what counts.
    let run = in_cluster(Provider::Kind);
    run.api.put(role);
    applied(&run).await.unwrap();
    assert_ne!(run.api.get("clusterroles", "", "cnpg-manager").unwrap()["rules"], json!([]));
}

#[tokio::test]
async fn what_we_applied_to_an_adopted_cluster_is_set_right_there() {
    let run = installed(Provider::Adopted).await;
    run.api.change("clusterroles", "", "cnpg-manager", |role| {
        role["rules"] = json!([]);
        let managers = role["metadata"]["managedFields"].as_array_mut().unwrap();
        managers.push(json!({"manager": "kubectl-edit", "operation": "Update"}));
    });
    applied(&run).await.unwrap();
    assert!(seen(&run).await.is_done());
}
