use super::*;
use crate::verdict::recorded;

/// What is thought of the Cluster in a file: "ready: …", "waiting: …" or "broken: …".
fn judged(file: &str) -> String {
    in_words(&recorded::object(file))
}

fn in_words(object: &DynamicObject) -> String {
    match cluster(object) {
        Verdict::Ready(detail) => format!("ready: {detail}"),
        Verdict::Waiting(why) => format!("waiting: {why}"),
        Verdict::Broken(failure) => format!("broken: {failure}"),
    }
}

#[test]
fn a_healthy_cluster_is_ready() {
    assert_eq!(judged("01-healthy/cluster"), "ready: 1 of 1 instances");
}

#[test]
fn an_install_is_waited_for_from_its_first_moment_to_its_last() {
    let verdicts = ["00.91s", "01.36s", "01.44s", "02.61s", "14.10s", "25.25s", "25.61s"]
        .map(|moment| judged(&format!("02-install-timeline/cluster-at-{moment}")));
    assert_eq!(
        verdicts,
        [
            "waiting: not seen by the operator yet",
            "waiting: unable to create required cluster objects",
            "waiting: unable to create required cluster objects",
            "waiting: setting up primary",
            "waiting: waiting for the instances to become active",
            "waiting: waiting for the instances to become active",
            "ready: 1 of 1 instances",
        ]
    );
}

#[test]
fn a_cluster_that_calls_itself_healthy_without_an_instance_is_not_ready() {
    assert_eq!(judged("05b-oom-postgres-backend-killed/cluster"), "waiting: 0 of 1 instances ready");
}

#[test]
fn each_of_the_three_signs_of_health_is_needed() {
    let spoil: [fn(&mut Value); 3] = [
        |status| status["phase"] = "Setting up primary".into(),
        |status| status["readyInstances"] = Value::Null,
        |status| status["conditions"][0]["status"] = "False".into(),
    ];
    for spoil in spoil {
        let mut object: DynamicObject = recorded::object("01-healthy/cluster");
        spoil(&mut object.data["status"]);
        assert!(in_words(&object).starts_with("waiting: "), "{:?}", object.data["status"]);
    }
}

/// A Cluster cannot tell that nobody writes its status any more: `workload::deployment` must be asked too.
#[test]
fn a_cluster_without_an_operator_stays_as_it_was() {
    assert_eq!(judged("07f-operator-down-status-stale/cluster"), "ready: 1 of 1 instances");
}

/// Waited for as far as the Cluster knows; the pod below it knows better, and at once.
#[test]
fn a_cluster_does_not_know_why_its_first_pod_does_not_start() {
    for file in ["03q-image-notfound-under-cnpg/cluster", "04a-unschedulable-memory/cluster"] {
        assert_eq!(judged(file), "waiting: setting up primary");
    }
}

#[test]
fn a_cluster_whose_initdb_failed_for_good_is_broken_and_names_the_job() {
    for situation in ["06a-initdb-sql-error", "06b-guc-unknown", "06c-guc-invalid-value", "06d-preload-library-missing"]
    {
        let failure = match cluster(&recorded::object(&format!("{situation}/cluster"))) {
            Verdict::Broken(failure) => Some(failure),
            _ => None,
        };
        let failure = failure.unwrap();
        assert_eq!((failure.id(), failure.summary()), (FailureId::NodeBroken, "pg cannot be recovered"));
        assert!(failure.seen().iter().any(|seen| seen.contains("pg-1-initdb")), "{:?}", failure.seen());
    }
}
