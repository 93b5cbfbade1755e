//! The operators that an adopted cluster already has, whoever installed them, and whether they can be used.
//!
//! Field managers tell who installed an operator: what this program applied is its own to repair, and everything else is
//! used as it is or refused.

use anyhow::Result;
use bootstrap_cluster::kubernetes;
use bootstrap_run::failure::{Failure, FailureId};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhookConfiguration,
    WebhookClientConfig,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

use super::image_of;
use crate::context::Context;
use crate::stack::{Operator, OperatorName};

/// A running operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) namespace: String,
    pub(super) deployment: String,
    image: String,
    /// `None` if neither image nor labels tell.
    pub(super) version: Option<String>,
    is_ours: bool,
}

/// What is to be done about an operator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is not there, or we have installed it: it is made as it was pinned.
    Ours,
    /// Somebody else has installed it: it is used as it is, and nothing of it is changed.
    Used(Found),
}

/// Looks, and judges.
///
/// # Errors
/// [`FailureId::OperatorForeign`] if there is one that cannot be used.
pub(super) async fn stand(context: &Context, client: &Client, operator: OperatorName) -> Result<Stand> {
    let pinned = &context.stack.pins.manifest(operator)?.version;
    let operator = context.stack.operator(operator)?;
    let found = look(client, operator, context.is_adopted()).await?;
    Ok(judge(operator, found, context.is_adopted(), pinned)?)
}

fn judge(operator: &Operator, found: Vec<Found>, is_adopted: bool, pinned: &str) -> Result<Stand, Failure> {
    let (ours, mut others): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|found| found.is_ours);
    let refused = |what: String, others: &[Found]| {
        others
            .iter()
            .fold(Failure::new(FailureId::OperatorForeign, what), |failure, other| failure.evidence(other.facts()))
    };
    let name = &operator.title;
    if others.is_empty() {
        return Ok(Stand::Ours);
    }
    if !is_adopted || !ours.is_empty() {
        let what = format!("another {name} is in this cluster beside the one of this program");
        let hint = "two of them fight over the same objects: remove the other one, or use another cluster";
        return Err(refused(what, &others).hint(hint));
    }
    if others.iter().any(|other| other.namespace != others[0].namespace) {
        let what = format!("there is more than one {name} in this cluster");
        return Err(refused(what, &others).hint("remove all but one of them, or use another cluster"));
    }
    let fits = others[0]
        .version
        .as_deref()
        .is_some_and(|version| is_supported(version, pinned, operator.other_minor_versions));
    if fits {
        return Ok(Stand::Used(others.swap_remove(0)));
    }
    let what = format!("{name} is in this cluster in a version that is not supported");
    let range = format!("supported: {}", supported(pinned, operator.other_minor_versions));
    let hint = "nothing of it was changed: bring it to a supported version as it was installed, or use another cluster";
    Err(refused(what, &others[..1]).evidence(range).hint(hint))
}

impl Found {
    fn facts(&self) -> String {
        let version = self.version.as_deref().unwrap_or("unknown");
        format!("deployment {}/{}, image {}, version {version}", self.namespace, self.deployment, self.image)
    }
}

// ---- versions ----

/// Major and minor number of `1.30.1`, `v1.30.1` or `1.30`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The pinned minor version is the one that is tried; the stack says how far its neighbours serve the same versions of the custom
/// resources. That the cluster really does is seen by the probes, which are of those versions.
fn is_supported(version: &str, pinned: &str, beside: u32) -> bool {
    match (minor(version), minor(pinned)) {
        (Some(found), Some(pinned)) => found.0 == pinned.0 && found.1.abs_diff(pinned.1) <= beside,
        _ => false,
    }
}

fn supported(pinned: &str, beside: u32) -> String {
    match (minor(pinned), beside) {
        (None, _) => pinned.to_owned(),
        (Some((major, minor)), 0) => format!("{major}.{minor}"),
        (Some((major, minor)), _) => {
            format!("{major}.{} to {major}.{}", minor.saturating_sub(beside), minor.saturating_add(beside))
        }
    }
}

// ---- the look ----

/// Every Deployment that is this operator: by its image, by its label, or because the API server is told to ask it about the
/// operator's objects. Neither names nor namespaces say anything: helm and OLM have their own.
async fn look(client: &Client, operator: &Operator, is_adopted: bool) -> Result<Vec<Found>> {
    let all = ListParams::default();
    let (deployments, services): (Api<Deployment>, Api<Service>) = (Api::all(client.clone()), Api::all(client.clone()));
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let seen =
        tokio::try_join!(deployments.list(&all), validating.list(&all), mutating.list(&all), services.list(&all));
    let (deployments, validating, mutating, services) =
        seen.map_err(|error| kubernetes::refused("cannot look for operators", &error))?;
    let validating = validating.items.into_iter().flat_map(|it| it.webhooks.unwrap_or_default());
    let validating = validating.map(|webhook| (webhook.rules.unwrap_or_default(), webhook.client_config));
    let mutating = mutating.items.into_iter().flat_map(|it| it.webhooks.unwrap_or_default());
    let mutating = mutating.map(|webhook| (webhook.rules.unwrap_or_default(), webhook.client_config));
    let asked: Vec<ServiceReference> =
        validating.chain(mutating).filter_map(|webhook| asked(operator, webhook)).collect();
    Ok(sift(operator, &deployments.items, &services.items, &asked, is_adopted))
}

/// The Service that the API server asks about objects of the operator's group.
fn asked(
    operator: &Operator,
    (rules, config): (Vec<RuleWithOperations>, WebhookClientConfig),
) -> Option<ServiceReference> {
    let is_about = |rule: &RuleWithOperations| {
        rule.api_groups.iter().flatten().any(|group| *group == operator.recognised_by.api_group)
    };
    if rules.iter().any(is_about) { config.service } else { None }
}

fn sift(
    operator: &Operator,
    deployments: &[Deployment],
    services: &[Service],
    asked: &[ServiceReference],
    is_adopted: bool,
) -> Vec<Found> {
    let runs = |deployment: &&Deployment| {
        let label = deployment.labels().get("app.kubernetes.io/name").map(String::as_str);
        program(&image_of(deployment)) == operator.recognised_by.image || label == Some(&operator.recognised_by.label)
    };
    let mut found: Vec<&Deployment> = deployments.iter().filter(runs).collect();
    for reference in asked {
        let known = |found: &&Deployment| found.namespace().as_deref() == Some(reference.namespace.as_str());
        if found.iter().any(known) {
            continue;
        }
        let is_it = |service: &&Service| {
            service.name_any() == reference.name && service.namespace().as_deref() == Some(reference.namespace.as_str())
        };
        let Some(service) = services.iter().find(is_it) else { continue };
        found.extend(deployments.iter().filter(known).find(|deployment| is_behind(service, deployment)));
    }
    let is_ours = |deployment: &Deployment| {
        if is_adopted {
            kubernetes::is_applied_by_us(deployment)
        } else {
            // In a cluster that we made this namespace is ours.
            deployment.namespace().as_deref() == Some(operator.namespace.as_str())
        }
    };
    let tell = |deployment: &Deployment| Found {
        namespace: deployment.namespace().unwrap_or_default(),
        deployment: deployment.name_any(),
        image: image_of(deployment),
        version: version(deployment),
        is_ours: is_ours(deployment),
    };
    found.into_iter().map(tell).collect()
}

fn is_behind(service: &Service, deployment: &Deployment) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
    let template = deployment.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
    let labels = template.and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
    !selector.is_empty() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// The last part of an image's name, without tag and digest.
fn program(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

/// By the image's tag, by the usual label, or by OLM's.
fn version(deployment: &Deployment) -> Option<String> {
    let image = image_of(deployment);
    let name = image.split('@').next().unwrap_or_default();
    let tag = name.rsplit('/').next().unwrap_or_default().split_once(':').map(|(_, tag)| tag);
    let label = |name: &str| deployment.labels().get(name).map(String::as_str);
    let olm = label("olm.owner").and_then(|owner| owner.split_once(".v")).map(|(_, version)| version);
    let told = [tag, label("app.kubernetes.io/version"), olm].into_iter().flatten().find(|text| minor(text).is_some());
    told.map(|version| version.trim_start_matches('v').to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
