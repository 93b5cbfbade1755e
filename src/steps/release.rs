//! The chart as a helm release, with our values.
//!
//! - helm is not trusted: its hook waits for all nodes and reports nothing before its timeout, so the nodes are watched for
//!   failures at the same time.
//! - A release that was never complete is removed, by uid, before it is installed again. helm would upgrade it, and the
//!   chart refuses an upgrade that does not find what the installation should have left. A release whose nodes all run is
//!   kept: there may be data in it.
//! - A release never shrinks unless that is asked for: fewer nodes than it has are refused.

mod content;
mod fewer;
mod memory;
mod place;

pub(crate) use place::{ensure_namespace, locate};

use anyhow::Result;
use bootstrap_cluster::kubernetes::{self, Manifest, Release, What};
use bootstrap_cluster::verdict::Verdict;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId, Ours, hint};
use bootstrap_run::step::Observation;
use bootstrap_run::work::heavy;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{chart, nodes, unsent};
use crate::context::Context;
use crate::options::Options;
use crate::stack::{ImagePin, ImageRole};
use crate::step_id::StepId;
use crate::tools::helm::{Helm, Upgrade};

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let client = context.client().await?;
    let Some(release) = place::find(context, &client).await? else {
        return Ok(Observation::Missing(format!("there is no release {:?}", Options::RELEASE)));
    };
    if release.status != "deployed" {
        return Ok(Observation::Wrong(format!("the release is {}", release.status)));
    }
    let edition = context.stack.pins.chart()?.clone();
    let version = edition.version.clone();
    let chart = (release.chart().clone(), chart::folder(&edition, &context.places)?);
    if let Some(what) = heavy(move || content::other_edition(&edition, &chart.0, &chart.1)).await? {
        return Ok(Observation::Wrong(format!("the release is of another edition of the chart: {what}")));
    }
    if let Some(what) = content::other_value(release.values(), &values(context)?) {
        return Ok(Observation::Wrong(format!("the release has other values: {what}")));
    }
    if let Some(why) = lost(&client, &release).await? {
        return Ok(Observation::Wrong(why));
    }
    Ok(Observation::Done(format!("chart {version}, revision {}", release.revision)))
}

/// What somebody has removed of the release, which helm does not see: it goes with its custom resource definition. helm makes it
/// anew, and empty.
async fn lost(client: &Client, release: &Release) -> Result<Option<String>> {
    let (text, namespace) = (release.manifest().to_owned(), release.namespace.clone());
    let manifest = heavy(move || Ok(Manifest::parse(&text)?.in_namespace(&namespace))).await?;
    match kubernetes::lacks(client, &manifest).await {
        Ok(lacks) => Ok(lacks.iter().find(|lack| lack.what == What::Gone).map(ToString::to_string)),
        // The type itself is not there: the operator's step brings it back.
        Err(error) => match failure::of(&error) {
            Some(found) if found.id() == FailureId::KubernetesRefused => Ok(Some(found.to_string())),
            _ => Err(error),
        },
    }
}

/// helm runs until the chart's hook has ended, and the hook waits for all nodes. What keeps a node from becoming
/// healthy is therefore looked for at the same time: helm would tell nothing until its time-out.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let client = context.client().await?;
    let namespace = context.namespace();
    let found = place::find(context, &client).await?;
    // Only a release that was never complete has nothing to lose.
    let was_complete = found.as_ref().is_some_and(|release| release.was_complete);
    match &found {
        Some(release) if !was_complete && !nodes_run(context, &client).await? => {
            reporter.waiting(format!("the release was left {} and was never complete: it is removed", release.status));
            kubernetes::remove_release(&client, &namespace, Options::RELEASE).await?;
        }
        Some(release) if release.status == "uninstalling" => return Err(half_gone(&namespace).into()),
        found => {
            refuse_other_nodes(context, found.as_ref())?;
            // The run's lock is ours, so a helm that is said to be at work was killed.
            if let Some(state) = kubernetes::give_up_pending(&client, &namespace, Options::RELEASE).await? {
                reporter
                    .waiting(format!("the release was left {state} by a run that was ended; continuing from there"));
            }
        }
    }
    let installed = install_and_watch(context, &client, reporter).await;
    match installed {
        Err(error) if !was_complete && fewer::would_fit(context, &error) => {
            fewer::make_room(context, &client, &error, reporter).await?;
            install_and_watch(context, &client, reporter).await
        }
        installed => installed,
    }
}

/// helm goes on with such a release in one direction only, and whoever chose that direction may have meant data.
fn half_gone(namespace: &str) -> Failure {
    let failure = Failure::new(FailureId::ReleaseFailed, "the release is being uninstalled, and is not gone");
    let command = format!("helm uninstall {} --namespace {namespace} --wait", Options::RELEASE);
    failure.hint(hint![
        format!("`{command}` continues that; then run this again. "),
        Ours::Env,
        " prints where helm is"
    ])
}

/// Whether all nodes run and the chart remembers them: then somebody may have written there, and the chart goes on with them.
async fn nodes_run(context: &Context, client: &Client) -> Result<bool> {
    let memory: Api<ConfigMap> = Api::namespaced(client.clone(), &context.namespace());
    let memory = memory.get_metadata_opt(&format!("{}-config", Options::RELEASE)).await;
    if memory.map_err(|error| kubernetes::refused("cannot read what the chart remembers", &error))?.is_none() {
        return Ok(false);
    }
    Ok(nodes::health(context).await?.iter().all(|node| matches!(node.verdict, Verdict::Ready(_))))
}

/// Installs the chart, or runs it again, and ends as soon as a node cannot become healthy any more. What its job makes anew that
/// nodes read from is noted before, and what could be learned of it after.
pub(super) async fn install_and_watch(context: &Context, client: &Client, reporter: &StepReporter) -> Result<()> {
    let foreseen = unsent::foresee(context, client, reporter).await?;
    install_until_broken(context, client, reporter).await?;
    unsent::settle(context, client, foreseen, reporter).await
}

async fn install_until_broken(context: &Context, client: &Client, reporter: &StepReporter) -> Result<()> {
    let (helm, values) = (context.helm().await?, values(context)?);
    reporter.waiting("helm installs the chart");
    let progress = async {
        nodes::healthy(client, context, reporter).await;
        reporter.waiting("the chart's job wires the nodes");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        installed = install(context, &helm, &values) => installed,
        failure = nodes::broken(client, context) => Err(failure.into()),
        () = progress => Ok(()),
    }
}

/// Fewer nodes would remove the others with their data, and more need to be told how to fill the new ones.
fn refuse_other_nodes(context: &Context, release: Option<&Release>) -> Result<()> {
    let Some(release) = release else { return Ok(()) };
    let names = place::node_names(release);
    if names.is_empty() {
        return Ok(());
    }
    if names == context.node_names() {
        return Ok(());
    }
    let what = format!("the release has {} nodes, not {}", names.len(), context.nodes());
    let failure = Failure::new(FailureId::ShapeDiffers, what).evidence(names.join(", "));
    Err(failure.hint(format!("give --nodes {}, or another --name", names.len())).into())
}

async fn install(context: &Context, helm: &Helm, values: &Value) -> Result<()> {
    let pin = context.stack.pins.chart()?;
    let folder = chart::folder(pin, &context.places)?;
    // `helm history` shows it: for people, who see there what made a revision.
    let description = format!("pgedge-bootstrap, chart {} sha256:{}", pin.version, chart::sum(pin)?);
    let namespace = context.namespace();
    let upgrade =
        Upgrade { name: Options::RELEASE, namespace: &namespace, chart: &folder, values, description: &description };
    let upgraded = helm.upgrade(&upgrade, StepId::Release.deadline()).await?;
    if upgraded.status.success() {
        return Ok(());
    }
    Err(Failure::new(FailureId::ReleaseFailed, "helm could not install the chart").evidence(upgraded.tail()).into())
}

/// The values of the release: small nodes, as many as there are to be, every image by its pin.
pub(crate) fn values(context: &Context) -> Result<Value> {
    let node = |name: String| json!({"name": name, "hostname": format!("{}-rw", Options::cluster_of(&name))});
    let nodes: Vec<Value> = context.node_names().into_iter().map(node).collect();
    let cpu = context.fit().map_or(100, |fit| fit.cpu);
    let image = |role: ImageRole| context.stack.pins.image(role).map(ImagePin::reference);
    let values = json!({"pgEdge": {
        "appName": Options::RELEASE,
        "initSpockImageName": image(ImageRole::INIT_SPOCK)?,
        "nodes": nodes,
        "clusterSpec": {
            "imageName": image(ImageRole::POSTGRES)?,
            // The image is pinned: what is there is right, and a registry that is away does no harm.
            "imagePullPolicy": "IfNotPresent",
            "instances": 1,
            "storage": {"size": "500Mi"},
            "resources": {
                "requests": {"cpu": format!("{cpu}m"), "memory": "128Mi"},
                "limits": {"cpu": "500m", "memory": format!("{}Mi", memory::LIMIT)},
            },
            "postgresql": {"parameters": memory::parameters(context.nodes())},
            // CloudNativePG asks every ten seconds by default, which is most of the time that a small node takes.
            "probes": {
                "startup": {"periodSeconds": 1, "failureThreshold": 3600},
                "readiness": {"periodSeconds": 1, "failureThreshold": 30},
            },
        },
    }});
    Ok(values)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
