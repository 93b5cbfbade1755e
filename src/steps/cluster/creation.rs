//! A cluster from nothing, by kind.

use anyhow::Result;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure;
use bootstrap_run::file;
use bootstrap_run::process::Finished;

use super::own::{claim, containers, ensure_network, network, own_labels};
use super::{api, cause, engine, not_ready, registries};
use crate::context::Context;
use crate::patience;
use crate::steps::node_image;
use crate::tools::docker::labelled;
use crate::tools::kind::NewCluster;

pub(super) async fn create(context: &Context, reporter: &StepReporter) -> Result<()> {
    let (name, network) = (context.options.name.as_str(), network(context));
    claim(context).await?;
    ensure_network(context).await?;
    fs_err::create_dir_all(&context.places.state).map_err(failure::from_io)?;
    failure::ignore_missing(fs_err::remove_file(&context.places.kubeconfig))?;
    engine::remember(context).await?;
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
    let programs = scratch.path().join("programs");
    fs_err::create_dir(&programs).map_err(failure::from_io)?;
    let environment = labelled::environment(&programs, &own_labels(context)?)?;
    let kubeconfig = &scratch.path().join("kubeconfig");
    let new = NewCluster { name, image: &image, network: &network, workers, kubeconfig, environment };
    let kind = context.kind();
    let created = tokio::select! {
        created = kind.create(&new, patience::KIND_CREATES) => created?,
        never = registries::write_as_nodes_start(context, number) => match never {},
    };
    if created.status.success() {
        return api::ensure_kubeconfig(context, reporter).await?.map_err(|why| not_ready(context, &why));
    }
    Err(create_failed(context, &created).await)
}

/// What kind says behind its command; and where kubeadm was the one to fail, the kubelet's journal, as long as there is one.
async fn create_failed(context: &Context, created: &Finished) -> anyhow::Error {
    let mut failure = cause::of(&String::from_utf8_lossy(&created.stderr)).into_failure();
    let control_plane = format!("{}-control-plane", context.options.name);
    let journal =
        ["journalctl", "--unit", "kubelet", "--priority", "err", "--lines", "5", "--no-pager", "--output", "cat"];
    if let Ok(seen) = context.docker.try_exec(&control_plane, &journal, patience::NODE_ANSWERS).await
        && seen.status.success()
    {
        failure = failure.evidence(String::from_utf8_lossy(&seen.stdout));
    }
    failure.into()
}
