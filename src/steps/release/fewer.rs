//! A cluster that was adopted may hold fewer nodes than it seemed: the last one is then left out, and the others made anew.
//! Nothing is lost, for the release was never complete.

use anyhow::Result;
use bootstrap_cluster::adoption::Fit;
use bootstrap_cluster::kubernetes;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, FailureId};
use kube::Client;

use crate::context::{Context, Deployed};
use crate::options::Options;
use crate::steps::room;

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
    kubernetes::remove_release(client, &context.namespace(), Options::RELEASE).await?;
    context.set_deployed(Deployed { namespace: context.namespace(), nodes: FEWEST });
    room::remember(context, Fit { nodes: FEWEST, because, ..fit })
}
