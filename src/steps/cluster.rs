//! The cluster: made by kind on a network of our own, and told apart in all its states.
//!
//! What is ours is known by the label on its docker network. A cluster of our name without that network is somebody
//! else's and is never touched.

use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};

use super::{api, registries};
use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{self, Failure, FailureId};
use crate::file;
use crate::kubernetes;
use crate::process::Finished;
use crate::step::Observation;
use crate::tools::docker::Container;
use crate::tools::kind::NewCluster;
use crate::verdict::workload;

/// How long a cluster that exists gets to become ready before it counts as half-made. Starting a stopped one took
/// 10 to 20 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// A healthy API server answers in milliseconds, one that has just started in seconds.
const ANSWER: Duration = Duration::from_secs(10);

/// kind took 10 to 20 s here; a slow disk takes minutes.
const CREATION: Duration = Duration::from_secs(5 * 60);

const QUESTION: Duration = Duration::from_secs(30);

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// The docker network of the cluster: ours by its label, and removed with the cluster.
fn network(context: &Context) -> String {
    format!("pgedge-bootstrap-{}", context.options.name)
}

/// The Kubernetes nodes of our cluster as docker sees them; none if there is no cluster.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if a cluster of this name is there that we did not make.
pub(super) async fn containers(context: &Context) -> Result<Vec<Container>> {
    let (name, network) = (context.options.name.as_str(), network(context));
    let containers = context.docker.kind_containers(name).await?;
    if containers.is_empty() {
        refuse_another_engine(context).await?;
        return Ok(containers);
    }
    let ours = context.docker.network_is_ours(&network, name).await? == Some(true);
    // Docker tells no network of a container that it is just creating.
    let elsewhere = |container: &&Container| !container.networks.is_empty() && !container.networks.contains(&network);
    let foreign = containers.iter().find(|container| !ours || elsewhere(container));
    match foreign {
        None => Ok(containers),
        Some(container) => {
            let what = format!("the kind cluster {name:?} was not made by this program");
            let seen = format!("container {} is on network {}", container.name, container.networks.join(", "));
            Err(Failure::new(FailureId::ClusterForeign, what).evidence(seen).into())
        }
    }
}

/// A cluster that is not here may be in another engine, where the person's docker context pointed when it was made.
async fn refuse_another_engine(context: &Context) -> Result<()> {
    let Ok(made_in) = fs_err::read_to_string(&context.places.engine) else { return Ok(()) };
    let here = context.docker.info().await?.id;
    if made_in == here {
        return Ok(());
    }
    let what = format!("the cluster {:?} was made in another docker engine", context.options.name.as_str());
    let failure =
        Failure::new(FailureId::ClusterForeign, what).evidence(format!("made in engine {made_in}, this is {here}"));
    let hint = format!(
        "point docker at that engine (DOCKER_HOST, `docker context use`), or choose another --name; if that engine is no more, remove {}",
        context.places.state.display()
    );
    Err(failure.hint(hint).into())
}

/// Whether the nodes that docker shows may be removed by this run: those of a cluster that was never finished, until
/// it has made them anew.
pub(super) fn may_be_removed(context: &Context) -> bool {
    context.places.unfinished.exists() && !context.nodes_are_settled()
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let observation = look(context).await?;
    // What is all right stays, and so does what only has to be waited for.
    if matches!(observation, Observation::Done(_) | Observation::Waiting(_)) {
        context.settle_nodes();
    }
    Ok(observation)
}

async fn look(context: &Context) -> Result<Observation> {
    let containers = containers(context).await?;
    if containers.is_empty() {
        return Ok(Observation::Missing(format!("there is no cluster {:?}", context.options.name.as_str())));
    }
    let wanted = usize::from(context.options.workers) + 1;
    if context.places.unfinished.exists() {
        return Ok(Observation::Wrong("it was never finished".to_owned()));
    }
    if containers.len() != wanted {
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
    match look_inside(context).await {
        Ok(version) => {
            for container in &containers {
                if let Some(why) = registries::differ(context, container).await? {
                    return Ok(Observation::Wrong(why));
                }
            }
            let nodes = containers.len();
            Ok(Observation::Done(format!("{nodes} Kubernetes node{}, {version}", if nodes == 1 { "" } else { "s" })))
        }
        Err(why) => Ok(Observation::Waiting(why)),
    }
}

/// The version of a cluster that can be used, or what it lacks. An API server that hangs lacks an answer.
async fn look_inside(context: &Context) -> Result<String, String> {
    let look = tokio::time::timeout(ANSWER, look_without_limit(context)).await;
    look.unwrap_or_else(|_| Err(format!("the Kubernetes API does not answer within {} s", ANSWER.as_secs())))
}

async fn look_without_limit(context: &Context) -> Result<String, String> {
    let client = kubernetes::client(&context.places.kubeconfig).await.map_err(|error| format!("{error:#}"))?;
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = nodes
        .list(&ListParams::default())
        .await
        .map_err(|error| format!("the Kubernetes API does not answer: {}", kubernetes::words(&error)))?;
    let wanted = usize::from(context.options.workers) + 1;
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
    Ok(version.map_or_else(String::new, |info| info.kubelet_version.clone()))
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
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
    registries::write(context, &self::containers(context).await?).await?;
    ready_within(context, PATIENCE, reporter).await.map_err(|why| not_ready(context, &why))?;
    failure::ignore_missing(fs_err::remove_file(&context.places.unfinished))
}

/// Brings an existing cluster back. It may hold data, so one that does not come back is an error and is never removed.
async fn revive(context: &Context, containers: &[Container], reporter: &StepReporter) -> Result<()> {
    context.settle_nodes();
    if containers.iter().any(|container| !container.is_running()) {
        reporter.waiting("starting the stopped Kubernetes nodes");
        context.docker.start(containers).await?;
    }
    // Lost, or cut short: kind can tell it again.
    api::ensure_kubeconfig(context).await?.map_err(|why| not_ready(context, &why))?;
    ready_within(context, PATIENCE, reporter).await.map_err(|why| not_ready(context, &why))
}

async fn create(context: &Context, reporter: &StepReporter) -> Result<()> {
    let (name, network) = (context.options.name.as_str(), network(context));
    match context.docker.network_is_ours(&network, name).await? {
        Some(true) => {}
        None => context.docker.create_network(&network, name).await?,
        Some(false) => {
            let what = format!("the docker network {network:?} was not made by this program");
            return Err(Failure::new(FailureId::ClusterForeign, what).into());
        }
    }
    fs_err::create_dir_all(&context.places.state).map_err(failure::from_io)?;
    failure::ignore_missing(fs_err::remove_file(&context.places.kubeconfig))?;
    file::replace(&context.places.engine, context.docker.info().await?.id.as_bytes(), file::PUBLIC)?;
    file::replace(&context.places.unfinished, b"", file::PUBLIC)?;
    let image = super::node_image::reference(context).await?;
    // kind leaves a lock beside what it writes if it is killed, so each one gets a place of its own.
    let scratch = tempfile::tempdir().map_err(failure::from_io)?;
    // Docker may have finished meanwhile what a kind that was killed had asked of it.
    let late = containers(context).await?;
    if !late.is_empty() {
        context.docker.remove(&late).await?;
    }
    context.settle_nodes();
    reporter.waiting("kind creates the Kubernetes nodes");
    let new = NewCluster {
        name,
        image: &image,
        network: &network,
        workers: context.options.workers,
        kubeconfig: &scratch.path().join("kubeconfig"),
    };
    let kind = context.kind();
    let created = tokio::select! {
        created = kind.create(&new, CREATION) => created?,
        never = registries::write_as_nodes_start(context) => match never {},
    };
    if created.status.success() {
        return api::ensure_kubeconfig(context).await?.map_err(|why| not_ready(context, &why));
    }
    Err(create_failed(context, &created).await)
}

/// kind's own last words are a stack trace; what went wrong stands in the kubelet's journal, as long as there is one.
async fn create_failed(context: &Context, created: &Finished) -> anyhow::Error {
    let words = String::from_utf8_lossy(&created.stderr);
    let cause = words
        .lines()
        .filter(|line| line.starts_with("ERROR:") || line.contains("[ERROR "))
        .collect::<Vec<_>>()
        .join("\n");
    let mut failure = Failure::new(FailureId::ClusterCreateFailed, "kind could not create the cluster")
        .evidence(if cause.is_empty() { created.tail() } else { cause });
    let control_plane = format!("{}-control-plane", context.options.name);
    let journal =
        ["journalctl", "--unit", "kubelet", "--priority", "err", "--lines", "5", "--no-pager", "--output", "cat"];
    if let Ok(seen) = context.docker.try_exec(&control_plane, &journal, QUESTION).await
        && seen.status.success()
    {
        failure = failure.evidence(String::from_utf8_lossy(&seen.stdout));
    }
    failure.into()
}

/// Waits until the cluster can be used. Asks every half second, because an API server that is not there yet cannot be
/// watched.
async fn ready_within(context: &Context, patience: Duration, reporter: &StepReporter) -> Result<(), String> {
    let end = Instant::now() + patience;
    let mut pause = tokio::time::interval(Duration::from_millis(500));
    loop {
        pause.tick().await;
        match look_inside(context).await {
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

// ---- removal ----

/// What `down` would remove, in words. Empty if nothing of ours is there.
pub(crate) async fn remains(context: &Context) -> Result<Vec<String>> {
    let mut remains = Vec::new();
    for container in containers(context).await? {
        remains.push(format!("container {} with its volume", container.name));
    }
    let network = network(context);
    if context.docker.network_is_ours(&network, context.options.name.as_str()).await? == Some(true) {
        remains.push(format!("network {network}"));
    }
    if context.places.state.exists() {
        remains.push(format!("directory {}", context.places.state.display()));
    }
    Ok(remains)
}

/// Removes what [`remains`] names.
pub(crate) async fn remove(context: &Context) -> Result<()> {
    let containers = containers(context).await?;
    if !containers.is_empty() {
        context.docker.remove(&containers).await?;
    }
    let network = network(context);
    if context.docker.network_is_ours(&network, context.options.name.as_str()).await? == Some(true) {
        context.docker.remove_network(&network).await?;
    }
    if context.places.state.exists() {
        fs_err::remove_dir_all(&context.places.state).map_err(failure::from_io)?;
    }
    Ok(())
}
