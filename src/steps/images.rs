//! The pinned images, pulled into the Kubernetes nodes while Kubernetes is still being set up in them.
//!
//! The first node pulls three images at a time; the other nodes get theirs from it by `ctr export` and `ctr import`. Plain
//! pulls would not do, because containerd discards the compressed layers.

mod copy;
mod pull;
mod runtime;

use anyhow::{Context as _, Result};
use bootstrap_fetch::image::ImageName;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, FailureId};
use bootstrap_run::process::StartError;
use bootstrap_run::step::Observation;
use bootstrap_run::wait::{Patience, Polling};
use futures::future::{BoxFuture, FutureExt as _};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use self::pull::Use;
use self::runtime::Runtime;
use super::registries;
use crate::context::Context;
use crate::patience;
use crate::stack::ImagePin;
use crate::tools::docker::Container;

/// Pulls at the same time in one Kubernetes node: the largest image decides, the others fit beside it.
const PARALLEL: usize = 3;

/// crictl by itself gives up after two seconds, which a machine that unpacks a gigabyte beside it may take.
const CRICTL: [&str; 3] = ["crictl", "--timeout", "20s"];

/// Every pinned image is in every Kubernetes node.
pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let runtimes = if context.is_adopted() {
        vec![Runtime::OnThisMachine]
    } else {
        let nodes = super::cluster::containers(context).await?;
        if nodes.is_empty() {
            return Ok(Observation::Missing("there is no cluster".to_owned()));
        }
        if super::cluster::may_be_removed(context) {
            return Ok(Observation::Missing("the cluster was never finished".to_owned()));
        }
        in_containers(nodes)
    };
    // The nodes may be on their way up or down at this moment: what they do not tell, they do not have.
    let missing = match missing(context, &runtimes).await {
        Ok(missing) => missing,
        // An adopted cluster may have its runtime elsewhere: what cannot be brought early comes late.
        Err(error) if context.is_adopted() && error.is::<StartError>() => {
            let what = match failure::of(&error) {
                Some(found) if error.downcast_ref() == Some(&StartError::Unusable) => found.seen().join("; "),
                _ => "there is no crictl on this machine".to_owned(),
            };
            return Ok(Observation::Done(format!("left to the kubelet: {what}")));
        }
        Err(error) => match failure::of(&error) {
            Some(found) if found.id() == FailureId::CommandFailed => {
                let seen = found.seen().first().map_or(found.summary(), String::as_str);
                return Ok(Observation::Waiting(format!("a Kubernetes node does not answer: {seen}")));
            }
            _ => return Err(error),
        },
    };
    Ok(match missing.first() {
        None => Observation::Done(format!("{} images", context.stack.pins.images.len())),
        Some((pin, _)) => {
            let all = context.stack.pins.images.len();
            Observation::Missing(format!("{} of {all} to pull, {} first", missing.len(), pin.image))
        }
    })
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    if context.is_adopted() {
        let here = Runtime::OnThisMachine;
        answers(context, &here, reporter).await?;
        return fill(context, &[here], reporter).await;
    }
    let runtimes = runtimes_that_can_pull(context, reporter).await?;
    fill(context, &runtimes, reporter).await
}

/// Waits for the runtime of a Kubernetes node that may just have been started; the step's deadline, and what was last seen,
/// end it.
async fn answers(context: &Context, runtime: &Runtime, reporter: &StepReporter) -> Result<()> {
    let mut polling = Polling::every(patience::POLL_RUNTIME);
    loop {
        polling.turn().await;
        match runtime.finish(context, &[&CRICTL[..], &["info"]].concat(), patience::NODE_ANSWERS).await {
            Ok(asked) if asked.status.success() => return Ok(()),
            Ok(_) => {}
            Err(error) => match failure::of(&error) {
                Some(found) if found.id() == FailureId::CommandDeadline => {}
                _ => return Err(error),
            },
        }
        reporter.waiting(format!("the container runtime of {} does not answer yet", runtime.node()));
    }
}

fn in_containers(nodes: Vec<Container>) -> Vec<Runtime> {
    nodes.into_iter().map(|node| Runtime::InContainer(node.name)).collect()
}

/// Waits until all Kubernetes nodes are there to stay, run, know their mirrors, and have a container runtime that answers.
async fn runtimes_that_can_pull(context: &Context, reporter: &StepReporter) -> Result<Vec<Runtime>> {
    let wanted = context.settled_nodes().await?;
    let mut polling = Polling::every(patience::POLL_RUNTIME);
    'look: loop {
        polling.turn().await;
        let nodes = super::cluster::containers(context).await?;
        if nodes.len() < wanted || nodes.iter().any(|node| !node.is_running()) {
            reporter.waiting("the Kubernetes nodes are not there yet");
            continue;
        }
        for node in &nodes {
            if let Some(why) = registries::differ(context, node).await? {
                reporter.waiting(why);
                continue 'look;
            }
        }
        let runtimes = in_containers(nodes);
        for runtime in &runtimes {
            answers(context, runtime, reporter).await?;
        }
        return Ok(runtimes);
    }
}

async fn fill(context: &Context, runtimes: &[Runtime], reporter: &StepReporter) -> Result<()> {
    let missing = missing_of_busy(context, runtimes, reporter).await?;
    let total = missing.len();
    let mut jobs: Vec<BoxFuture<'_, Result<&ImageName>>> = Vec::new();
    for (pin, lacking) in missing {
        jobs.push(async move { bring(context, pin, runtimes, &lacking, reporter).await.map(|()| &pin.image) }.boxed());
    }
    let mut jobs = futures::stream::iter(jobs).buffer_unordered(PARALLEL);
    let mut brought = 0;
    if total > 0 {
        reporter.waiting(format!("pulling {total} image{}", if total == 1 { "" } else { "s" }));
    }
    while let Some(image) = jobs.try_next().await? {
        brought += 1;
        reporter.waiting(format!("{brought} of {total} images pulled, {image} last"));
    }
    Ok(())
}

/// Brings an image into the nodes that lack it: over the network into the first, and from there into the others.
async fn bring(
    context: &Context,
    pin: &ImagePin,
    runtimes: &[Runtime],
    lacking: &[&Runtime],
    reporter: &StepReporter,
) -> Result<()> {
    let Some(first) = runtimes.first() else { return Ok(()) };
    let others: Vec<&Runtime> = lacking.iter().copied().filter(|runtime| *runtime != first).collect();
    let purpose = if others.is_empty() { Use::Here } else { Use::HandOn };
    pull::pull(context, first, pin, purpose, reporter).await?;
    for other in others {
        copy::copy(context, (first.node(), other.node()), pin, reporter).await?;
    }
    Ok(())
}

/// As [`missing`], of nodes that may be too busy to answer at once.
async fn missing_of_busy<'a>(
    context: &'a Context,
    runtimes: &'a [Runtime],
    reporter: &StepReporter,
) -> Result<Vec<(&'a ImagePin, Vec<&'a Runtime>)>> {
    let patience = Patience::begin(patience::BUSY_NODE_ANSWERS);
    let mut polling = Polling::every(patience::POLL_RUNTIME);
    loop {
        polling.turn().await;
        let error = match missing(context, runtimes).await {
            Ok(missing) => return Ok(missing),
            Err(error) => error,
        };
        match failure::of(&error) {
            Some(found) if found.id() == FailureId::CommandFailed && !patience.is_over() => {
                reporter.waiting(format!("a Kubernetes node does not answer: {}", found.seen().join("; ")));
            }
            _ => return Err(error),
        }
    }
}

/// The images that some nodes lack, in the order of pulling: the largest first (the stack has them in this order), so that it
/// does not begin when all others are done.
async fn missing<'a>(context: &'a Context, runtimes: &'a [Runtime]) -> Result<Vec<(&'a ImagePin, Vec<&'a Runtime>)>> {
    let mut present = Vec::new();
    for runtime in runtimes {
        present.push((runtime, self::present(context, runtime).await?));
    }
    let mut missing = Vec::new();
    for pin in context.stack.pins.images.values() {
        let name = stored_name(pin);
        let lacking: Vec<&Runtime> =
            present.iter().filter(|(_, images)| !images.contains(&name)).map(|(runtime, _)| *runtime).collect();
        if !lacking.is_empty() {
            missing.push((pin, lacking));
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

async fn present(context: &Context, runtime: &Runtime) -> Result<Vec<String>> {
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
    let listed = [&CRICTL[..], &["images", "--output", "json"]].concat();
    let listed = runtime.stdout(context, &listed, patience::NODE_ANSWERS).await?;
    let listing: Listing =
        serde_json::from_str(&listed).context("`crictl images` answered something that is not understood")?;
    Ok(listing.images.into_iter().flat_map(|image| image.repo_tags.into_iter().chain(image.repo_digests)).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
