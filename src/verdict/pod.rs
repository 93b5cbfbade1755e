//! Pods: the lowest level that knows. A failing image pull is in the pod's status within a second, in the Cluster
//! above it never.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;

use crate::failure::{Failure, FailureId};

/// How often a container may fail before it counts as broken: the first start of a Postgres pod may lose a race for
/// a secret that is being written.
const FAILURES_ALLOWED: i32 = 2;

/// Why a pod does not get anywhere: a failure that waiting does not mend.
pub(crate) fn broken(pod: &Pod) -> Option<Failure> {
    image_pull(pod).or_else(|| crash(pod))
}

/// A pull that fails in a way that trying again will not change. A registry that is overloaded is not one of them.
fn image_pull(pod: &Pod) -> Option<Failure> {
    let waiting = containers(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        matches!(reason, "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull")
            .then(|| (container, waiting.message.clone().unwrap_or_default()))
    });
    let (container, message) = waiting?;
    // The back-off's own message tells no cause; the message before it did, and comes again with the next try.
    let tells = !message.starts_with("Back-off pulling image") || message.contains("ErrImagePull:");
    let transient = [
        "429 Too Many Requests",
        "500 Internal Server Error",
        "502 ",
        "503 ",
        "504 ",
        "i/o timeout",
        "connection reset",
    ];
    if !tells || transient.iter().any(|sign| message.contains(sign)) {
        return None;
    }
    let what = format!("the image {} cannot be pulled", container.image);
    Some(Failure::new(FailureId::ImagePullFailed, what).evidence(format!("pod {}: {message}", pod.name_any())))
}

fn crash(pod: &Pod) -> Option<Failure> {
    containers(pod).find_map(|container| {
        let state = container.state.as_ref()?;
        let looping =
            state.waiting.as_ref().is_some_and(|waiting| waiting.reason.as_deref() == Some("CrashLoopBackOff"));
        let ended = container.last_state.as_ref().and_then(|last| last.terminated.as_ref());
        (looping && container.restart_count > FAILURES_ALLOWED).then(|| {
            let what = format!("container {} of pod {} ends again and again", container.name, pod.name_any());
            let seen = ended.map_or_else(String::new, |ended| {
                let reason = ended.reason.as_deref().unwrap_or("Error");
                format!("last exit code {}, {reason}, {} restarts", ended.exit_code, container.restart_count)
            });
            Failure::new(FailureId::NodeBroken, what).evidence(seen)
        })
    })
}

/// The scheduler's words if it finds no Kubernetes node for the pod.
pub(crate) fn unschedulable(pod: &Pod) -> Option<Failure> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    if scheduled.status != "False" || scheduled.reason.as_deref() != Some("Unschedulable") {
        return None;
    }
    let what = format!("no Kubernetes node has room for pod {}", pod.name_any());
    Some(Failure::new(FailureId::NodeUnschedulable, what).evidence(scheduled.message.as_deref().unwrap_or_default()))
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    init.iter().chain(main)
}
