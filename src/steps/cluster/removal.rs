//! The cluster's end: what we made goes, and nothing else.

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::file;
use bootstrap_run::identity::Holder;

use super::engine;
use super::own::{beside_another_run, find, network, of_another, ours, unknown};
use super::whose::Whose;
use crate::context::Context;
use crate::owner::{Maker, Owner};
use crate::tools::docker::{Container, Thing, Work};

/// What may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What is ours.
    Own,
    /// What this program made for another owner, too, and what is remembered of a cluster in an engine that does not answer.
    Others,
}

/// What there is to remove.
#[derive(Debug)]
pub(crate) struct Remains {
    containers: Vec<Container>,
    networks: Vec<Thing>,
    volumes: Vec<Thing>,
    /// Why [`Scope::Own`] does not allow to remove it.
    pub(crate) refusal: Option<Failure>,
    /// Where the cluster was, if it is gone already.
    pub(crate) lost: Option<String>,
    /// The run that may be at work on it, in words.
    pub(crate) beside: Option<String>,
    /// All of it in words. Empty if nothing is there.
    pub(crate) words: Vec<String>,
}

/// What `down` would remove.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if the scope does not allow it, [`FailureId::RunInProgress`] if its owner is at work on it, from another HOME if that is us, [`FailureId::NetworkInUse`] if somebody else's things are in the way.
pub(crate) async fn remains(context: &Context, scope: Scope) -> Result<Remains> {
    let mut remains = Remains {
        containers: Vec::new(),
        networks: Vec::new(),
        volumes: Vec::new(),
        refusal: None,
        lost: None,
        beside: None,
        words: Vec::new(),
    };
    // A cluster that was there before stays, with all that is in it.
    if !context.is_adopted() {
        let found = match scope {
            Scope::Own => ours(context).await?,
            Scope::Others => find(context).await?,
        };
        let containers = &found.containers;
        if found.whose == Whose::Ours {
            match Work::of(found.mark.as_ref()) {
                Work::Here(holder) => return Err(beside_another_run(context, &holder).into()),
                work => remains.beside = work.in_words(),
            }
        }
        match &found.whose {
            Whose::Unknown(seen) => return Err(unknown(context, seen)),
            Whose::Others(maker) => {
                remains.refusal = Some(of_another(context, maker, &found));
                match Work::of(found.mark.as_ref()) {
                    Work::Here(holder) => return Err(at_work(context, maker, &holder).into()),
                    work => remains.beside = work.in_words(),
                }
            }
            // Whoever asks to see first must not lose what is their own.
            Whose::Ours if scope == Scope::Others && !containers.is_empty() => {
                let what =
                    format!("the cluster {:?} is your own, and nothing was removed", context.options.name.as_str());
                remains.refusal = Some(Failure::new(FailureId::RemovalUnconfirmed, what));
            }
            Whose::Nobodys | Whose::Ours => {}
        }
        if containers.is_empty() {
            match engine::refuse_another(context).await {
                Err(error) if scope == Scope::Others => remains.refusal = Some(error.downcast()?),
                refused => refused?,
            }
            remains.lost = engine::loss(context).await?.filter(|_| context.places.kubeconfig.exists());
        }
        let name = context.options.name.as_str();
        let own = Owner::known(&context.places.owner)?;
        // A leftover of another owner is theirs, also where the cluster is ours.
        let in_scope = |thing: &Thing| {
            let maker = thing.maker.as_ref().map(|maker| maker.owner.as_str());
            thing.cluster.as_deref() == Some(name)
                && (scope == Scope::Others || maker.is_none() || maker == own.as_deref())
        };
        remains.networks = found.networks.into_iter().filter(in_scope).collect();
        remains.volumes = context.docker.unused_volumes(name).await?.into_iter().filter(in_scope).collect();
        remains.containers = found.containers;
        for network in &remains.networks {
            refuse_guests(context, network, &remains.containers).await?;
        }
    }
    let containers = remains.containers.iter().map(|container| format!("container {} with its volume", container.name));
    let networks = remains.networks.iter().map(|_| format!("network {}", network(context)));
    let volumes = remains.volumes.iter().map(|volume| format!("volume {}", volume.id));
    remains.words = containers.chain(networks).chain(volumes).collect();
    if context.places.state.exists() {
        remains.words.push(format!("directory {}", context.places.state.display()));
    }
    Ok(remains)
}

impl Remains {
    /// What would be removed that is not ours, as a failure that shows it; `None` if it is ours, or nothing is there.
    pub(crate) fn shown(&self) -> Option<Failure> {
        let refusal = self.refusal.clone().filter(|_| !self.words.is_empty())?;
        let would: Vec<String> = self.words.iter().map(|what| format!("would remove {what}")).collect();
        let refusal = refusal.evidence(would.join("\n"));
        if refusal.id() == FailureId::RemovalUnconfirmed {
            return Some(refusal);
        }
        Some(refusal.hint(hint![Ours::TakeOverNow, " removes this, with all data in it"]))
    }
}

/// A run is at work on the cluster of another owner: what is removed beneath it would be made anew beside what is left.
fn at_work(context: &Context, maker: &Maker, holder: &Holder) -> Failure {
    let what = format!("a run of another owner, {maker}, is changing the cluster {:?}", context.options.name.as_str());
    let hint = hint!["wait for it to end, or have it stopped; then ", Ours::TakeOver, " shows what it would remove"];
    Failure::new(FailureId::RunInProgress, what).evidence(holder.to_string()).hint(hint)
}

/// What somebody else has put on our network keeps it from being removed, and is not ours to stop.
async fn refuse_guests(context: &Context, network: &Thing, nodes: &[Container]) -> Result<()> {
    let guests = context.docker.guests(network).await?;
    let guests: Vec<String> =
        guests.into_iter().filter(|guest| !nodes.iter().any(|node| node.name == *guest)).collect();
    if guests.is_empty() {
        return Ok(());
    }
    let what = format!("other containers are on the network of the cluster {:?}", context.options.name.as_str());
    Err(Failure::new(FailureId::NetworkInUse, what).evidence(guests.join("\n")).into())
}

/// Removes what was found in docker. The state directory is left to the caller.
pub(crate) async fn remove(context: &Context, remains: &Remains) -> Result<()> {
    if !remains.containers.is_empty() {
        // What is left if this is interrupted is no cluster that anybody could go on with.
        if context.places.state.exists() {
            // Where nothing can be written, as on a full disk, removing is what helps.
            let _ = file::replace(&context.places.unfinished, b"", file::PUBLIC);
        }
        context.docker.remove(&remains.containers).await?;
    }
    context.docker.remove_networks(&remains.networks).await?;
    // The claim of the name is the last that goes.
    context.docker.remove_volumes(&remains.volumes).await
}
