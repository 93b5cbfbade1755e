//! Replication: every node subscribes to every other, and what is written on one is read on the others.

use std::sync::atomic::Ordering;

use anyhow::Result;
use bootstrap_cluster::sql::Database;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId, Ours, hint};
use bootstrap_run::step::{Observation, Stage};
use bootstrap_run::wait::Polling;
use futures::future::FutureExt as _;

use super::{release, unsent};
use crate::context::Context;
use crate::options::Options;
use crate::patience;
use crate::replication::{self, Late, Mesh, Next, Places, Proven, Subscription, Waiting};

/// The nodes of the options as places to run SQL.
///
/// # Errors
/// [`FailureId::NodeMissing`]: where there is no release, with what deploys one.
pub(crate) async fn databases(context: &Context) -> Result<Vec<Database>> {
    let client = context.client().await?;
    let names = context.node_names();
    let found = names.iter().map(|node| {
        let client = &client;
        async move { Database::find(client, &context.namespace(), node, &Options::cluster_of(node)).await }
    });
    futures::future::try_join_all(found).await.map_err(|error| match failure::of(&error) {
        Some(found) if found.id() == FailureId::NodeMissing && context.deployed().is_none() => {
            let hint = hint![Ours::UpUntil(Stage::Prove), " deploys them"];
            let failure = Failure::new(FailureId::NodeMissing, "there are no pgEdge nodes in this cluster yet");
            failure.evidence(found.summary()).hint(hint).into()
        }
        _ => error,
    })
}

/// What a look at replication finds.
enum Seen {
    Mesh(Mesh),
    /// A server does not answer: after a restart of the cluster the Kubernetes API shows what was before it, and calls a node
    /// healthy whose pod is not back yet.
    NoAnswer(String),
}

async fn see(context: &Context, databases: &[Database]) -> Result<Seen> {
    match look(context, databases).await {
        Ok(mesh) => Ok(Seen::Mesh(mesh)),
        Err(error) => match failure::of(&error) {
            Some(found) if found.id() == FailureId::SqlFailed => {
                Ok(Seen::NoAnswer(format!("{found}: {}", found.seen().first().map_or("", String::as_str))))
            }
            _ => Err(error),
        },
    }
}

/// What the nodes show, and what is noted of them in the cluster.
async fn look(context: &Context, databases: &[Database]) -> Result<Mesh> {
    let noted = async { unsent::noted(&context.client().await?, &context.namespace()).await };
    let (mesh, unsent) = tokio::try_join!(replication::look(databases), noted)?;
    Ok(Mesh { unsent, ..mesh })
}

/// # Errors
/// [`FailureId::RowsMissing`] and [`FailureId::TransactionsDiscarded`] where all replicate: no work of this step mends that.
pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let databases = match databases(context).await {
        Ok(databases) => databases,
        Err(error) => match failure::of(&error) {
            Some(found) if found.id() == FailureId::NodeMissing => return Ok(Observation::Waiting(found.to_string())),
            _ => return Err(error),
        },
    };
    let mesh = match see(context, &databases).await? {
        Seen::Mesh(mesh) => mesh,
        Seen::NoAnswer(why) => return Ok(Observation::Waiting(why)),
    };
    if let Some(lack) = mesh.subscriptions.iter().find(|found| found.is_final()) {
        return Ok(Observation::Wrong(lack.in_words()));
    }
    if let Some(down) = mesh.subscriptions.iter().find(|found| !found.replicates()) {
        return Ok(Observation::Waiting(down.in_words()));
    }
    refuse_differences(context, &mesh)?;
    context.replicates.store(true, Ordering::Relaxed);
    let mut detail = format!("{} subscriptions replicating", context.ordered_pairs());
    if let Some(renewed) = context.renewed_slots.get() {
        detail.push_str(&format!("; {}", renewed.join("; ")));
    }
    Ok(Observation::Done(detail))
}

fn refuse_differences(context: &Context, mesh: &Mesh) -> Result<()> {
    match differences(context, mesh) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

/// The failure of what is never sent, or was thrown away: a change of a row that was never sent is one. `None` if nothing was.
fn differences(context: &Context, mesh: &Mesh) -> Option<Failure> {
    let namespace = context.namespace();
    let unsent = replication::unsent(&mesh.unsent, unsent::NOTE, &namespace, Options::cluster_of);
    unsent.or_else(|| replication::discarded(&mesh.discarded, &namespace, Options::cluster_of))
}

/// The failure of the subscriptions that do not replicate, with what their servers' logs tell; `None` if all do.
async fn down(
    context: &Context,
    databases: &[Database],
    subscriptions: &[Subscription],
    chart_has_run: bool,
) -> Option<(Failure, bool)> {
    let down = not_replicating(subscriptions);
    if down.is_empty() {
        return None;
    }
    let reasons = replication::reasons(databases, &down).await;
    let pods = databases.iter().map(|database| (database.node.clone(), database.pod().to_owned())).collect();
    let places = Places { namespace: &context.namespace(), pods, cluster_of: Options::cluster_of };
    let failure = replication::not_replicating(subscriptions, &reasons, &places, chart_has_run)?;
    Some((failure, replication::is_known_cause(&reasons)))
}

/// What keeps the nodes from replicating, is never sent or was thrown away, with reason and hint; `None` if nothing is wrong with what can
/// be asked.
pub(crate) async fn replication_failure(context: &Context) -> Result<Option<Failure>> {
    let databases = databases(context).await?;
    let Seen::Mesh(mesh) = see(context, &databases).await? else { return Ok(None) };
    let down = down(context, &databases, &mesh.subscriptions, false).await.map(|(failure, _)| failure);
    Ok(down.or_else(|| differences(context, &mesh)))
}

/// The chart's job has made the subscriptions; they take a moment to start. What it makes and Spock does not make anew by
/// itself is not waited for: the chart runs again, once. What neither mends ends this, with what the servers say.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let mut polling = Polling::every(patience::POLL_SUBSCRIPTIONS);
    let mut waiting = Waiting::begin();
    loop {
        polling.turn().await;
        let databases = databases(context).await?;
        let mesh = match see(context, &databases).await? {
            Seen::Mesh(mesh) => mesh,
            Seen::NoAnswer(why) if waiting.is_over() => {
                let what = "the state of replication cannot be read";
                return Err(Failure::new(FailureId::ReplicationDown, what).evidence(why).into());
            }
            Seen::NoAnswer(why) => {
                reporter.waiting(why);
                continue;
            }
        };
        let chart_has_run = waiting.before_the_chart().is_some();
        match waiting.next(&mesh.subscriptions) {
            Next::Done => return refuse_differences(context, &mesh),
            Next::Wait => {
                let first = mesh.subscriptions.iter().find(|found| !found.replicates());
                reporter.waiting(first.map(Subscription::in_words).unwrap_or_default());
            }
            next => {
                let Some((failure, is_known)) = down(context, &databases, &mesh.subscriptions, chart_has_run).await
                else {
                    continue;
                };
                if next == Next::GiveUp || is_known {
                    return Err(failure.into());
                }
                reporter.waiting(format!("{}: the chart's job wires the nodes again", failure.seen().join("; ")));
                let client = context.client().await?;
                let job = release::install_and_watch(context, &client, reporter).boxed();
                waiting.while_the_chart_runs(mesh.subscriptions, job).await?;
            }
        }
    }
}

/// The proof is of this run or it is none: a second run proves again.
pub(super) fn observe_proof(context: &Context) -> Observation {
    match context.proof.get() {
        Some(matrix) => Observation::Done(matrix.summary()),
        None => Observation::Missing("not proven in this run".to_owned()),
    }
}

/// Nothing is written where it is known already that it does not arrive, and a proof does not hold where something was thrown
/// away, before it or by it.
pub(super) async fn prove(context: &Context, reporter: &StepReporter) -> Result<()> {
    let databases = databases(context).await?;
    if !context.replicates.load(Ordering::Relaxed)
        && let Seen::Mesh(mesh) = see(context, &databases).await?
    {
        if mesh.subscriptions.iter().any(Subscription::is_final)
            && let Some((failure, _)) = down(context, &databases, &mesh.subscriptions, false).await
        {
            return Err(failure.into());
        }
        refuse_differences(context, &mesh)?;
    }
    reporter.waiting("writing on every node and reading on the others");
    let matrix = match replication::prove(&databases).await? {
        Proven::Holds(matrix) => matrix,
        Proven::Late(late) => return Err(explain(&databases, &late).await.into()),
    };
    if let Seen::Mesh(mesh) = see(context, &databases).await? {
        refuse_differences(context, &mesh)?;
    }
    reporter.proof(&matrix);
    // Only this step sets it, and it runs once.
    let _ = context.proof.set(matrix);
    Ok(())
}

async fn explain(databases: &[Database], late: &Late) -> Failure {
    let look = async {
        let mesh = replication::look(databases).await?;
        let reasons = replication::reasons(databases, &not_replicating(&mesh.subscriptions)).await;
        Ok::<_, anyhow::Error>((mesh.subscriptions, reasons))
    };
    // Servers that do not answer now do not make another failure of this one.
    let (subscriptions, reasons) = tokio::time::timeout(patience::LATE_ROWS_ARE_EXPLAINED, look)
        .await
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default();
    late.failure(&subscriptions, &reasons)
}

fn not_replicating(subscriptions: &[Subscription]) -> Vec<Subscription> {
    subscriptions.iter().filter(|found| !found.replicates()).cloned().collect()
}

/// What `status` shows of replication, and the failure that it amounts to.
pub(crate) async fn mesh(context: &Context) -> Result<(Mesh, Option<Failure>)> {
    let databases = databases(context).await?;
    let mesh = look(context, &databases).await?;
    let down = down(context, &databases, &mesh.subscriptions, false).await.map(|(failure, _)| failure);
    let failure = down.or_else(|| differences(context, &mesh));
    Ok((mesh, failure))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::context::Deployed;
    use crate::steps::test_run::TestRun;

    #[tokio::test]
    async fn a_cluster_without_a_release_is_told_with_what_deploys_one() {
        let run = TestRun::new();
        let of = |error: anyhow::Error| failure::of(&error).cloned().unwrap();
        let none = of(databases(&run.context).await.unwrap_err());
        assert_eq!(none.id(), FailureId::NodeMissing);
        assert!(
            none.advice(&bootstrap_run::failure::Invocation::default())
                .contains("`pgedge-bootstrap --local --until prove"),
            "{none:?}"
        );
        run.context.set_deployed(Deployed { namespace: "default".to_owned(), nodes: 3 });
        let one_is_gone = of(databases(&run.context).await.unwrap_err());
        assert!(
            one_is_gone.advice(&bootstrap_run::failure::Invocation::default()).contains("`pgedge-bootstrap status"),
            "{one_is_gone:?}"
        );
    }
}
