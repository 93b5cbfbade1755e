//! What is told of an adopted cluster before anything is written into it: which one it is, and what it does not have yet.

use std::sync::atomic::Ordering;

use anyhow::Result;
use bootstrap_cluster::adoption::{Adoption, Site};
use bootstrap_cluster::kubernetes;
use bootstrap_run::event::{Adopted, Creation, StepReporter};
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::step::Stage;
use kube::Client;

use super::permissions::{self, Allowed};
use super::{operators, release};
use crate::context::Context;
use crate::stack::OperatorName;

/// To be called once the cluster has answered. Tells once, in a run, which cluster it is; then refuses one in which the run would
/// be refused, and one whose operators cannot be used.
///
/// # Errors
/// [`FailureId::PermissionsMissing`], [`FailureId::OperatorForeign`].
pub(super) async fn enter(context: &Context, version: &str) -> Result<Result<(), Failure>> {
    let client = context.client().await?;
    if let Some(until) = context.intent.get().copied() {
        tell(context, until, Some(version)).await?;
        match permissions::check(context, until).await? {
            Allowed::Yes => {}
            Allowed::NotYet(failure) => return Ok(Err(failure)),
            Allowed::No(failure) => return Err(failure.into()),
        }
    }
    operators::refuse_foreign(context, &client).await.map(Ok)
}

/// Tells once, in a run, which cluster it is.
pub(super) async fn tell(context: &Context, until: Stage, version: Option<&str>) -> Result<()> {
    // A look outside of a run tells its finding, and nobody else listens.
    let Some(reporter) = StepReporter::current() else { return Ok(()) };
    let Some(site) = Adoption::read(&context.places.state)?.and_then(|adoption| adoption.site) else { return Ok(()) };
    if !context.is_announced.swap(true, Ordering::Relaxed) {
        reporter.adopted(announcement(context, until, &site, version.map(str::to_owned)).await);
    }
    Ok(())
}

/// What is known of an adopted cluster, whether it answers or not.
pub(crate) async fn announcement(context: &Context, until: Stage, site: &Site, version: Option<String>) -> Adopted {
    // pgEdge goes on where it is. What cannot be read is told by the step that needs it.
    let _ = release::locate(context).await;
    let client = context.client().await.ok();
    let uid = match &client {
        Some(client) => kubernetes::cluster_uid(client).await.ok(),
        None => None,
    };
    // Everybody may ask for the version.
    let version = match (&version, &client) {
        (None, Some(client)) => client.apiserver_version().await.ok().map(|told| told.git_version),
        _ => version,
    };
    let creates = creates(context, until, client.as_ref()).await;
    Adopted {
        context: site.context.clone(),
        server: site.server.clone(),
        version,
        uid: uid.or(site.uid.clone()),
        creates,
    }
}

async fn creates(context: &Context, until: Stage, client: Option<&Client>) -> Vec<Creation> {
    let mut creates = Vec::new();
    let stack = &context.stack;
    for (name, operator) in &stack.operators {
        if until >= Stage::Operators && is_to_be_made(context, client, *name).await {
            let (what, namespace) = (operator.title.clone(), operator.namespace.clone());
            let version = stack.pins.manifests.get(name).map(|pin| pin.version.clone()).unwrap_or_default();
            creates.push(Creation { what, version, namespace });
        }
    }
    if let Some(chart) = &stack.pins.chart
        && until >= Stage::Deploy
        && context.deployed().is_none()
    {
        let (what, version) = (stack.title.clone(), chart.version.clone());
        creates.push(Creation { what, version, namespace: context.namespace() });
    }
    creates
}

/// What cannot be looked at is told as it is planned.
async fn is_to_be_made(context: &Context, client: Option<&Client>, operator: OperatorName) -> bool {
    let Some(client) = client else { return true };
    match operators::is_to_be_made(context, client, operator).await {
        Ok(is_to_be_made) => is_to_be_made,
        Err(error) => failure::of(&error).map(Failure::id) != Some(FailureId::OperatorForeign),
    }
}

/// For a look at what a run would do: refuses a cluster in which it would be refused.
///
/// # Errors
/// [`FailureId::PermissionsMissing`].
pub(crate) async fn refuse_forbidden(context: &Context, until: Stage) -> Result<()> {
    match permissions::check(context, until).await {
        Ok(Allowed::No(failure) | Allowed::NotYet(failure)) => Err(failure.into()),
        // A server that does not answer, or a kubeconfig that is not there yet: the look itself tells.
        Ok(Allowed::Yes) | Err(_) => Ok(()),
    }
}
