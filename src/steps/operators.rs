//! cert-manager and CloudNativePG: their pinned manifests, applied, and their webhooks answering.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::discovery::ApiResource;
use kube::{Client, ResourceExt as _};
use serde_json::json;

use super::cluster;
use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{Failure, FailureId};
use crate::kubernetes::{self, Answer, Manifest, Probe};
use crate::pins::{ImagePin, ImageRole, ManifestPin};
use crate::step::{Observation, Operator};
use crate::verdict::{pod, workload};
use crate::work::heavy;

/// Between two questions to what cannot be watched.
const PAUSE: Duration = Duration::from_millis(250);

/// What is known of an operator beforehand.
struct Facts {
    namespace: &'static str,
    /// The Deployments of the manifest, each with the image that it runs.
    deployments: &'static [(&'static str, ImageRole)],
}

fn facts(operator: Operator) -> Facts {
    match operator {
        Operator::CertManager => Facts {
            namespace: "cert-manager",
            deployments: &[
                ("cert-manager", ImageRole::CertManagerController),
                ("cert-manager-cainjector", ImageRole::CertManagerCainjector),
                ("cert-manager-webhook", ImageRole::CertManagerWebhook),
            ],
        },
        Operator::CloudnativePg => {
            Facts { namespace: "cnpg-system", deployments: &[("cnpg-controller-manager", ImageRole::CloudnativePg)] }
        }
    }
}

/// An object that the operator's webhook must let pass, and one that it must deny.
fn probe(operator: Operator) -> Probe {
    match operator {
        Operator::CertManager => {
            let certificate = |spec: serde_json::Value| {
                json!({
                    "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                    "metadata": {"name": "pgedge-bootstrap-probe"}, "spec": spec,
                })
            };
            Probe {
                resource: resource("cert-manager.io", "v1", "Certificate", "certificates"),
                namespace: "default",
                valid: certificate(
                    json!({"secretName": "probe", "dnsNames": ["probe"], "issuerRef": {"name": "probe"}}),
                ),
                // A certificate must be for something: only the webhook knows.
                invalid: certificate(json!({"secretName": "probe", "issuerRef": {"name": "probe"}})),
            }
        }
        Operator::CloudnativePg => {
            let cluster = |size: &str| {
                json!({
                    "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
                    "metadata": {"name": "pgedge-bootstrap-probe"},
                    "spec": {"instances": 1, "storage": {"size": size}},
                })
            };
            Probe {
                resource: resource("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
                namespace: "default",
                valid: cluster("1Gi"),
                invalid: cluster("lots"),
            }
        }
    }
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let kind = kube::core::GroupVersionKind::gvk(group, version, kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}

// ---- the manifest ----

fn manifest_pin(context: &Context, operator: Operator) -> &ManifestPin {
    match operator {
        Operator::CertManager => &context.pins.manifests.cert_manager,
        Operator::CloudnativePg => &context.pins.manifests.cloudnative_pg,
    }
}

async fn manifest_file(context: &Context, operator: Operator) -> Result<Option<PathBuf>> {
    context.fetcher.store().verified(&manifest_pin(context, operator).sha256).await
}

pub(super) async fn observe_manifest(context: &Context, operator: Operator) -> Result<Observation> {
    Ok(match manifest_file(context, operator).await? {
        Some(_) => Observation::Done(manifest_pin(context, operator).version.clone()),
        None => Observation::Missing("not downloaded yet".to_owned()),
    })
}

pub(super) async fn fetch_manifest(context: &Context, operator: Operator, reporter: &StepReporter) -> Result<()> {
    let pin = manifest_pin(context, operator);
    context.fetcher.fetch(&pin.url, &pin.sha256, reporter).await.map(drop)
}

// ---- the operator ----

pub(super) async fn observe(context: &Context, operator: Operator) -> Result<Observation> {
    let version = &manifest_pin(context, operator).version;
    if !context.places.kubeconfig.exists() {
        return Ok(Observation::Missing("there is no cluster".to_owned()));
    }
    let client = kubernetes::client(&context.places.kubeconfig).await?;
    let facts = facts(operator);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), facts.namespace);
    for (name, role) in facts.deployments {
        let found = deployments.get_opt(name).await;
        let Some(found) =
            found.map_err(|error| kubernetes::refused(format!("cannot read deployment {name}"), &error))?
        else {
            return Ok(Observation::Missing(format!("deployment {name} is not there")));
        };
        let (image, wanted) = (image_of(&found), context.pins.image(*role)?.reference());
        if image != wanted {
            return Ok(Observation::Wrong(format!("deployment {name} runs {image}, pinned is {wanted}")));
        }
        if let Err(why) = workload::deployment(&found) {
            return Ok(Observation::Waiting(format!("{name}: {why}")));
        }
    }
    Ok(match probe(operator).ask(&client).await {
        Answer::Serving => Observation::Done(version.clone()),
        Answer::NotServing(words) => Observation::Waiting(format!("its webhook does not answer yet: {words}")),
    })
}

pub(super) async fn apply(context: &Context, operator: Operator, reporter: &StepReporter) -> Result<()> {
    let file = manifest_file(context, operator).await?.context("the manifest has vanished from the store")?;
    let text = fs_err::read_to_string(file).context("cannot read the manifest")?;
    let facts = facts(operator);
    let images: Vec<&ImagePin> =
        facts.deployments.iter().map(|(_, role)| context.pins.image(*role)).collect::<Result<_>>()?;
    // Half a million nodes of YAML take a moment.
    let mut manifest = heavy(move || Manifest::parse(&text)).await?;
    for image in images {
        manifest.replace_image(&image.image.to_string(), &image.reference());
    }
    manifest.ask_often_at_the_start();
    let client = kubernetes::client(&context.places.kubeconfig).await?;
    reporter.waiting("applying the manifest");
    kubernetes::apply_what_runs_nothing(&client, &manifest).await?;
    // A cluster that was there before has passed its first minute, and may do without kube-proxy.
    if !context.is_adopted() {
        cluster::services_work(&client, reporter).await;
    }
    kubernetes::apply_what_runs(&client, &manifest).await?;
    available(&client, &facts, reporter).await?;
    serving(&client, operator, reporter).await;
    Ok(())
}

/// Waits for the Deployments, and gives up as soon as one of their pods says why it cannot start.
async fn available(client: &Client, facts: &Facts, reporter: &StepReporter) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), facts.namespace);
    let pods: Api<Pod> = Api::namespaced(client.clone(), facts.namespace);
    let all_available = kubernetes::until(deployments, "", |objects| {
        let late = facts.deployments.iter().find_map(|(name, _)| match objects.get(*name) {
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
    let broken = kubernetes::until(pods, "", |objects| objects.values().find_map(pod::broken));
    tokio::select! {
        () = all_available => Ok(()),
        failure = broken => Err(failure.into()),
    }
}

/// Asks the webhook until it answers. The step's deadline ends this.
async fn serving(client: &Client, operator: Operator, reporter: &StepReporter) {
    let probe = probe(operator);
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        match probe.ask(client).await {
            Answer::Serving => return,
            Answer::NotServing(words) => reporter.waiting(format!("its webhook does not answer yet: {words}")),
        }
    }
}

fn image_of(deployment: &Deployment) -> String {
    let containers =
        deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).map(|spec| spec.containers.as_slice());
    containers.unwrap_or_default().first().and_then(|container| container.image.clone()).unwrap_or_default()
}

/// A second CloudNativePG in another namespace would fight with ours over the same Clusters.
pub(super) async fn refuse_a_second(client: &Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let found = deployments.list(&ListParams::default().labels("app.kubernetes.io/name=cloudnative-pg")).await;
    let found = found.map_err(|error| kubernetes::refused("cannot list deployments", &error))?;
    let home = facts(Operator::CloudnativePg).namespace;
    match found.items.iter().find(|deployment| deployment.namespace().as_deref() != Some(home)) {
        None => Ok(()),
        Some(other) => {
            let place = format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any());
            let what = "another CloudNativePG operator is in this cluster";
            Err(Failure::new(FailureId::OperatorForeign, what).evidence(place).into())
        }
    }
}
