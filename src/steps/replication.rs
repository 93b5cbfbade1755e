//! Replication: every node subscribes to every other, and what is written on one is read on the others.

use anyhow::Result;

use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{self, Failure, FailureId};
use crate::kubernetes;
use crate::options::Options;
use crate::replication::{self, Subscription};
use crate::sql::Database;
use crate::step::Observation;

/// The nodes of the options as places to run SQL.
pub(crate) async fn databases(context: &Context) -> Result<Vec<Database>> {
    let client = kubernetes::client(&context.places.kubeconfig).await?;
    let names = context.node_names();
    let found = names.iter().map(|node| {
        let client = &client;
        async move { Database::find(client, &context.options.namespace, node, &Options::cluster_of(node)).await }
    });
    futures::future::try_join_all(found).await
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    if !super::nodes::observe(context).await?.is_done() {
        return Ok(Observation::Waiting("the nodes are not healthy".to_owned()));
    }
    let wanted = context.ordered_pairs();
    Ok(match not_replicating(context).await?.into_iter().next() {
        None => Observation::Done(format!("{wanted} subscriptions replicating")),
        Some(why) => Observation::Waiting(why),
    })
}

/// What keeps the nodes from replicating; empty if nothing does. A server that does not answer is such a reason: after a
/// restart of the cluster the Kubernetes API shows what was before it, and calls a node healthy whose pod is not back yet.
async fn not_replicating(context: &Context) -> Result<Vec<String>> {
    let databases = databases(context).await?;
    match replication::subscriptions(&databases).await {
        Ok(subscriptions) => Ok(replication::down(&context.node_names(), &subscriptions)),
        Err(error) => match failure::of(&error) {
            Some(found) if found.id() == FailureId::SqlFailed => {
                Ok(vec![format!("{found}: {}", found.seen().first().map_or("", String::as_str))])
            }
            _ => Err(error),
        },
    }
}

/// The chart's job has made the subscriptions; they take a moment to start. One that stays down never says why by
/// itself, so patience ends this, with what was last seen.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let mut pause = tokio::time::interval(replication::PAUSE);
    let end = tokio::time::Instant::now() + replication::PATIENCE;
    loop {
        pause.tick().await;
        let down = not_replicating(context).await?;
        let Some(first) = down.first() else { return Ok(()) };
        if tokio::time::Instant::now() > end {
            return Err(Failure::new(FailureId::ReplicationDown, "replication does not start")
                .evidence(down.join("\n"))
                .into());
        }
        reporter.waiting(first.clone());
    }
}

/// The proof is of this run or it is none: a second run proves again.
pub(super) fn observe_proof(context: &Context) -> Observation {
    match context.proof.get() {
        Some(matrix) => Observation::Done(matrix.summary()),
        None => Observation::Missing("not proven in this run".to_owned()),
    }
}

pub(super) async fn prove(context: &Context, reporter: &StepReporter) -> Result<()> {
    let databases = databases(context).await?;
    reporter.waiting("writing on every node and reading on the others");
    let matrix = replication::prove(&databases).await?;
    reporter.proof(&matrix);
    // Only this step sets it, and it runs once.
    let _ = context.proof.set(matrix);
    Ok(())
}

/// The state of every subscription, for `status`.
pub(crate) async fn subscriptions(context: &Context) -> Result<Vec<Subscription>> {
    replication::subscriptions(&databases(context).await?).await
}
