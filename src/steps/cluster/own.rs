//! Which of docker's objects belong to this cluster and this owner.
//!
//! An empty list counts only if it comes from docker itself: podman, or a wrapper that fails silently, also prints an empty
//! list. So `Docker::is_dockers` asks what the engine is first, and a row that docker would not print, endless output, or
//! output that is not text is an error.

use std::sync::atomic::Ordering;

use anyhow::Result;
use bootstrap_run::deadline::Deadline;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::identity::Holder;

use super::engine;
use super::whose::{Seen, Whose};
use crate::context::{Context, made_by_another};
use crate::owner::{Maker, Owner};
use crate::patience;
use crate::tools::docker::{Container, Mark, Thing, Work, labels};

/// The docker network of the cluster, and the volume by which its name is claimed: both are removed with the cluster.
///
/// The volume is the lock on the name that all HOMEs share: docker makes it once, and labels it for the one who was first.
/// It stays, for a cluster does, and so it says whose the name is before there is anything else.
pub(super) fn network(context: &Context) -> String {
    context.options.name.in_docker()
}

/// All that there is of a cluster of this name.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) containers: Vec<Container>,
    pub(super) networks: Vec<Thing>,
    pub(super) claim: Option<Thing>,
    /// That of a run that is at work on it, or was killed.
    pub(super) mark: Option<Mark>,
    pub(super) whose: Whose,
}

/// Looks, and judges.
///
/// # Errors
/// Those of a docker that cannot be asked, and of one that is not docker: nothing is ever there for the word of another program.
pub(super) async fn find(context: &Context) -> Result<Found> {
    let (name, network) = (context.options.name.as_str(), network(context));
    let docker = &context.docker;
    let lists =
        async { tokio::try_join!(docker.kind_containers(name), docker.networks(&network), docker.claim(&network)) };
    // Who it is says more than what they answered.
    let (dockers, lists) = tokio::join!(docker.is_dockers(), lists);
    dockers?;
    let (containers, networks, (claim, mark)) = lists?;
    let own = Owner::known(&context.places.owner)?;
    let seen = Seen {
        name,
        network: &network,
        containers: &containers,
        networks: &networks,
        claim: claim.as_ref(),
        own: own.as_deref(),
        remembered: context.places.kubeconfig.exists() || context.places.engine.exists(),
    };
    let whose = seen.whose();
    Ok(Found { containers, networks, claim, mark, whose })
}

/// The Kubernetes nodes of our cluster as docker sees them; none if there is no cluster.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if a cluster of this name is there, or claimed, that is not ours.
pub(crate) async fn containers(context: &Context) -> Result<Vec<Container>> {
    let found = ours(context).await?;
    if found.containers.is_empty() {
        engine::refuse_another(context).await?;
    }
    Ok(found.containers)
}

/// # Errors
/// [`FailureId::ClusterForeign`] if a cluster of this name is there, or claimed, that is not ours.
pub(super) async fn ours(context: &Context) -> Result<Found> {
    let found = find(context).await?;
    match &found.whose {
        Whose::Nobodys | Whose::Ours => Ok(found),
        Whose::Others(maker) => Err(of_another(context, maker, &found).into()),
        Whose::Unknown(seen) => Err(unknown(context, seen)),
    }
}

/// Claims the name on this engine for us, and marks that a run is at work, until [`end_work`]. To be called by the one that holds the
/// lock. Returns where a cluster is gone that had the name and is not here any more, in words.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if a cluster of this name is there, or claimed, that is not ours; [`FailureId::RunInProgress`] if a
/// run from another HOME is changing it.
pub(crate) async fn claim(context: &Context) -> Result<Option<String>> {
    let found = ours(context).await?;
    let mut lost = None;
    if found.containers.is_empty() {
        engine::refuse_another(context).await?;
        if context.places.kubeconfig.exists() && !context.places.unfinished.exists() {
            lost = engine::loss(context).await?;
        }
    }
    if found.claim.is_none() {
        context.docker.create_volume(&network(context), &own_labels(context)?).await?;
        // Another owner may have been quicker.
        ours(context).await?;
    }
    begin_work(context, found.mark.as_ref()).await?;
    Ok(lost)
}

/// Marks that this run is at work. Whoever claims a name makes the cluster: that is `up`.
async fn begin_work(context: &Context, found: Option<&Mark>) -> Result<()> {
    let run = Holder::now("up");
    match Work::of(found) {
        Work::Here(holder) if holder.process == run.process => return Ok(()),
        Work::Here(holder) => return Err(beside_another_run(context, &holder).into()),
        Work::None | Work::Elsewhere(_) => {}
    }
    if found.is_some() {
        // It is of a run that was killed, or of one on another machine, of which nobody here can tell whether it lives.
        context.docker.unmark(&network(context)).await?;
    }
    context.docker.mark(&network(context), own_labels(context)?, &run).await?;
    context.is_marked.store(true, Ordering::Relaxed);
    Ok(())
}

/// Takes the mark of this run away. Where docker does not let us, whoever reads it finds that our process is gone.
pub(crate) async fn end_work(context: &Context, deadline: Option<Deadline>) {
    if !context.is_marked.load(Ordering::Relaxed) {
        return;
    }
    let most = patience::RUN_IS_UNMARKED;
    let left = deadline.map_or(most, |deadline| deadline.left().clamp(patience::BEYOND_THE_DEADLINE, most));
    let _ = tokio::time::timeout(left, context.docker.unmark(&network(context))).await;
}

/// The labels of what is made for this cluster.
pub(super) fn own_labels(context: &Context) -> Result<Vec<String>> {
    Ok(labels(context.options.name.as_str(), &Owner::make(&context.places.owner)?))
}

/// Makes the network of the cluster if it is not there.
pub(super) async fn ensure_network(context: &Context) -> Result<()> {
    let network = network(context);
    match context.docker.networks(&network).await?.first() {
        None => context.docker.create_network(&network, &own_labels(context)?).await,
        Some(found) if found.cluster.as_deref() == Some(context.options.name.as_str()) => Ok(()),
        Some(_) => {
            let what = format!("the docker network {network:?} was not made by this program");
            let hint = format!(
                "if it is not needed, remove it (`docker network rm {network}`) and run this again; or choose another --name"
            );
            Err(Failure::new(FailureId::ClusterForeign, what).hint(hint).into())
        }
    }
}

pub(super) fn of_another(context: &Context, maker: &Maker, found: &Found) -> Failure {
    made_by_another(&context.options.name, maker, &found.containers, found.mark.as_ref(), &context.places.owner)
}

/// A run from another HOME is changing a cluster that is ours: the two have one owner's id, as where a HOME was copied, and a lock of
/// their own each.
pub(super) fn beside_another_run(context: &Context, holder: &Holder) -> Failure {
    let what = format!("another run is changing the cluster {:?}", context.options.name.as_str());
    let (here, state) = (context.places.owner.display(), context.places.state.display());
    let seen = format!("it has the owner's id of {here}, and does not keep what it knows of the cluster in {state}");
    Failure::new(FailureId::RunInProgress, what).evidence(holder.to_string()).evidence(seen)
}

pub(super) fn unknown(context: &Context, seen: &str) -> anyhow::Error {
    let what = format!("the kind cluster {:?} was not made by this program", context.options.name.as_str());
    let hint = "choose another --name; this program never changes a cluster that it did not make";
    Failure::new(FailureId::ClusterForeign, what).evidence(seen).hint(hint).into()
}
