//! The Kubernetes node image in docker.

use anyhow::Result;
use bootstrap_run::event::StepReporter;
use bootstrap_run::step::Observation;

use crate::context::Context;

/// The node image as docker is to pull it: by digest alone, through the registry mirror if there is one.
pub(super) async fn reference(context: &Context) -> Result<String> {
    let pin = context.node_image().await?;
    let registry = pin.image.registry();
    let place = context.options.registry_mirror(registry).map_or(registry, |mirror| mirror.address());
    Ok(format!("{place}/{}@{}", pin.image.path(), pin.known_digest()?))
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let pin = context.node_image().await?;
    if context.docker.has_image(&reference(context).await?).await? {
        return Ok(Observation::Done(format!("Kubernetes {}", pin.kubernetes)));
    }
    Ok(Observation::Missing(format!("docker does not have {}", pin.image)))
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let reference = reference(context).await?;
    reporter.waiting(format!("docker pulls {}", context.node_image().await?.image));
    context.docker.pull(&reference, crate::step_id::StepId::NodeImage.deadline()).await
}
