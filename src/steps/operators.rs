//! The operators of the stack: their pinned manifests are applied, and their webhooks answer.
//!
//! - Images are named by digest: in the Deployment *and* in the setting by which an operator learns its own image, or its
//!   pods would be pulled by tag.
//! - An operator that others installed in an adopted cluster is used as it is, or refused; nothing of it is changed.
//! - Readiness probes of the manifests run every ten seconds, which costs as much at the start, so they run more often then
//!   (`ask_often_at_the_start`).

mod found;
mod mend;

use std::path::PathBuf;
use std::sync::PoisonError;

use anyhow::{Context as _, Result};
use bootstrap_cluster::kubernetes::{self, Answer, Manifest, Site};
use bootstrap_cluster::verdict::{pod, workload};
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{Failure, FailureId, Hint, Ours, hint};
use bootstrap_run::step::Observation;
use bootstrap_run::work::heavy;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt as _};

use self::found::{Found, Stand, stand};
use super::cluster;
use crate::context::Context;
use crate::stack::{ImagePin, Operator, OperatorName};

// ---- the manifest ----

async fn manifest_file(context: &Context, operator: OperatorName) -> Result<Option<PathBuf>> {
    context.store.verified(context.stack.pins.manifest(operator)?.sum()?).await
}

pub(super) async fn observe_manifest(context: &Context, operator: OperatorName) -> Result<Observation> {
    Ok(match manifest_file(context, operator).await? {
        Some(_) => Observation::Done(context.stack.pins.manifest(operator)?.version.clone()),
        None => Observation::Missing("not downloaded yet".to_owned()),
    })
}

pub(super) async fn fetch_manifest(context: &Context, operator: OperatorName, reporter: &StepReporter) -> Result<()> {
    let pin = context.stack.pins.manifest(operator)?;
    context.fetcher()?.fetch(&pin.url, pin.sum()?, reporter).await.map(drop)
}

// ---- the operator ----

/// # Errors
/// [`OperatorForeign`](bootstrap_run::failure::FailureId::OperatorForeign) if an adopted cluster has an operator of somebody else that cannot be used: to be called
/// before anything is applied there.
pub(super) async fn refuse_foreign(context: &Context, client: &Client) -> Result<()> {
    let looks = context.stack.operator_names().map(|operator| stand(context, client, operator));
    futures::future::try_join_all(looks).await.map(drop)
}

/// Whether the operator is to be made, or to be made another version: nobody else has installed it, and it is not there as it is
/// pinned.
pub(super) async fn is_to_be_made(context: &Context, client: &Client, operator: OperatorName) -> Result<bool> {
    if let Stand::Used(_) = stand(context, client, operator).await? {
        return Ok(false);
    }
    let facts = context.stack.operator(operator)?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &facts.namespace);
    for (name, role) in &facts.deployments {
        let found = deployments.get_opt(name).await;
        let found = found.map_err(|error| kubernetes::refused(format!("cannot read deployment {name}"), &error))?;
        let pinned = context.stack.pins.image(*role)?.reference();
        if found.is_none_or(|found| image_of(&found) != pinned) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn observe(context: &Context, operator: OperatorName) -> Result<Observation> {
    let client = context.client().await?;
    match stand(context, &client, operator).await? {
        Stand::Ours => observe_ours(context, &client, operator).await,
        Stand::Used(found) => observe_used(&client, context.stack.operator(operator)?, &found).await,
    }
}

async fn observe_ours(context: &Context, client: &Client, operator: OperatorName) -> Result<Observation> {
    let facts = context.stack.operator(operator)?;
    let manifest = outline(context, operator).await?;
    let lacks = match &manifest {
        Some(manifest) => kubernetes::lacks(client, manifest).await?,
        None => Vec::new(),
    };
    // Whatever is wrong with a Deployment whose types are gone comes from that.
    if manifest.as_ref().is_some_and(|manifest| kubernetes::has_lost_types(manifest, &lacks)) {
        return Ok(Observation::Wrong(mend::in_words(&lacks)));
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &facts.namespace);
    let mut late = None;
    for (name, role) in &facts.deployments {
        let found = deployments.get_opt(name).await;
        let Some(found) =
            found.map_err(|error| kubernetes::refused(format!("cannot read deployment {name}"), &error))?
        else {
            return Ok(Observation::Missing(format!("deployment {name} is not there")));
        };
        let (image, wanted) = (image_of(&found), context.stack.pins.image(*role)?.reference());
        if image != wanted {
            return Ok(Observation::Wrong(format!("deployment {name} runs {image}, pinned is {wanted}")));
        }
        late = late.or_else(|| workload::deployment(&found).err().map(|why| format!("{name}: {why}")));
    }
    // What is gone says why its Deployment is late.
    if !lacks.is_empty() {
        return Ok(Observation::Wrong(mend::in_words(&lacks)));
    }
    if let Some(why) = late {
        return Ok(Observation::Waiting(why));
    }
    if let (Some(manifest), Some(authority)) = (&manifest, facts.authority()) {
        let lacks = kubernetes::bundles(client, manifest, authority).await?;
        if !lacks.is_empty() {
            return Ok(Observation::Waiting(mend::in_words(&lacks)));
        }
    }
    Ok(match ask(client, facts).await {
        Answer::Serving => {
            let version = &context.stack.pins.manifest(operator)?.version;
            let lost = context.lost_types.lock().unwrap_or_else(PoisonError::into_inner).get(&operator).cloned();
            Observation::Done(lost.map_or_else(|| version.clone(), |lost| format!("{version}; {lost}")))
        }
        Answer::NotServing(words) => Observation::Waiting(format!("its webhook does not answer yet: {words}")),
    })
}

async fn observe_used(client: &Client, operator: &Operator, found: &Found) -> Result<Observation> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &found.namespace);
    let name = &found.deployment;
    let running = deployments.get(name).await;
    let running = running.map_err(|error| kubernetes::refused(format!("cannot read deployment {name}"), &error))?;
    if let Err(why) = workload::deployment(&running) {
        return Ok(Observation::Waiting(format!("deployment {}/{name}: {why}", found.namespace)));
    }
    Ok(match ask(client, operator).await {
        Answer::Serving => {
            let version = found.version.as_deref().unwrap_or_default();
            Observation::Done(format!("{version}, that of namespace {}, used as it is", found.namespace))
        }
        Answer::NotServing(words) => Observation::Waiting(format!("its webhook does not answer yet: {words}")),
    })
}

/// Asks the operator's webhook. One that has none answers as soon as it is available.
async fn ask(client: &Client, operator: &Operator) -> Answer {
    match &operator.probe {
        Some(question) => question.probe().ask(client).await,
        None => Answer::Serving,
    }
}

/// `None` while the file is not there: then there is nothing to compare with.
async fn outline(context: &Context, operator: OperatorName) -> Result<Option<Manifest>> {
    let Some(file) = manifest_file(context, operator).await? else { return Ok(None) };
    let text = fs_err::read_to_string(file).context("cannot read the manifest")?;
    let mut manifest = heavy(move || Manifest::outline(&text)).await?;
    manifest.say_what_is_meant();
    Ok(Some(manifest))
}

pub(super) async fn apply(context: &Context, operator: OperatorName, reporter: &StepReporter) -> Result<()> {
    let client = context.client().await?;
    if let Stand::Used(found) = stand(context, &client, operator).await? {
        return mend::wait_for_used(&client, context.stack.operator(operator)?, &found, reporter).await;
    }
    let file = manifest_file(context, operator).await?.context("the manifest has vanished from the store")?;
    let text = fs_err::read_to_string(file).context("cannot read the manifest")?;
    let facts = context.stack.operator(operator)?;
    let images: Vec<&ImagePin> =
        facts.deployments.values().map(|role| context.stack.pins.image(*role)).collect::<Result<_>>()?;
    // Half a million nodes of YAML take a moment.
    let mut manifest = heavy(move || Manifest::parse(&text)).await?;
    for image in images {
        manifest.replace_image(&image.image.to_string(), &image.reference());
    }
    manifest.ask_often_at_the_start();
    manifest.say_what_is_meant();
    let lacks = mend::what_is_lacking(&client, &manifest, reporter).await?;
    if kubernetes::has_lost_types(&manifest, &lacks) {
        let lost = mend::types_in_words(&lacks);
        context.lost_types.lock().unwrap_or_else(PoisonError::into_inner).insert(operator, lost);
    }
    reporter.waiting("applying the manifest");
    let site = if context.is_adopted() { Site::Adopted } else { Site::Ours };
    kubernetes::apply_what_runs_nothing(&client, &manifest, site).await?;
    // A cluster that was there before has passed its first minute, and may do without kube-proxy.
    if !context.is_adopted() {
        cluster::services_work(&client, reporter).await;
    }
    kubernetes::apply_what_runs(&client, &manifest, site).await?;
    mend::start_anew_if_broken(&client, facts, &lacks, reporter).await?;
    available(&client, facts, reporter).await?;
    mend::serving(&client, facts, &manifest, reporter).await
}

/// Waits for the Deployments, and gives up as soon as one of their pods says why it cannot start.
async fn available(client: &Client, facts: &Operator, reporter: &StepReporter) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &facts.namespace);
    let pods: Api<Pod> = Api::namespaced(client.clone(), &facts.namespace);
    let all_available = kubernetes::until(deployments, "", |objects| {
        let late = facts.deployments.keys().find_map(|name| match objects.get(name) {
            None => Some(format!("{name}: not there yet")),
            Some(deployment) => workload::deployment(deployment).err().map(|why| format!("{name}: {why}")),
        });
        match late {
            None => Some(()),
            Some(why) => {
                reporter.waiting(why);
                None
            }
        }
    });
    let broken = kubernetes::until(pods, "", |objects| objects.values().find_map(|pod| broken(facts, pod)));
    tokio::select! {
        () = all_available => Ok(()),
        failure = broken => Err(failure.into()),
    }
}

/// Why a pod of an operator does not start, and will not. What its containers do is about the operator, and not about a node of pgEdge.
fn broken(facts: &Operator, pod: &Pod) -> Option<Failure> {
    let of_operator = |found: Failure, hint: Hint| {
        Failure::new(FailureId::OperatorBroken, found.summary()).evidence(found.seen().join("\n")).hint(hint)
    };
    match pod::broken(pod) {
        Some(found) if matches!(found.id(), FailureId::NodeBroken | FailureId::NodeOutOfMemory) => {
            let (namespace, name) = (&facts.namespace, pod.name_any());
            let more = format!("`kubectl --namespace {namespace} logs {name} --previous` shows more; ");
            Some(of_operator(found, hint![more, Ours::Env, " prints what makes kubectl work here"]))
        }
        Some(found) => Some(found),
        None => {
            let hint = "give docker more memory or CPU, or remove other things from the cluster";
            pod::unschedulable(pod).map(|found| of_operator(found, hint.into()))
        }
    }
}

fn image_of(deployment: &Deployment) -> String {
    let containers =
        deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).map(|spec| spec.containers.as_slice());
    containers.unwrap_or_default().first().and_then(|container| container.image.clone()).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
