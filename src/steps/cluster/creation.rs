//! A cluster from nothing, by kind.

use std::time::Duration;

use anyhow::Result;

use super::own::{containers, network};
use super::{api, not_ready, registries};
use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{self, Failure, FailureId};
use crate::file;
use crate::process::Finished;
use crate::steps::node_image;
use crate::tools::kind::NewCluster;

/// kind took 10 to 20 s here; a slow disk takes minutes.
const CREATION: Duration = Duration::from_secs(5 * 60);

const QUESTION: Duration = Duration::from_secs(30);

pub(super) async fn create(context: &Context, reporter: &StepReporter) -> Result<()> {
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
    let image = node_image::reference(context).await?;
    // kind leaves a lock beside what it writes if it is killed, so each one gets a place of its own.
    let scratch = tempfile::tempdir().map_err(failure::from_io)?;
    // Docker may have finished meanwhile what a kind that was killed had asked of it.
    let late = containers(context).await?;
    if !late.is_empty() {
        context.docker.remove(&late).await?;
    }
    let workers = context.options.workers.unwrap_or(context.options.new_workers);
    let number = usize::from(workers) + 1;
    context.settle_nodes(number);
    reporter.waiting("kind creates the Kubernetes nodes");
    let new =
        NewCluster { name, image: &image, network: &network, workers, kubeconfig: &scratch.path().join("kubeconfig") };
    let kind = context.kind();
    let created = tokio::select! {
        created = kind.create(&new, CREATION) => created?,
        never = registries::write_as_nodes_start(context, number) => match never {},
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
