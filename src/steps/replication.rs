//! Replication: every node subscribes to every other, and what is written on one is read on the others.

use anyhow::Result;

use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{Failure, FailureId};
use crate::kubernetes;
use crate::options::Options;
use crate::replication::{self, Subscription};
use crate::sql::Database;
use crate::step::Observation;

/// The nodes of the options as places to run SQL.
async fn databases(context: &Context) -> Result<Vec<Database>> {
    let client = kubernetes::client(&context.places.kubeconfig).await?;
    let names = context.options.node_names();
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
    let databases = databases(context).await?;
    let subscriptions = replication::subscriptions(&databases).await?;
    let wanted = databases.len() * (databases.len() - 1);
    Ok(match replication::down(&context.options.node_names(), &subscriptions).first() {
        None => Observation::Done(format!("{wanted} subscriptions replicating")),
        Some(why) => Observation::Waiting(why.clone()),
    })
}

/// The chart's job has made the subscriptions; they take a moment to start. One that stays down never says why by
/// itself, so the deadline of the step ends this, with what was last seen.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let databases = databases(context).await?;
    let names = context.options.node_names();
    let mut pause = tokio::time::interval(replication::PAUSE);
    let end = tokio::time::Instant::now() + replication::PATIENCE;
    loop {
        pause.tick().await;
        let subscriptions = replication::subscriptions(&databases).await?;
        let down = replication::down(&names, &subscriptions);
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
