//! A cluster that was adopted may hold fewer nodes than it seemed: the last one is then left out, and the others made anew.
//! Nothing is lost, for the release was never complete.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, Client};

use crate::adoption::Fit;
use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{self, FailureId};
use crate::kubernetes::{self, Objects};
use crate::options::Options;
use crate::steps::nodes::CLUSTER;
use crate::steps::room;

/// CloudNativePG lets Postgres end in order, which takes seconds.
const REMOVAL: Duration = Duration::from_secs(3 * 60);

/// With two nodes there still is something to replicate.
const FEWEST: u8 = 2;

/// Whether this failure is one that fewer nodes would not have.
pub(super) fn would_fit(context: &Context, error: &anyhow::Error) -> bool {
    let crowded = matches!(
        failure::of(error).map(failure::Failure::id),
        Some(FailureId::NodeUnschedulable | FailureId::NodeOutOfMemory)
    );
    crowded && context.fit().is_some_and(|fit| fit.nodes > FEWEST)
}

/// Removes the release that could not be completed, and remembers that it is to have fewer nodes.
pub(super) async fn make_room(
    context: &Context,
    client: &Client,
    error: &anyhow::Error,
    reporter: &StepReporter,
) -> Result<()> {
    let Some(fit) = context.fit() else { return Ok(()) };
    let because = format!("{FEWEST} nodes and not {}: {error}", fit.nodes);
    reporter.waiting(because.clone());
    remove(context, client, reporter).await?;
    room::remember(context, Fit { nodes: FEWEST, because, ..fit })
}

/// Removes the release, and returns when nothing of it is left.
pub(super) async fn remove(context: &Context, client: &Client, reporter: &StepReporter) -> Result<()> {
    reporter.waiting("helm removes the release");
    let namespace = context.options.namespace.as_str();
    context.helm().uninstall(Options::RELEASE, namespace, REMOVAL).await?;
    // A new node must not find the volume of the old one of its name while that is going.
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    kubernetes::until(pods, CLUSTER, none_of_release).await;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    kubernetes::until(claims, CLUSTER, none_of_release).await;
    Ok(())
}

/// CloudNativePG names what it makes for a Cluster after the Cluster.
fn none_of_release<K>(objects: &Objects<K>) -> Option<()> {
    let prefix = Options::cluster_of("n");
    (!objects.keys().any(|name| name.starts_with(&prefix))).then_some(())
}
