//! Where the kubeconfig of a cluster that kind made leads, and that nobody follows one that leads elsewhere.

use bootstrap_engine::World as _;
use bootstrap_run::failure::Failure;

use super::*;
use crate::stack::{OperatorName, ToolName};
use crate::step_id::StepId;
use crate::steps::cluster::lead_home;
use crate::steps::cluster::tests::{OWN, docker, kind_that_knows_the_kubeconfig, run_with, running};
use crate::steps::test_run::{KUBECONFIG, Program, TestRun, failure_of, wrong};

/// What may be in the place of our kubeconfig, and what is said of it.
const OTHERS: [(&str, &str, &str); 7] = [
    ("https://127.0.0.1:1\"", "https://127.0.0.1:2\"", "it leads to \"https://127.0.0.1:2\""),
    ("https://127.0.0.1:1\"", "https://10.0.0.1:1\"", "it leads to \"https://10.0.0.1:1\""),
    ("https://127.0.0.1:1\"", "https://127.0.0.1:1\", \"certificate-authority-data\": \"dGhlaXJz\"", "certificate-"),
    ("https://127.0.0.1:1\"", "https://127.0.0.1:1\", \"proxy-url\": \"http://10.0.0.1:1\"", "proxy-url"),
    ("\"user\": {}", "\"user\": {\"token\": \"theirs\"}", "its user is not"),
    ("\"current-context\": \"kind-pgedge\"", "\"current-context\": \"theirs\"", "there is no context \"theirs\""),
    ("\"apiVersion\": \"v1\",", "\"apiVersion\"", "invalid trailing content"),
];

/// The steps in which something is asked of the cluster.
const INSIDE: [StepId; 5] = [
    StepId::Operator(OperatorName::CERT_MANAGER),
    StepId::Operator(OperatorName::CLOUDNATIVE_PG),
    StepId::Nodes,
    StepId::Replication,
    StepId::Release,
];

fn ours() -> TestRun {
    run_with(docker(&running(), OWN), kind_that_knows_the_kubeconfig(), |setup| {
        setup.tool(ToolName::HELM, Program::default().on("version*", 0, "v4.3.0", "").on("*", 0, "", ""));
    })
}

fn replaced_by(run: &TestRun, (ours, theirs, _): (&str, &str, &str)) {
    let other = KUBECONFIG.replace(ours, theirs);
    assert_ne!(other, KUBECONFIG);
    fs_err::write(&run.context.places.kubeconfig, other).unwrap();
}

fn is_about_the_kubeconfig(failure: &Failure) -> bool {
    let about = [FailureId::ClusterChanged, FailureId::KubeconfigInvalid].contains(&failure.id());
    about && failure.summary().contains("/kubeconfig")
}

#[tokio::test]
async fn a_look_tells_a_kubeconfig_that_leads_elsewhere_and_asks_nothing_there() {
    for other in OTHERS {
        let run = ours();
        replaced_by(&run, other);
        for step in [StepId::Api, StepId::Cluster] {
            let found = run.context.observe(step).await.unwrap();
            assert!(wrong(&found).contains(other.2), "{step}: {found:?}");
        }
        for step in INSIDE {
            let failure = failure_of(run.context.observe(step).await);
            assert!(is_about_the_kubeconfig(&failure), "{step}: {failure:?}");
        }
        assert!(run.api.asked().is_empty(), "{other:?}: {:?}", run.api.asked());
        assert!(!run.context.nodes_are_settled(), "what is to be set right first is no cluster to go on with");
    }
}

#[tokio::test]
async fn a_step_that_writes_asks_nothing_where_a_kubeconfig_leads_elsewhere() {
    for other in OTHERS {
        let run = ours();
        replaced_by(&run, other);
        for step in INSIDE.into_iter().chain([StepId::Proof]) {
            let reporter = run.reporter(step);
            let failure = failure_of(run.context.apply(step, &reporter).await);
            assert!(is_about_the_kubeconfig(&failure), "{step}: {failure:?}");
        }
        assert!(run.api.asked().is_empty(), "{other:?}: {:?}", run.api.asked());
        assert_eq!(run.calls("helm"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_kubeconfig_that_leads_elsewhere_is_written_anew_before_anything_is_asked_and_that_is_said() {
    for other in OTHERS {
        for step in [StepId::Cluster, StepId::Api] {
            let run = ours();
            replaced_by(&run, other);
            run.context.settle_nodes(1);
            run.within(step, async |context, reporter| context.apply(step, reporter).await).await.unwrap();
            assert_eq!(fs_err::read_to_string(&run.context.places.kubeconfig).unwrap(), KUBECONFIG);
            let waits = run.recorder.waits();
            assert!(
                waits.iter().any(|wait| wait.contains("rewritten") && wait.contains(other.2)),
                "{other:?}: {waits:?}"
            );
            assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
            assert_eq!(run.calls("kind"), ["get kubeconfig --name pgedge"], "kind is asked once in a run");
        }
    }
}

#[tokio::test]
async fn one_that_is_replaced_in_the_middle_of_a_run_is_not_followed() {
    let run = ours();
    assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
    let asked = run.api.asked().len();
    replaced_by(&run, OTHERS[0]);
    assert_eq!(failure_of(run.context.client().await).id(), FailureId::ClusterChanged);
    assert_eq!(failure_of(run.context.helm().await).id(), FailureId::ClusterChanged);
    assert_eq!(run.api.asked().len(), asked);
}

#[tokio::test]
async fn a_namespace_that_a_person_chose_in_it_stays() {
    let run = ours();
    let chosen = KUBECONFIG.replace("\"user\": \"kind-pgedge\"}", "\"user\": \"kind-pgedge\", \"namespace\": \"lab\"}");
    assert_ne!(chosen, KUBECONFIG);
    fs_err::write(&run.context.places.kubeconfig, &chosen).unwrap();
    assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
    run.within(StepId::Cluster, async |context, reporter| context.apply(StepId::Cluster, reporter).await)
        .await
        .unwrap();
    assert_eq!(fs_err::read_to_string(&run.context.places.kubeconfig).unwrap(), chosen);
}

#[tokio::test]
async fn what_nobody_can_confirm_is_not_followed() {
    let stopped = running().replace("running", "exited");
    let silent = Program::default().on("get kubeconfig *", 1, "", "ERROR: it is away");
    let away = Program::default().on("*", 1, "", "Cannot connect to the Docker daemon at unix:///x.");
    for (docker, kind, id) in [
        (docker(&stopped, OWN), Some(kind_that_knows_the_kubeconfig()), FailureId::KubernetesAway),
        (docker(&running(), OWN), Some(silent), FailureId::KubernetesAway),
        (docker(&running(), OWN), None, FailureId::StepDoesNotHold),
        (docker("", OWN), Some(kind_that_knows_the_kubeconfig()), FailureId::ClusterMissing),
        (away, Some(kind_that_knows_the_kubeconfig()), FailureId::DockerNotRunning),
    ] {
        let has_kind = kind.is_some();
        let run = run_with(docker, kind.unwrap_or_default(), |_| {});
        if !has_kind {
            fs_err::remove_file(run.context.tool_place(ToolName::KIND)).unwrap();
        }
        replaced_by(&run, OTHERS[0]);
        let failure = failure_of(run.context.client().await);
        assert_eq!(failure.id(), id, "{failure:?}");
        assert!(run.api.asked().is_empty());
    }
}

#[tokio::test]
async fn who_uses_it_outside_of_a_run_gets_ours_or_is_refused() {
    let run = ours();
    assert_eq!(lead_home(&run.context).await.unwrap(), None);
    replaced_by(&run, OTHERS[0]);
    assert!(lead_home(&run.context).await.unwrap().unwrap().contains(OTHERS[0].2));
    assert_eq!(fs_err::read_to_string(&run.context.places.kubeconfig).unwrap(), KUBECONFIG);
    // Another owner has made a cluster of this name since.
    let theirs = "fedcba9876543210fedcba9876543210";
    let run = run_with(docker(&running().replace(OWN, theirs), theirs), kind_that_knows_the_kubeconfig(), |_| {});
    replaced_by(&run, OTHERS[0]);
    let before = fs_err::read_to_string(&run.context.places.kubeconfig).unwrap();
    assert_eq!(failure_of(lead_home(&run.context).await).id(), FailureId::ClusterForeign);
    assert_eq!(fs_err::read_to_string(&run.context.places.kubeconfig).unwrap(), before);
    assert!(run.api.asked().is_empty());
}

#[tokio::test]
async fn what_is_no_file_of_ours_in_its_place_is_told_and_replaced_and_a_persons_own_stays() {
    let run = ours();
    let place = &run.context.places.kubeconfig;
    let persons = place.with_file_name("of-a-person");
    let theirs = KUBECONFIG.replace("127.0.0.1:1", "10.0.0.1:6443");
    fs_err::write(&persons, &theirs).unwrap();
    let link = || fs_err::os::unix::fs::symlink(&persons, place).unwrap();
    let pipe =
        || rustix::fs::mknodat(rustix::fs::CWD, place, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let puts: [(&dyn Fn(), &str); 2] = [(&link, "10.0.0.1:6443"), (&pipe, "it is a pipe")];
    for (put, words) in puts {
        fs_err::remove_file(place).unwrap();
        put();
        let found = run.context.observe(StepId::Api).await.unwrap();
        assert!(wrong(&found).contains(words), "{found:?}");
        let applied = async |context: &Context, reporter: &StepReporter| context.apply(StepId::Cluster, reporter).await;
        run.within(StepId::Cluster, applied).await.unwrap();
        assert_eq!(fs_err::read_to_string(place).unwrap(), KUBECONFIG);
        assert_eq!(fs_err::read_to_string(&persons).unwrap(), theirs);
    }
}
