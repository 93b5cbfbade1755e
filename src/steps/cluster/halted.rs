//! Kubernetes nodes of ours that do not run, or are cut off from each other: the cause of all that does not answer in the cluster.

use bootstrap_run::failure::{self, Failure, FailureId, Ours, hint};

use super::{network, own, without_control_plane};
use crate::context::Context;
use crate::tools::docker::Container;

/// Why our cluster cannot answer, as docker shows its Kubernetes nodes. `None` where docker shows nothing wrong with them, there are
/// none, or docker cannot be asked.
pub(crate) async fn halted(context: &Context) -> Option<Failure> {
    if context.is_adopted() {
        return None;
    }
    of(context, &own::ours(context).await.ok()?.containers)
}

/// As [`halted`], of these Kubernetes nodes.
pub(super) fn of(context: &Context, containers: &[Container]) -> Option<Failure> {
    // One that was never finished is made anew.
    if containers.is_empty() || context.places.unfinished.exists() {
        return None;
    }
    if let Some(lost) = without_control_plane(context, containers) {
        return failure::of(&lost.into_error(context)).cloned();
    }
    let wrong = containers.iter().filter_map(|container| Some((container, what_is_wrong(context, container)?)));
    let wrong: Vec<(&Container, String)> = wrong.collect();
    let (first, what) = wrong.first()?;
    let summary = match wrong.len() {
        1 => format!("the Kubernetes node {} {what}", first.name),
        number => format!("{number} of {} Kubernetes nodes do not run, or are cut off", containers.len()),
    };
    let seen: Vec<String> =
        wrong.iter().map(|(container, what)| format!("container {} {what}", container.name)).collect();
    let hint = hint![Ours::Up, " starts it, with its databases as they were"];
    Some(Failure::new(FailureId::ClusterNotReady, summary).evidence(seen.join("\n")).hint(hint))
}

/// In docker's words for its states, but for those that a person has other words for.
fn what_is_wrong(context: &Context, container: &Container) -> Option<String> {
    match container.state.as_str() {
        "running" if network::is_on(context, container) => None,
        "running" => Some(format!("is not connected to the network {}", own::network(context))),
        "exited" | "created" => Some("is stopped".to_owned()),
        state => Some(format!("is {state}")),
    }
}
