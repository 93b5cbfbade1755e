//! The Kubernetes cluster: created by kind on a network of our own, or adopted; and the repair of each state in which it may
//! be found.
//!
//! - A cluster is ours by the owner's label on it. One of the same name with another owner, or without a label, is never
//!   touched.
//! - Only an unfinished cluster is recreated: a marker in the state directory says that it is being created, and is removed
//!   when it is ready. Without the marker a cluster may hold data: it is started and waited for, and never removed, even if
//!   its kubeconfig was lost.
//! - A cluster keeps the workers that it has: another number is refused, because kind cannot add or remove nodes.
//! - kube-controller-manager queries its API at most 20 times a second, which delays the service accounts of new namespaces
//!   in the first minute. A kubeadm patch raises that.
//! - kind's `--wait` is not used: it waits for less than we need. Its kubeconfig is written to a file that nobody reads.

mod addons;
mod cause;
mod creation;
mod engine;
mod halted;
mod inside;
mod network;
mod own;
mod removal;
mod services;
mod whose;

use std::time::{Duration, Instant};

use anyhow::Result;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::step::Observation;
use bootstrap_run::wait::{Patience, Polling};

pub(super) use self::addons::blamed;
use self::creation::create;
pub(crate) use self::halted::halted;
use self::inside::{Lack, look_inside, without_control_plane};
pub(super) use self::own::containers;
pub(crate) use self::own::{claim, end_work};
pub(crate) use self::removal::{Scope, remains, remove};
pub(super) use self::services::services_work;
use super::{api, registries};
use crate::context::Context;
use crate::patience;
use crate::tools::docker::Container;

/// Whether the nodes that docker shows may be removed by this run: those of a cluster that was never finished, until
/// it has made them anew.
pub(super) fn may_be_removed(context: &Context) -> bool {
    context.places.unfinished.exists() && !context.nodes_are_settled()
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    if context.is_adopted() {
        return Ok(look_inside(context, &[])
            .await
            .map_or_else(Lack::observed, |found| Observation::Done(found.in_words())));
    }
    let (containers, has_moved) = tokio::try_join!(containers(context), engine::has_moved(context))?;
    if containers.is_empty() {
        return Ok(Observation::Missing(format!("there is no cluster {:?}", context.options.name.as_str())));
    }
    if context.places.unfinished.exists() {
        return Ok(Observation::Wrong("it was never finished".to_owned()));
    }
    if let Some(wanted) = context.options.workers.map(|workers| usize::from(workers) + 1)
        && containers.len() != wanted
    {
        let what = format!("the cluster has {} Kubernetes nodes, not {wanted}", containers.len());
        let hint = format!("give --workers {}, or another --name", containers.len() - 1);
        return Err(Failure::new(FailureId::ShapeDiffers, what).hint(hint).into());
    }
    if let Some(lost) = without_control_plane(context, &containers) {
        return Ok(lost.observed());
    }
    if let Some(stopped) = containers.iter().find(|container| !container.is_running()) {
        return Ok(Observation::Wrong(format!("Kubernetes node {} is {}", stopped.name, stopped.state)));
    }
    if let Some(stray) = containers.iter().find(|container| !network::is_on(context, container)) {
        return Ok(Observation::Wrong(format!("Kubernetes node {} is not on the cluster's network", stray.name)));
    }
    if has_moved {
        return Ok(Observation::Wrong("its kubeconfig is of a cluster in another docker engine".to_owned()));
    }
    if !context.places.kubeconfig.exists() {
        return Ok(Observation::Wrong("its kubeconfig is not here".to_owned()));
    }
    if let Some(astray) = api::astray(context).await? {
        return Ok(astray);
    }
    // What is all right stays, and so does what only has to be waited for.
    context.settle_nodes(containers.len());
    match look_inside(context, &containers).await {
        Ok(found) => {
            for container in &containers {
                if let Some(why) = registries::differ(context, container).await? {
                    return Ok(Observation::Wrong(why));
                }
            }
            Ok(Observation::Done(found.in_words()))
        }
        Err(lack) => Ok(lack.observed()),
    }
}

/// # Errors
/// [`FailureId::ClusterForeign`] if the cluster of this name is another owner's, and those of a docker that cannot be asked: nothing
/// else tells whose the cluster is to which the kubeconfig leads.
pub(crate) async fn refuse_foreign(context: &Context) -> Result<()> {
    if context.is_adopted() { Ok(()) } else { own::ours(context).await.map(drop) }
}

/// Sees to it that our kubeconfig leads to our cluster, for those who use it, or hand it on, outside of a run. Returns what was wrong
/// with the one that was there, and is written anew.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if that cluster is not ours, [`FailureId::ClusterChanged`] if kind does not tell another one, and
/// those of [`Context::checked_kubeconfig`].
pub(crate) async fn lead_home(context: &Context) -> Result<Option<String>> {
    if context.is_adopted() || !context.places.kubeconfig.exists() {
        return Ok(None);
    }
    let Err(error) = context.checked_kubeconfig().await else { return Ok(None) };
    let Some(astray) = failure::of(&error).cloned() else { return Err(error) };
    if !matches!(astray.id(), FailureId::ClusterChanged | FailureId::KubeconfigInvalid) {
        return Err(error);
    }
    if containers(context).await?.is_empty() || may_be_removed(context) {
        return Err(error);
    }
    let unwritten = match context.write_kubeconfig().await {
        Ok(Ok(why)) => return Ok(why),
        Ok(Err(words)) => words,
        Err(unwritten) => match failure::of(&unwritten) {
            Some(found) => format!("{found}: {}", found.seen().join("; ")),
            None => return Err(unwritten),
        },
    };
    Err(astray.evidence(unwritten).into())
}

/// Why nothing can be told of what is in a cluster: it is another's, it does not run, or it has no kubeconfig here and docker cannot be
/// asked. `None` if docker shows nothing wrong.
///
/// # Errors
/// What is not an expected failure.
pub(crate) async fn cause_in_docker(context: &Context) -> Result<Option<Failure>> {
    if context.is_adopted() {
        return Ok(None);
    }
    match own::ours(context).await {
        Ok(found) => Ok(halted::of(context, &found.containers)),
        Err(error) => match failure::of(&error) {
            // The cluster itself may still answer by its kubeconfig.
            Some(found) if found.id() != FailureId::ClusterForeign && context.places.kubeconfig.exists() => Ok(None),
            Some(found) => Ok(Some(found.clone())),
            None => Err(error),
        },
    }
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    if context.is_adopted() {
        return ready_within(context, &[], patience::ADOPTED_CLUSTER_IS_READY, reporter)
            .await
            .map_err(|lack| lack.into_error(context));
    }
    let containers = containers(context).await?;
    let unfinished = context.places.unfinished.exists();
    if !containers.is_empty() && !unfinished {
        revive(context, &containers, reporter).await?;
        return registries::write(context, &self::containers(context).await?).await;
    }
    if !containers.is_empty() {
        reporter.waiting("removing what is left of a cluster that was never finished");
        context.docker.remove(&containers).await?;
    }
    create(context, reporter).await?;
    let containers = self::containers(context).await?;
    registries::write(context, &containers).await?;
    ready_within(context, &containers, patience::CLUSTER_IS_READY, reporter)
        .await
        .map_err(|lack| lack.into_error(context))?;
    let client = context.client().await?;
    services_work(&client, reporter).await;
    services::restart_what_crashed(&client).await?;
    failure::ignore_missing(fs_err::remove_file(&context.places.unfinished))
}

/// Brings an existing cluster back. It may hold data, so one that does not come back is an error and is never removed.
async fn revive(context: &Context, containers: &[Container], reporter: &StepReporter) -> Result<()> {
    context.settle_nodes(containers.len());
    if let Some(lost) = without_control_plane(context, containers) {
        return Err(lost.into_error(context));
    }
    if engine::remember(context).await? {
        // That of a cluster in the other engine.
        failure::ignore_missing(fs_err::remove_file(&context.places.kubeconfig))?;
    }
    network::mend(context, containers, reporter).await?;
    if containers.iter().any(|container| !container.is_running()) {
        reporter.waiting("starting the stopped Kubernetes nodes");
        context.docker.start(containers).await?;
    }
    // Lost, or cut short: kind can tell it again.
    api::ensure_kubeconfig(context, reporter).await?.map_err(|why| not_ready(context, &why))?;
    ready_within(context, containers, patience::CLUSTER_IS_READY, reporter)
        .await
        .map_err(|lack| lack.into_error(context))
}

/// Waits until the cluster with these Kubernetes nodes can be used, or never will.
async fn ready_within(
    context: &Context,
    containers: &[Container],
    patience: Duration,
    reporter: &StepReporter,
) -> Result<(), Lack> {
    let patience = Patience::begin(patience);
    let mut polling = Polling::every(patience::POLL_CLUSTER);
    let mut mending = addons::Mending::default();
    loop {
        polling.turn().await;
        let Err(lack) = look_inside(context, containers).await else { return Ok(()) };
        match lack {
            Lack::Addon(mut dead) => match mending.next(&mut dead, context.is_adopted(), Instant::now()) {
                addons::Next::Mend => {
                    let mended = addons::mend(context, &dead, reporter).await;
                    mended.map_err(|error| addons::not_mended(&dead, &error))?;
                }
                addons::Next::Wait if !patience.is_over() => reporter.waiting(dead.in_words()),
                addons::Next::Wait | addons::Next::GiveUp => return Err(Lack::Addon(dead)),
            },
            Lack::Passing(why) if !patience.is_over() => reporter.waiting(why),
            lack => return Err(lack),
        }
    }
}

fn not_ready(context: &Context, why: &str) -> anyhow::Error {
    let what = format!("the cluster {:?} does not become ready", context.options.name.as_str());
    Failure::new(FailureId::ClusterNotReady, what).evidence(why).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
pub(super) mod tests;
