//! Pods: the lowest level that knows. A failing image pull is in the pod's status within a second, in the Cluster
//! above it never.

use bootstrap_run::failure::{Failure, FailureId};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod, PodStatus};
use kube::ResourceExt as _;

/// How often a container may fail before it counts as broken: the first start of a Postgres pod may lose a race for
/// a secret that is being written.
const FAILURES_ALLOWED: i32 = 2;

/// What the kubelet says after each of the failures that are allowed. Restarts are counted for a pod's whole life, so
/// that a cluster which was stopped and started some times shows many; the back-off begins anew.
const YOUNG_BACK_OFFS: [&str; 2] = ["back-off 10s ", "back-off 20s "];

/// CloudNativePG labels the pods of its Clusters, and those of its Jobs with what the Job is for.
const CLUSTER: &str = "cnpg.io/cluster";
const JOB_ROLE: &str = "cnpg.io/jobRole";

const OUT_OF_MEMORY: &str = "OOMKilled";

/// Why a pod does not get anywhere: a failure that waiting does not mend.
pub fn broken(pod: &Pod) -> Option<Failure> {
    if is_leaving(pod) {
        return None;
    }
    image_pull(pod).or_else(|| no_program(pod)).or_else(|| crash(pod)).or_else(|| evicted(pod)).or_else(|| job(pod))
}

/// A pull that fails in a way that trying again will not change.
fn image_pull(pod: &Pod) -> Option<Failure> {
    containers(pod).find_map(|container| {
        let waiting = waiting(container)?;
        let message = waiting.message.as_deref().unwrap_or_default();
        let hint = match waiting.reason.as_deref()? {
            "InvalidImageName" => "correct the name of the image",
            "ErrImageNeverPull" => "the pod must not pull it: load the image into the Kubernetes nodes",
            "ErrImagePull" | "ImagePullBackOff" => lasting(message)?,
            _ => return None,
        };
        let what = format!("the image {} cannot be pulled", container.image);
        let seen = format!("pod {}: {message}", pod.name_any());
        Some(Failure::new(FailureId::ImagePullFailed, what).evidence(seen).hint(hint))
    })
}

/// What to do about a pull that will fail at the next try as well. `None` if it may go better then.
///
/// The causes that last are few and known; those that pass (a registry that is overloaded, a network that is not up
/// yet) have too many wordings to list. "not found" alone is no sign: it ends the words for a wrong processor too.
fn lasting(message: &str) -> Option<&'static str> {
    let has = |sign: &str| message.contains(sign);
    if has("no match for platform in manifest") {
        Some("the image is not made for this machine's processor: use another image, or another machine")
    } else if has("unexpected media type text/html") {
        Some("a proxy or a login page answered in the place of the registry: name a --registry-mirror HOST=URL")
    } else if has("x509: ") {
        Some(
            "if your network inspects TLS, name a --registry-mirror HOST=URL and give its certificate authority with --ca-file FILE",
        )
    } else if has("401 Unauthorized") || has("403 Forbidden") {
        Some(
            "the image is private or was withdrawn, or a proxy forbids it: name a --registry-mirror HOST=URL that has it",
        )
    } else if has("failed to resolve reference") && message.ends_with(": not found") {
        Some("the registry does not have this image: check its name and tag, and that the mirror is complete")
    } else if has("Head \"https://") && has("?ns=") && message.ends_with(": EOF") {
        // "?ns=" stands in what a mirror is asked. The registry itself may end a connection just because it is busy.
        Some("the mirror seems not to speak TLS: write its URL with http://")
    } else {
        None
    }
}

/// A container whose program is not in its image: starting it again looks for it again.
fn no_program(pod: &Pod) -> Option<Failure> {
    containers(pod).find_map(|container| {
        let starting = waiting(container).and_then(|waiting| waiting.message.as_deref());
        let started = last_end(container).and_then(|ended| ended.message.as_deref());
        let message =
            [starting, started].into_iter().flatten().find(|message| message.contains("executable file not found"))?;
        let what = format!("container {} of pod {} cannot be started", container.name, pod.name_any());
        let hint = format!("the image {} does not hold the program: use another image", container.image);
        Some(Failure::new(FailureId::NodeBroken, what).evidence(message).hint(hint))
    })
}

fn crash(pod: &Pod) -> Option<Failure> {
    containers(pod).find(|container| container.restart_count > FAILURES_ALLOWED && is_failing(container)).map(
        |container| {
            let what = format!("container {} of pod {} ends again and again", container.name, pod.name_any());
            match last_end(container) {
                Some(ended) => {
                    ended_badly(what, ended, &format!("last {}, {} restarts", in_words(ended), container.restart_count))
                }
                None => Failure::new(FailureId::NodeBroken, what),
            }
        },
    )
}

/// Whether a container has failed several times in a row, as far as its last two states show.
fn is_failing(container: &ContainerStatus) -> bool {
    if let Some(waiting) = waiting(container) {
        let message = waiting.message.as_deref().unwrap_or_default();
        return waiting.reason.as_deref() == Some("CrashLoopBackOff")
            && !YOUNG_BACK_OFFS.iter().any(|young| message.starts_with(young));
    }
    // Between its end and the back-off a container is just ended, as one is that a reboot has ended. Only a memory
    // limit that was hit twice is more than that.
    let out_of_memory = |ended: Option<&ContainerStateTerminated>| {
        ended.is_some_and(|ended| ended.reason.as_deref() == Some(OUT_OF_MEMORY))
    };
    let state = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    let last_state = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    out_of_memory(state) && out_of_memory(last_state)
}

/// A pod that had to go because the disk was full. It stays as the proof of that, and its successor finds no place.
fn evicted(pod: &Pod) -> Option<Failure> {
    let status = failed(pod)?;
    let message = status.message.as_deref().unwrap_or_default();
    (status.reason.as_deref() == Some("Evicted") && message.contains("ephemeral-storage")).then(|| {
        let what = format!("Kubernetes removed pod {} for want of disk space", pod.name_any());
        Failure::new(FailureId::DiskFull, what).evidence(message)
    })
}

/// initdb runs in a Job that is tried again for eleven minutes; the first failed pod tells the same at once.
fn job(pod: &Pod) -> Option<Failure> {
    failed(pod)?;
    let role = pod.labels().get(JOB_ROLE)?;
    let what = format!("{role} of {} failed", pod.labels().get(CLUSTER).map_or("", String::as_str));
    let ended = containers(pod).find_map(|container| {
        last_end(container).filter(|ended| ended.exit_code != 0).map(|ended| (container.name.as_str(), ended))
    });
    Some(match ended {
        Some((name, ended)) => ended_badly(what, ended, &format!("container {name}: {}", in_words(ended))),
        None => Failure::new(FailureId::NodeBroken, what),
    })
}

/// Whether the kubelet waits before it starts a container of the pod again.
pub fn is_backing_off(pod: &Pod) -> bool {
    let backs_off = |container| waiting(container).is_some_and(|why| why.reason.as_deref() == Some("CrashLoopBackOff"));
    !is_leaving(pod) && containers(pod).any(backs_off)
}

/// What keeps a pod from running, as one look shows it. It may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// With the container, if it is one's.
    pub(crate) words: String,
    /// The container that has run and ended: its log tells more.
    pub(crate) ended: Option<String>,
    /// Waiting does not mend it.
    pub(crate) lasts: bool,
}

/// What the kubelet says of a container that does not start.
const STUCK: [&str; 8] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What is wrong with a pod that should run all the time and is not ready.
pub(crate) fn trouble(pod: &Pod) -> Option<Trouble> {
    if is_leaving(pod) || ready(pod).is_ok() {
        return None;
    }
    if let Some(message) = unplaced(pod) {
        let words = format!("no Kubernetes node takes it: {message}");
        return Some(Trouble { words, ended: None, lasts: false });
    }
    let lasts = broken(pod).is_some();
    containers(pod).find_map(|container| {
        let name = &container.name;
        let stuck = waiting(container).filter(|why| why.reason.as_deref().is_some_and(|why| STUCK.contains(&why)));
        let ended = last_end(container).filter(|ended| ended.exit_code != 0);
        let words = match (ended, stuck) {
            (Some(ended), _) if container.restart_count > 0 || stuck.is_some() => {
                let restarts = container.restart_count;
                let plural = if restarts == 1 { "" } else { "s" };
                format!("container {name} has ended with {}, {restarts} restart{plural}", in_words(ended))
            }
            (_, Some(why)) => {
                let reason = why.reason.as_deref().unwrap_or_default();
                let message = why.message.as_deref().unwrap_or_default();
                format!("container {name}: {reason}: {message}")
            }
            _ => return None,
        };
        Some(Trouble { words, ended: ended.map(|_| name.clone()), lasts })
    })
}

/// The scheduler's words, as long as it finds no Kubernetes node.
fn unplaced(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    (scheduled.status == "False").then(|| scheduled.message.as_deref().unwrap_or_default())
}

/// Whether a pod is ready and stays.
///
/// # Errors
/// What it is doing in place of that, in words.
pub fn ready(pod: &Pod) -> Result<(), String> {
    if is_leaving(pod) {
        return Err("it is being removed".to_owned());
    }
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == "Ready") {
        Some(ready) if ready.status == "True" => Ok(()),
        Some(ready) => Err(ready.message.clone().unwrap_or_else(|| "its containers are starting".to_owned())),
        None => Err("it has not been started yet".to_owned()),
    }
}

/// The scheduler's words if it finds no Kubernetes node for the pod, and none will come. A volume that is being made
/// and a taint pass: Kubernetes taints each node that is not ready yet, and does not say here which taint it is.
pub fn unschedulable(pod: &Pod) -> Option<Failure> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    if is_leaving(pod) || scheduled.status != "False" || scheduled.reason.as_deref() != Some("Unschedulable") {
        return None;
    }
    let message = scheduled.message.as_deref().unwrap_or_default();
    let failure = |what: &str| {
        Failure::new(FailureId::NodeUnschedulable, format!("{what} pod {}", pod.name_any())).evidence(message)
    };
    if message.contains("Insufficient memory") || message.contains("Insufficient cpu") {
        Some(failure("no Kubernetes node has room for"))
    } else if message.contains("didn't match Pod's node affinity/selector") {
        let hint = "remove its node selector and affinity, or label a Kubernetes node accordingly";
        Some(failure("no Kubernetes node is allowed for").hint(hint))
    } else {
        None
    }
}

/// A pod that is being deleted: what is wrong with it will be gone with it.
fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// The status of a pod that ended badly and is not started again.
fn failed(pod: &Pod) -> Option<&PodStatus> {
    pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed"))
}

fn waiting(container: &ContainerStatus) -> Option<&ContainerStateWaiting> {
    container.state.as_ref()?.waiting.as_ref()
}

/// How a container ended, now or the last time; `None` if it never has.
fn last_end(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let ended = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    ended.or_else(|| container.last_state.as_ref()?.terminated.as_ref())
}

fn in_words(ended: &ContainerStateTerminated) -> String {
    format!("exit code {}, {}", ended.exit_code, ended.reason.as_deref().unwrap_or("Error"))
}

/// The failure that the end of a container is, by the reason of the end.
fn ended_badly(what: String, ended: &ContainerStateTerminated, words: &str) -> Failure {
    let out_of_memory = ended.reason.as_deref() == Some(OUT_OF_MEMORY);
    let id = if out_of_memory { FailureId::NodeOutOfMemory } else { FailureId::NodeBroken };
    Failure::new(id, what).evidence(words)
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    init.iter().chain(main)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
