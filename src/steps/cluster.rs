//! The cluster: made by kind on a network of our own, or there before, and told apart in all its states.
//!
//! What is ours is known by the label on its docker network. A cluster of our name without that network is somebody
//! else's and is never touched. One that was adopted is waited for, and that is all.

mod creation;
mod own;
mod removal;
mod services;

use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};

use self::creation::create;
pub(super) use self::own::containers;
pub(crate) use self::removal::{remains, remove};
pub(super) use self::services::services_work;
use super::{api, registries};
use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{self, Failure, FailureId};
use crate::kubernetes;
use crate::step::Observation;
use crate::tools::docker::Container;
use crate::verdict::workload;

/// How long a cluster that exists gets to become ready before it counts as half-made. Starting a stopped one took
/// 10 to 20 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// A virtual machine that has just been started sets its cluster up meanwhile. Shorter than the step's deadline, so that
/// what is lacking is told.
const PATIENCE_WITH_ADOPTED: Duration = Duration::from_secs(9 * 60);

/// A healthy API server answers in milliseconds, one that has just started in seconds.
const ANSWER: Duration = Duration::from_secs(10);

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Whether the nodes that docker shows may be removed by this run: those of a cluster that was never finished, until
/// it has made them anew.
pub(super) fn may_be_removed(context: &Context) -> bool {
    context.places.unfinished.exists() && !context.nodes_are_settled()
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    if context.is_adopted() {
        return Ok(look_inside(context, 1)
            .await
            .map_or_else(Observation::Waiting, |found| Observation::Done(found.in_words())));
    }
    let containers = containers(context).await?;
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
    if let Some(stopped) = containers.iter().find(|container| !container.is_running()) {
        return Ok(Observation::Wrong(format!("Kubernetes node {} is {}", stopped.name, stopped.state)));
    }
    if !context.places.kubeconfig.exists() {
        return Ok(Observation::Wrong("its kubeconfig is not here".to_owned()));
    }
    // What is all right stays, and so does what only has to be waited for.
    context.settle_nodes(containers.len());
    match look_inside(context, containers.len()).await {
        Ok(found) => {
            for container in &containers {
                if let Some(why) = registries::differ(context, container).await? {
                    return Ok(Observation::Wrong(why));
                }
            }
            Ok(Observation::Done(found.in_words()))
        }
        Err(why) => Ok(Observation::Waiting(why)),
    }
}

/// A cluster that can be used.
struct Usable {
    nodes: usize,
    /// That of its first node's kubelet.
    version: String,
}

impl Usable {
    fn in_words(&self) -> String {
        format!("{} Kubernetes node{}, {}", self.nodes, if self.nodes == 1 { "" } else { "s" }, self.version)
    }
}

/// The cluster with so many Kubernetes nodes, or what it lacks. An API server that hangs lacks an answer.
async fn look_inside(context: &Context, wanted: usize) -> Result<Usable, String> {
    let look = tokio::time::timeout(ANSWER, look_without_limit(context, wanted)).await;
    look.unwrap_or_else(|_| Err(format!("the Kubernetes API does not answer within {} s", ANSWER.as_secs())))
}

async fn look_without_limit(context: &Context, wanted: usize) -> Result<Usable, String> {
    let client = kubernetes::client(&context.places.kubeconfig).await.map_err(|error| format!("{error:#}"))?;
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = nodes
        .list(&ListParams::default())
        .await
        .map_err(|error| format!("the Kubernetes API does not answer: {}", kubernetes::words(&error)))?;
    if nodes.items.len() < wanted {
        return Err(format!("{} of {wanted} Kubernetes nodes have joined", nodes.items.len()));
    }
    for node in &nodes.items {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        workload::node(node).map_err(|why| format!("Kubernetes node {name} is not ready: {why}"))?;
    }
    let classes: Api<StorageClass> = Api::all(client);
    let classes = classes.list(&ListParams::default()).await.map_err(|error| kubernetes::words(&error))?;
    let is_default = |class: &StorageClass| {
        class
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|notes| notes.get(DEFAULT_CLASS).is_some_and(|value| value == "true"))
    };
    if !classes.items.iter().any(is_default) {
        return Err("there is no default storage class".to_owned());
    }
    let version = nodes.items.first().and_then(|node| node.status.as_ref()?.node_info.as_ref());
    let version = version.map_or_else(String::new, |info| info.kubelet_version.clone());
    Ok(Usable { nodes: nodes.items.len(), version })
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    if context.is_adopted() {
        return ready_within(context, 1, PATIENCE_WITH_ADOPTED, reporter).await.map_err(|why| not_ready(context, &why));
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
    ready_within(context, containers.len(), PATIENCE, reporter).await.map_err(|why| not_ready(context, &why))?;
    let client = kubernetes::client(&context.places.kubeconfig).await?;
    services_work(&client, reporter).await;
    services::restart_what_crashed(&client).await?;
    failure::ignore_missing(fs_err::remove_file(&context.places.unfinished))
}

/// Brings an existing cluster back. It may hold data, so one that does not come back is an error and is never removed.
async fn revive(context: &Context, containers: &[Container], reporter: &StepReporter) -> Result<()> {
    context.settle_nodes(containers.len());
    if containers.iter().any(|container| !container.is_running()) {
        reporter.waiting("starting the stopped Kubernetes nodes");
        context.docker.start(containers).await?;
    }
    // Lost, or cut short: kind can tell it again.
    api::ensure_kubeconfig(context).await?.map_err(|why| not_ready(context, &why))?;
    ready_within(context, containers.len(), PATIENCE, reporter).await.map_err(|why| not_ready(context, &why))
}

/// Waits until the cluster with so many Kubernetes nodes can be used. Asks every half second, because an API server that is not there yet cannot be
/// watched.
async fn ready_within(
    context: &Context,
    nodes: usize,
    patience: Duration,
    reporter: &StepReporter,
) -> Result<(), String> {
    let end = Instant::now() + patience;
    let mut pause = tokio::time::interval(Duration::from_millis(500));
    loop {
        pause.tick().await;
        match look_inside(context, nodes).await {
            Ok(_) => return Ok(()),
            Err(why) if Instant::now() >= end => return Err(why),
            Err(why) => reporter.waiting(why),
        }
    }
}

fn not_ready(context: &Context, why: &str) -> anyhow::Error {
    let what = format!("the cluster {:?} does not become ready", context.options.name.as_str());
    Failure::new(FailureId::ClusterNotReady, what).evidence(why).into()
}
