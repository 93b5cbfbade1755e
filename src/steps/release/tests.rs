use std::time::Duration;

use bootstrap_cluster::adoption::Fit;
use bootstrap_cluster::kubernetes::helm_document;
use bootstrap_cluster::kubernetes::mock::refusal;

use super::*;
use crate::options::Provider;
use crate::stack::ToolName;
use crate::steps::nodes::tests::{put_cloudnative_pg, put_node, unschedulable};
use crate::steps::test_run::{Program, Setup, TestRun, failure_of, wrong};

const VALUES: &str = "pgEdge:\n  appName: pgedge\n";
const TEMPLATE: &str = "kind: ConfigMap\n";

/// A run with helm and a chart, in a cluster with CloudNativePG.
fn with(helm: Program, change: impl FnOnce(&mut Setup)) -> TestRun {
    let run = TestRun::with(|setup| {
        setup.tool(ToolName::HELM, helm);
        setup.chart(&[("values.yaml", VALUES), ("templates/config.yaml", TEMPLATE)]);
        change(setup);
    });
    put_cloudnative_pg(&run);
    run
}

fn helm_that_installs() -> Program {
    Program::default().on("* upgrade *", 0, "", "")
}

/// helm that is at work for longer than any test, as with a hook that waits.
fn helm_that_waits() -> Program {
    Program::default().on("* upgrade *", 0, "", "").slow()
}

/// A revision as helm keeps it, of this run's chart and with its values, which made the ConfigMap `pgedge-config`.
fn put_revision(run: &TestRun, namespace: &str, revision: u32, status: &str, change: impl FnOnce(&mut Value)) {
    let pin = run.context.stack.pins.chart().unwrap();
    let encoded = serde_json::to_value(k8s_openapi::ByteString(TEMPLATE.into())).unwrap();
    let mut document = json!({
        "name": "pgedge", "namespace": namespace, "version": revision, "info": {"status": status},
        "config": values(&run.context).unwrap(),
        "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pgedge-config\n",
        "chart": {
            "metadata": {"name": pin.name, "version": pin.version},
            "templates": [{"name": "templates/config.yaml", "data": encoded}],
            "values": {"pgEdge": {"appName": "pgedge"}},
        },
    });
    change(&mut document);
    run.api.put(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": format!("sh.helm.release.v1.pgedge.v{revision}"), "namespace": namespace,
            "labels": {"owner": "helm", "name": "pgedge", "status": status, "version": revision.to_string()},
        },
        "data": {"release": helm_document(&document).unwrap()},
    }));
}

/// What the chart remembers, with helm's marks.
fn put_memory(run: &TestRun, namespace: &str) {
    run.api.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "pgedge-config", "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "pgedge", "meta.helm.sh/release-namespace": namespace},
    }}));
}

fn installed() -> TestRun {
    let run = with(helm_that_installs(), |_| {});
    put_revision(&run, "default", 1, "deployed", |_| {});
    put_memory(&run, "default");
    for node in ["n1", "n2", "n3"] {
        put_node(&run, node);
    }
    run
}

async fn seen(run: &TestRun) -> Observation {
    observe(&run.context).await.unwrap()
}

async fn applied(run: &TestRun) -> Result<()> {
    run.within(StepId::Release, apply).await
}

// ---- looks ----

#[tokio::test]
async fn a_release_of_the_pinned_chart_and_values_is_done() {
    let run = installed();
    let found = seen(&run).await;
    assert!(matches!(&found, Observation::Done(words) if words.ends_with("revision 1")), "{found:?}");
    assert_eq!(run.calls("helm"), Vec::<String>::new(), "a look runs no helm");
    assert_eq!(run.api.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_release_that_is_not_there_is_missed_without_helm() {
    let run = TestRun::new();
    assert_eq!(seen(&run).await, Observation::Missing("there is no release \"pgedge\"".to_owned()));
}

#[tokio::test]
async fn a_release_that_is_not_deployed_is_wrong_with_its_state() {
    for status in ["pending-install", "pending-upgrade", "failed", "uninstalling"] {
        let run = with(helm_that_installs(), |_| {});
        put_revision(&run, "default", 1, status, |_| {});
        assert_eq!(wrong(&seen(&run).await), format!("the release is {status}"));
    }
    let run = with(helm_that_installs(), |_| {});
    put_revision(&run, "default", 1, "uninstalled", |_| {});
    assert!(matches!(seen(&run).await, Observation::Missing(_)), "what helm remembers of a removed release is none");
}

#[tokio::test]
async fn another_edition_and_another_value_are_named() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 4] = [
        ("it is pgedge 9.9.9, not", |document| document["chart"]["metadata"]["version"] = "9.9.9".into()),
        ("templates/config.yaml is another file", |document| {
            document["chart"]["templates"][0]["data"] = "b3RoZXI=".into();
        }),
        ("other values: pgEdge.clusterSpec.instances is 3, not 1", |document| {
            document["config"]["pgEdge"]["clusterSpec"]["instances"] = 3.into();
        }),
        ("other values: pgEdge.clusterSpec.logLevel is \"debug\", and is not to be given", |document| {
            document["config"]["pgEdge"]["clusterSpec"]["logLevel"] = "debug".into();
        }),
    ];
    for (words, change) in changes {
        let run = with(helm_that_installs(), |_| {});
        put_revision(&run, "default", 1, "deployed", change);
        put_memory(&run, "default");
        let found = seen(&run).await;
        assert!(wrong(&found).contains(words), "{words}: {found:?}");
    }
}

#[tokio::test]
async fn an_object_that_somebody_removed_is_named() {
    let run = installed();
    run.api.remove("configmaps", "default", "pgedge-config");
    assert_eq!(wrong(&seen(&run).await), "configmap default/pgedge-config is not there");
}

#[tokio::test]
async fn namespace_and_number_of_nodes_are_those_of_the_cluster() {
    let run = with(helm_that_installs(), |_| {});
    put_revision(&run, "lab", 1, "deployed", |document| {
        document["config"]["pgEdge"]["nodes"].as_array_mut().unwrap().pop();
    });
    locate(&run.context).await.unwrap();
    assert_eq!((run.context.namespace().as_str(), run.context.nodes()), ("lab", 2));
}

// ---- installs ----

#[tokio::test]
async fn a_release_is_installed_with_our_kubeconfig_and_the_values_on_standard_input() {
    let run = with(helm_that_installs(), |_| {});
    applied(&run).await.unwrap();
    let calls = run.calls("helm");
    let kubeconfig = format!("--kubeconfig {}", run.context.places.kubeconfig.display());
    assert!(calls.len() == 1 && calls[0].starts_with(&kubeconfig), "{calls:?}");
    assert!(calls[0].contains("upgrade --install pgedge") && calls[0].contains("--values -"), "{calls:?}");
}

#[tokio::test]
async fn what_helm_says_is_the_evidence_of_its_failure() {
    let helm = Program::default().on("* upgrade *", 1, "", "Error: cannot re-use a name that is still in use\n");
    let failure = failure_of(applied(&with(helm, |_| {})).await);
    assert_eq!(failure.id(), FailureId::ReleaseFailed);
    assert!(failure.seen()[0].contains("cannot re-use a name"), "{:?}", failure.seen());
}

#[tokio::test]
async fn a_release_that_was_never_complete_is_removed_before_it_is_installed() {
    for status in ["pending-install", "failed"] {
        let run = with(helm_that_installs(), |_| {});
        put_revision(&run, "default", 1, status, |_| {});
        put_memory(&run, "default");
        applied(&run).await.unwrap();
        assert_eq!(run.api.names("configmaps"), Vec::<String>::new());
        assert_eq!(run.api.names("secrets"), Vec::<String>::new());
        assert_eq!(run.calls("helm").len(), 1);
    }
}

#[tokio::test]
async fn a_release_whose_nodes_run_is_gone_on_with_although_it_was_never_complete() {
    let run = with(helm_that_installs(), |_| {});
    put_revision(&run, "default", 1, "pending-install", |_| {});
    put_memory(&run, "default");
    for node in ["n1", "n2", "n3"] {
        put_node(&run, node);
    }
    applied(&run).await.unwrap();
    assert_eq!(run.api.names("clusters").len(), 3, "nodes that may hold rows were removed");
    let record = run.api.get("secrets", "default", "sh.helm.release.v1.pgedge.v1").unwrap();
    assert_eq!(record["metadata"]["labels"]["status"], "failed");
}

#[tokio::test]
async fn a_pending_upgrade_is_given_up_and_the_complete_revision_before_it_stays() {
    let run = installed();
    put_revision(&run, "default", 2, "pending-upgrade", |_| {});
    let before = run.api.get("secrets", "default", "sh.helm.release.v1.pgedge.v1").unwrap();
    applied(&run).await.unwrap();
    assert_eq!(run.api.get("secrets", "default", "sh.helm.release.v1.pgedge.v1").unwrap(), before);
    let given_up = run.api.get("secrets", "default", "sh.helm.release.v1.pgedge.v2").unwrap();
    assert_eq!(given_up["metadata"]["labels"]["status"], "failed");
    assert_eq!(run.calls("helm").len(), 1);
}

#[tokio::test]
async fn a_release_that_is_being_uninstalled_is_left_to_whoever_began_that() {
    let run = installed();
    put_revision(&run, "default", 1, "uninstalling", |_| {});
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::ReleaseFailed);
    assert!(
        failure
            .advice(&bootstrap_run::failure::Invocation::default())
            .contains("helm uninstall pgedge --namespace default --wait"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
    assert_eq!((run.calls("helm"), run.api.writes()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn fewer_or_more_nodes_than_there_are_is_refused_and_nothing_changes() {
    for wanted in [2, 4] {
        let run = with(helm_that_installs(), |setup| setup.options.nodes = Some(wanted));
        put_revision(&run, "default", 1, "deployed", |document| {
            let nodes = ["n1", "n2", "n3"].map(|name| json!({"name": name}));
            document["config"]["pgEdge"]["nodes"] = json!(nodes);
        });
        let failure = failure_of(applied(&run).await);
        assert_eq!(failure.id(), FailureId::ShapeDiffers);
        assert!(
            failure.advice(&bootstrap_run::failure::Invocation::default()).contains("--nodes 3"),
            "{}",
            failure.advice(&bootstrap_run::failure::Invocation::default())
        );
        assert_eq!((run.calls("helm"), run.api.writes()), (Vec::new(), Vec::new()));
    }
}

#[tokio::test]
async fn a_release_of_another_chart_under_our_name_is_not_upgraded() {
    let run = installed();
    put_revision(&run, "default", 1, "deployed", |document| document["chart"]["metadata"]["name"] = "other".into());
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::ShapeDiffers);
    assert_eq!(run.calls("helm"), Vec::<String>::new());
}

#[tokio::test]
async fn a_node_that_cannot_start_ends_helms_wait() {
    let run = with(helm_that_waits(), |_| {});
    put_node(&run, "n1");
    run.api.change("pods", "default", "pgedge-n1-1", |pod| pod["status"] = unschedulable());
    let failure = failure_of(applied(&run).await);
    assert_eq!(failure.id(), FailureId::NodeUnschedulable);
}

#[tokio::test]
async fn an_adopted_cluster_that_is_too_small_for_three_gets_two() {
    let run = with(helm_that_waits(), |setup| setup.options.provider = Provider::Adopted);
    run.context.set_fit(Fit { nodes: 3, cpu: 100, because: "there seemed to be room".to_owned() });
    let reporter = run.reporter(StepId::Release);
    let making_room = async {
        run.until_calls("helm", 1).await;
        put_node(&run, "n3");
        run.api.change("pods", "default", "pgedge-n3-1", |pod| pod["status"] = unschedulable());
        run.recorder.until_waits(|waits| waits.iter().any(|why| why.starts_with("2 nodes and not 3"))).await;
        run.api.remove("pods", "default", "pgedge-n3-1");
    };
    let second = async {
        making_room.await;
        run.until_calls("helm", 2).await;
    };
    let second = tokio::time::timeout(Duration::from_secs(10), second);
    tokio::select! {
        ended = apply(&run.context, &reporter) => unreachable!("{ended:?}"),
        ended = second => assert!(ended.is_ok(), "it waits: {:?}", run.recorder.waits()),
    }
    assert_eq!(run.context.nodes(), 2);
    assert_eq!(run.context.fit().map(|fit| fit.nodes), Some(2));
}

#[tokio::test]
async fn a_user_who_may_not_read_helms_records_is_told_so() {
    let run = installed();
    run.api.react(|asked| {
        let words = "secrets is forbidden: User \"guest\" cannot list resource \"secrets\"";
        (asked.plural == "secrets").then(|| refusal(403, "Forbidden", words))
    });
    for failure in [failure_of(observe(&run.context).await), failure_of(applied(&run).await)] {
        assert_eq!(failure.id(), FailureId::KubernetesRefused);
        assert!(failure.seen()[0].contains("cannot list resource"), "{:?}", failure.seen());
    }
    assert_eq!(run.calls("helm"), Vec::<String>::new());
}
