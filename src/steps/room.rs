//! Capacity of an adopted cluster: how many pgEdge nodes fit is determined once per run.
//!
//! Free capacity is what the scheduler has left, minus 1 GiB for pods that request nothing, as those of a kubeadm control
//! plane. CPU is requested as far as there is any: on one CPU the control plane has requested 85 % of it.

use anyhow::Result;
use bootstrap_cluster::adoption::{Adoption, Fit};
use bootstrap_cluster::kubernetes;
use bootstrap_cluster::verdict::room::{Room, fit};
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::step::Observation;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams};

use super::nodes;
use crate::context::Context;

/// Done once it was decided: what the nodes themselves take then would be counted against them.
pub(super) fn observe(context: &Context) -> Observation {
    match context.fit() {
        Some(fit) => Observation::Done(fit.because),
        None => Observation::Missing("not looked at yet".to_owned()),
    }
}

/// Decides.
pub(super) async fn apply(context: &Context) -> Result<()> {
    let client = context.client().await?;
    let (machines, pods): (Api<Node>, Api<Pod>) = (Api::all(client.clone()), Api::all(client));
    let everything = ListParams::default();
    let asked = tokio::try_join!(machines.list(&everything), pods.list(&everything));
    let (machines, pods) =
        asked.map_err(|error| kubernetes::refused("cannot see what the cluster can hold", &error))?;
    // What our own nodes have, if they run already, they may keep.
    let others: Vec<Pod> = pods.items.into_iter().filter(|pod| !nodes::is_of(context, pod)).collect();
    let Some(room) = Room::of(&machines.items, &others) else {
        return Err(Failure::new(FailureId::NodeUnschedulable, "the cluster has no Kubernetes node").into());
    };
    let Some(fit) = fit(context.nodes(), room) else {
        let what = "the cluster has no room for two pgEdge nodes";
        return Err(Failure::new(FailureId::NodeUnschedulable, what)
            .evidence(format!("left: {}", room.in_words()))
            .into());
    };
    remember(context, fit)
}

/// For the rest of this run, and for the commands that come after.
pub(super) fn remember(context: &Context, fit: Fit) -> Result<()> {
    if let Some(adoption) = Adoption::read(&context.places.state)? {
        Adoption { fit: Some(fit.clone()), ..adoption }.write(&context.places.state)?;
    }
    context.set_fit(fit);
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
