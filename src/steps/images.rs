//! Images: the Kubernetes node image in docker, and the pinned images inside the cluster.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::{BoxFuture, FutureExt as _};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{Failure, FailureId};
use crate::image::ImageName;
use crate::pins::{ImagePin, ImageRole};
use crate::step::Observation;
use crate::tools::docker::Container;

/// Pulls at the same time in one Kubernetes node: the largest image decides, the others fit beside it.
const PARALLEL: usize = 3;

const QUESTION: Duration = Duration::from_secs(30);

/// The node image as docker is to pull it: by digest alone, through the registry mirror if there is one.
pub(super) async fn node_image_reference(context: &Context) -> Result<String> {
    let pin = context.node_image().await?;
    let registry = pin.image.registry();
    let place = context.options.registry_mirror(registry).map_or(registry, |mirror| mirror.address());
    Ok(format!("{place}/{}@{}", pin.image.path(), pin.digest))
}

pub(super) async fn observe_node_image(context: &Context) -> Result<Observation> {
    let pin = context.node_image().await?;
    if context.docker.has_image(&node_image_reference(context).await?).await? {
        return Ok(Observation::Done(format!("Kubernetes {}", pin.kubernetes)));
    }
    Ok(Observation::Missing(format!("docker does not have {}", pin.image)))
}

pub(super) async fn pull_node_image(context: &Context, reporter: &StepReporter) -> Result<()> {
    let reference = node_image_reference(context).await?;
    reporter.waiting(format!("docker pulls {}", context.node_image().await?.image));
    context.docker.pull(&reference, crate::step::StepId::NodeImage.deadline()).await
}

/// Every pinned image is in every Kubernetes node.
pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let nodes = super::cluster::containers(context).await?;
    if nodes.is_empty() {
        return Ok(Observation::Missing("there is no cluster".to_owned()));
    }
    let missing = missing(context, &nodes).await?;
    Ok(match missing.first() {
        None => Observation::Done(format!("{} images", ImageRole::ALL.len())),
        Some((_, pin)) => {
            Observation::Missing(format!("{} of {} to pull, {} first", missing.len(), ImageRole::ALL.len(), pin.image))
        }
    })
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let nodes = super::cluster::containers(context).await?;
    let missing = missing(context, &nodes).await?;
    let total = missing.len();
    let mut pulls: Vec<BoxFuture<'_, Result<&ImageName>>> = Vec::new();
    for (node, pin) in missing {
        pulls.push(async move { pull(context, &node, pin).await.map(|()| &pin.image) }.boxed());
    }
    let mut pulls = futures::stream::iter(pulls).buffer_unordered(PARALLEL);
    let mut pulled = 0;
    reporter.waiting(format!("pulling {total} images"));
    while let Some(image) = pulls.try_next().await? {
        pulled += 1;
        reporter.waiting(format!("{pulled} of {total} images pulled, {image} last"));
    }
    Ok(())
}

async fn pull(context: &Context, node: &str, pin: &ImagePin) -> Result<()> {
    let reference = pin.reference();
    let deadline = crate::step::StepId::Images.deadline();
    let pulled = context.docker.try_exec(node, &["crictl", "pull", &reference], deadline).await?;
    if pulled.status.success() {
        return Ok(());
    }
    let seen = words_of_crictl(&pulled.tail());
    let id = if seen.contains("no space left on device") { FailureId::DiskFull } else { FailureId::ImagePullFailed };
    Err(Failure::new(id, format!("Kubernetes node {node} cannot pull {reference}")).evidence(seen).into())
}

/// crictl says everything twice, as two kinds of log line; the words are in the message of the last.
fn words_of_crictl(output: &str) -> String {
    let last = output.lines().last().unwrap_or_default();
    let message = last.split_once("msg=\"").and_then(|(_, rest)| rest.strip_suffix('"'));
    message.unwrap_or(output).replace("\\\"", "\"")
}

/// What has still to be pulled where, in the order of pulling.
async fn missing<'a>(context: &'a Context, nodes: &[Container]) -> Result<Vec<(String, &'a ImagePin)>> {
    let mut missing = Vec::new();
    for node in nodes {
        let present = present(context, &node.name).await?;
        for role in ImageRole::ALL {
            let pin = context.pins.image(role)?;
            if !present.iter().any(|name| *name == stored_name(pin)) {
                missing.push((node.name.clone(), pin));
            }
        }
    }
    Ok(missing)
}

/// The name under which containerd keeps an image: with a digest it drops the tag.
fn stored_name(pin: &ImagePin) -> String {
    match &pin.digest {
        Some(digest) => format!("{}/{}@{digest}", pin.image.registry(), pin.image.path()),
        None => pin.image.to_string(),
    }
}

async fn present(context: &Context, node: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Listing {
        images: Vec<Image>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Image {
        #[serde(default)]
        repo_tags: Vec<String>,
        #[serde(default)]
        repo_digests: Vec<String>,
    }
    let listed = context.docker.exec(node, &["crictl", "images", "--output", "json"], "", QUESTION).await?;
    let listing: Listing =
        serde_json::from_str(&listed).context("`crictl images` answered something that is not understood")?;
    Ok(listing.images.into_iter().flat_map(|image| image.repo_tags.into_iter().chain(image.repo_digests)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_crictl_are_its_last_message() {
        let output = "E1121 09:07:39 log.go:32] \"PullImage failed\" err=\"…\"\ntime=\"2026-11-21T09:07:39Z\" level=fatal msg=\"pulling image: \\\"a\\\": not found\"";
        assert_eq!(words_of_crictl(output), "pulling image: \"a\": not found");
        assert_eq!(words_of_crictl("no such container"), "no such container");
    }
}
