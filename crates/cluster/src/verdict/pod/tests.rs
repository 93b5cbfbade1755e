mod pulls;

use super::*;
use crate::verdict::recorded;

/// The id, the summary and the advice of what [`broken`] finds.
fn found(pod: &Pod) -> Option<(FailureId, String, String)> {
    broken(pod).map(|failure| {
        (failure.id(), failure.summary().to_owned(), failure.advice(&bootstrap_run::failure::Invocation::default()))
    })
}

fn unschedulable_in(file: &str) -> Option<String> {
    let pod: Pod = recorded::object(file);
    assert!(broken(&pod).is_none(), "{file}");
    unschedulable(&pod).map(|failure| {
        assert_eq!(failure.id(), FailureId::NodeUnschedulable);
        assert!(failure.seen().iter().any(|seen| seen.contains("nodes are available")), "{:?}", failure.seen());
        failure.summary().to_owned()
    })
}

fn leave(mut pod: Pod) -> Pod {
    let leaving: Pod = recorded::object("12g-pod-terminating-livelocked/pod");
    pod.metadata.deletion_timestamp = leaving.metadata.deletion_timestamp;
    pod
}

// ---- what is as it should be ----

#[test]
fn a_healthy_pod_is_not_broken() {
    for name in ["pod-pgedge-n1-1", "pod-cnpg-controller-manager"] {
        let pod: Pod = recorded::object(&format!("01-healthy/{name}"));
        assert!(broken(&pod).is_none() && unschedulable(&pod).is_none(), "{name}");
    }
}

#[test]
fn a_pod_whose_secret_is_not_written_yet_is_waited_for() {
    let pod: Pod = recorded::object("02-install-timeline/pod-init-spock");
    assert!(broken(&pod).is_none() && unschedulable(&pod).is_none());
}

#[test]
fn a_container_whose_config_map_is_absent_is_waited_for() {
    let pod: Pod = recorded::object("12c-configmap-missing/pod");
    assert!(broken(&pod).is_none() && unschedulable(&pod).is_none());
}

// ---- the scheduler ----

#[test]
fn a_pod_for_which_there_is_no_memory_or_cpu_is_unschedulable() {
    for (file, pod) in
        [("04a-unschedulable-memory/pod", "pg-1-initdb-dkfpn"), ("04b-unschedulable-cpu/pod", "pg-1-initdb-9s69g")]
    {
        assert_eq!(unschedulable_in(file), Some(format!("no Kubernetes node has room for pod {pod}")));
    }
}

#[test]
fn a_pod_whose_node_selector_fits_no_node_is_unschedulable() {
    let what = "no Kubernetes node is allowed for pod pg-1-initdb-sd6ms";
    assert_eq!(unschedulable_in("04c-unschedulable-node-selector/pod").as_deref(), Some(what));
}

#[test]
fn a_taint_is_waited_for() {
    assert_eq!(unschedulable_in("04d-unschedulable-taint/pod"), None);
    assert_eq!(unschedulable_in("12h-disk-pressure-evicted/pod-latecomer"), None);
}

#[test]
fn a_volume_that_is_not_bound_yet_is_waited_for() {
    assert_eq!(unschedulable_in("04e-pvc-storageclass-missing/pod"), None);
    assert_eq!(unschedulable_in("04f-pvc-provisioner-absent/pod"), None);
}

// ---- containers that end ----

#[test]
fn a_memory_limit_that_is_hit_again_and_again_is_broken() {
    let pod: Pod = recorded::object("05a-oomkilled-container/pod-childexit");
    let what = "container main of pod childexit ends again and again".to_owned();
    let hint = "its memory limit is too low for what it does: raise the limit".to_owned();
    assert_eq!(found(&pod), Some((FailureId::NodeOutOfMemory, what, hint)));
    let seen = broken(&pod).map(|failure| failure.seen().to_vec());
    assert_eq!(seen, Some(vec!["last exit code 137, OOMKilled, 3 restarts".to_owned()]));
}

#[test]
fn a_container_that_survives_a_killed_child_is_not_broken() {
    assert_eq!(found(&recorded::object("05a-oomkilled-container/pod-child")), None);
}

#[test]
fn a_database_that_comes_back_after_it_was_killed_is_waited_for() {
    assert_eq!(found(&recorded::object("05b-oom-postgres-backend-killed/pod")), None);
}

#[test]
fn a_failed_initdb_is_broken_at_once() {
    for situation in ["06a-initdb-sql-error", "06b-guc-unknown", "06c-guc-invalid-value", "06d-preload-library-missing"]
    {
        let failure = broken(&recorded::object(&format!("{situation}/pod")));
        let failure = failure.as_ref().map(|failure| (failure.id(), failure.summary(), failure.seen().join("\n")));
        let seen = "container initdb: exit code 1, Error".to_owned();
        assert_eq!(failure, Some((FailureId::NodeBroken, "initdb of pg failed", seen)), "{situation}");
    }
}

#[test]
fn a_failed_pod_of_no_cloudnativepg_job_is_not_judged() {
    let mut pod: Pod = recorded::object("06a-initdb-sql-error/pod");
    pod.labels_mut().remove(JOB_ROLE);
    assert_eq!(found(&pod), None);
}

#[test]
fn a_container_that_ends_again_and_again_is_broken() {
    for (file, words) in [
        ("12a-crashloopbackoff/pod", "last exit code 3, Error, 7 restarts"),
        ("12b-exec-format-error/pod", "last exit code 1, Error, 7 restarts"),
        ("12b-exec-format-error/pod-through-a-shell", "last exit code 127, Error, 7 restarts"),
    ] {
        let failure = broken(&recorded::object(file));
        let failure = failure.as_ref().map(|failure| (failure.id(), failure.seen().join("\n")));
        assert_eq!(failure, Some((FailureId::NodeBroken, words.to_owned())), "{file}");
    }
}

#[test]
fn the_first_failures_of_a_container_are_waited_for() {
    let mut pod: Pod = recorded::object("12a-crashloopbackoff/pod");
    main_container(&mut pod).restart_count = FAILURES_ALLOWED;
    assert_eq!(found(&pod), None);
}

#[test]
fn a_pod_that_waits_to_be_started_again_is_told_from_others() {
    for (file, backs_off) in [
        ("12a-crashloopbackoff/pod", true),
        ("03d-image-404/pod-later", false),
        ("05a-oomkilled-container/pod-child", false),
        ("12c-configmap-missing/pod", false),
    ] {
        assert_eq!(is_backing_off(&recorded::object(file)), backs_off, "{file}");
        assert!(!is_backing_off(&leave(recorded::object(file))), "{file}");
    }
}

/// The back-offs are those of the same pod's first minute.
#[test]
fn the_first_failures_after_many_old_ones_are_waited_for() {
    for (back_off, is_broken) in [("10s", false), ("20s", false), ("40s", true), ("1m20s", true)] {
        let mut pod: Pod = recorded::object("12a-crashloopbackoff/pod");
        let waiting = main_container(&mut pod).state.as_mut().and_then(|state| state.waiting.as_mut()).unwrap();
        waiting.message = waiting.message.take().map(|message| message.replace("5m0s", back_off));
        assert_eq!(broken(&pod).is_some(), is_broken, "{back_off}");
    }
}

#[test]
fn a_program_that_is_not_in_the_image_is_broken_at_once() {
    let mut pod: Pod = recorded::object("12j-run-container-error/pod");
    main_container(&mut pod).restart_count = 0;
    let failure = broken(&pod);
    let failure = failure.as_ref().map(|failure| {
        (failure.id(), failure.summary(), failure.advice(&bootstrap_run::failure::Invocation::default()))
    });
    let hint = "the image docker.io/lab/busybox:1 does not hold the program: use another image";
    assert_eq!(failure, Some((FailureId::NodeBroken, "container main of pod pid1 cannot be started", hint.to_owned())));
}

// ---- pods that go or are gone ----

#[test]
fn a_pod_that_is_being_deleted_is_not_judged() {
    for file in [
        "12d-pod-stuck-terminating-finalizer/pod",
        "12g-pod-terminating-livelocked/pod",
        "12i-node-notready-kubelet-stopped/pod",
    ] {
        assert_eq!(found(&recorded::object(file)), None, "{file}");
    }
    for file in [
        "03d-image-404/pod-later",
        "06a-initdb-sql-error/pod",
        "12a-crashloopbackoff/pod",
        "12h-disk-pressure-evicted/pod-evicted",
    ] {
        assert!(broken(&recorded::object(file)).is_some(), "{file}");
        assert_eq!(found(&leave(recorded::object(file))), None, "{file}");
    }
    assert!(unschedulable(&leave(recorded::object("04a-unschedulable-memory/pod"))).is_none());
}

#[test]
fn a_pod_that_went_because_the_disk_is_full_is_broken() {
    let failure = broken(&recorded::object("12h-disk-pressure-evicted/pod-evicted"));
    let failure = failure.as_ref().map(|failure| (failure.id(), failure.summary()));
    assert_eq!(failure, Some((FailureId::DiskFull, "Kubernetes removed pod tainted for want of disk space")));
}

fn main_container(pod: &mut Pod) -> &mut ContainerStatus {
    pod.status.as_mut().and_then(|status| status.container_statuses.as_mut()?.first_mut()).unwrap()
}
