use bootstrap_cluster::kubernetes::mock::{Answer, refusal};
use bootstrap_engine::World as _;
use bootstrap_run::step::Observation;
use serde_json::json;

use super::*;
use crate::step_id::StepId;
use crate::steps::test_run::{TestRun, failure_of};

#[test]
fn a_longer_run_needs_more() {
    let stack = Stack::pgedge().unwrap();
    let all: Vec<OperatorName> = stack.operator_names().collect();
    let number = |until| needed(stack, until, "default", false, &all).unwrap().len();
    assert!(number(Stage::Cluster) < number(Stage::Operators));
    assert!(number(Stage::Operators) < number(Stage::Prove));
    assert!(number(Stage::Prove) < 200, "{}", number(Stage::Prove));
}

#[test]
fn nothing_is_needed_to_make_what_is_there() {
    let stack = Stack::pgedge().unwrap();
    let operators: Vec<OperatorName> = stack.operator_names().collect();
    let all = needed(stack, Stage::Prove, "lab", true, &operators).unwrap();
    let create = |resource| Right::new(None, "create", resource);
    for resource in ["namespaces", "customresourcedefinitions.apiextensions.k8s.io"] {
        assert!(all.contains(&create(resource)), "{resource}");
    }
    let used = needed(stack, Stage::Prove, "lab", false, &[]).unwrap();
    assert!(used.is_subset(&all));
    assert!(!used.contains(&create("namespaces")));
    assert!(used.contains(&Right::new(Some("lab"), "create", "pods/exec")));
    let one = needed(stack, Stage::Operators, "lab", true, &operators[1..]).unwrap();
    assert!(!one.contains(&Right::new(Some("cert-manager"), "create", "deployments.apps")));
    assert!(!one.contains(&Right::new(Some("kube-system"), "create", "roles.rbac.authorization.k8s.io")));
}

/// An adopted cluster in which a run to the proof is meant, whose user `allows` decides about: by verb and resource.
fn with_user(allows: impl Fn(&str, &str) -> bool + Send + 'static) -> TestRun {
    let run = TestRun::adopted();
    run.context.intent.set(Stage::Prove).unwrap();
    with_user_in(run, allows)
}

/// As [`with_user`], of a look.
fn with_user_in(run: TestRun, allows: impl Fn(&str, &str) -> bool + Send + 'static) -> TestRun {
    run.api.react(move |asked| match asked.plural.as_str() {
        "selfsubjectreviews" => Some(Answer::Json(201, json!({"status": {"userInfo": {"username": "mary"}}}))),
        "selfsubjectaccessreviews" => {
            let asked = &asked.body["spec"]["resourceAttributes"];
            let word = |field: &str| asked[field].as_str().unwrap_or_default().to_owned();
            let is_allowed = allows(&word("verb"), &word("resource"));
            Some(Answer::Json(201, json!({"spec": {}, "status": {"allowed": is_allowed}})))
        }
        _ => None,
    });
    run
}

#[tokio::test]
async fn a_user_who_may_only_look_is_refused_before_anything_is_written() {
    let run = with_user(|verb, _| ["get", "list", "watch"].contains(&verb));
    let failure = failure_of(run.context.observe(StepId::Api).await);
    assert_eq!(failure.id(), FailureId::PermissionsMissing);
    assert!(failure.summary().contains("\"mary\""), "{failure}");
    let seen = failure.seen().join("\n");
    for lacking in ["escalate", "customresourcedefinitions", "in the namespace cnpg-system: ", "pods/exec"] {
        assert!(seen.contains(lacking), "{lacking}: {seen}");
    }
    assert!(!seen.contains("nodes"), "{seen}");
    assert!(
        failure
            .advice(&bootstrap_run::failure::Invocation::default())
            .contains("--clusterrole cluster-admin --user mary`"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
    assert_eq!(run.api.writes(), Vec::<String>::new());
    // That is true of the cluster, and not of this machine.
    let told = seen.lines().last().unwrap_or_default();
    let state = run.context.places.state.display().to_string();
    assert!(
        told.starts_with("nothing was changed in the cluster; on this machine ") && told.contains(&state),
        "{told}"
    );
    assert!(
        !failure.advice(&bootstrap_run::failure::Invocation::default()).contains("nothing was written"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
}

#[tokio::test]
async fn a_look_at_what_a_user_may_do_says_that_it_has_kept_nothing() {
    let run = with_user_in(TestRun::adopted(), |verb, _| ["get", "list", "watch"].contains(&verb));
    let Allowed::No(failure) = check(&run.context, Stage::Prove).await.unwrap() else { panic!("it is allowed") };
    let told = failure.seen().last().cloned().unwrap_or_default();
    assert_eq!(told, "nothing was changed in the cluster, and nothing was kept on this machine");
}

#[tokio::test]
async fn an_administrator_is_asked_about_once_and_goes_on() {
    let run = with_user(|_, _| true);
    assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
    let asked = run.api.asked();
    assert_eq!(asked.iter().filter(|asked| asked.plural == "selfsubjectaccessreviews").count(), 1);
}

/// Whoever holds each right and not all of them is no administrator, and may go on.
#[tokio::test]
async fn a_user_with_just_the_rights_goes_on() {
    let run = with_user(|verb, _| verb != "*");
    assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
}

#[tokio::test]
async fn a_cluster_that_does_not_tell_rights_is_gone_on_with() {
    let run = with_user(|_, _| false);
    run.api.react(|asked| {
        (asked.plural == "selfsubjectaccessreviews").then(|| refusal(403, "Forbidden", "no reviews for you"))
    });
    assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
}

/// While kubeadm is at work its administrator may do nothing yet.
#[tokio::test]
async fn a_user_who_may_do_nothing_yet_is_waited_for() {
    let run = with_user(|_, _| false);
    let seen = run.context.observe(StepId::Api).await.unwrap();
    assert!(matches!(&seen, Observation::Waiting(why) if why.contains("\"mary\"")), "{seen:?}");
}

#[tokio::test]
async fn a_look_outside_of_a_run_asks_for_no_rights() {
    let run = TestRun::adopted();
    assert!(run.context.observe(StepId::Api).await.unwrap().is_done());
    assert!(run.api.asked().iter().all(|asked| asked.plural != "selfsubjectaccessreviews"));
}
