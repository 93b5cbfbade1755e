//! The chart as a helm release, with our values.

mod fewer;

use std::time::Duration;

use anyhow::Result;
use kube::Client;
use serde_json::{Value, json};

use super::{chart, nodes};
use crate::context::Context;
use crate::event::StepReporter;
use crate::failure::{Failure, FailureId};
use crate::kubernetes;
use crate::options::Options;
use crate::pins::ImageRole;
use crate::step::{Observation, StepId};
use crate::tools::helm::{Helm, Release, Upgrade};

/// helm ends before its step does, so that its words are told.
const MARGIN: Duration = Duration::from_secs(60);

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    if !context.places.kubeconfig.exists() {
        return Ok(Observation::Missing("there is no cluster".to_owned()));
    }
    if !super::tools::observe(context, crate::pins::Tool::Helm).await?.is_done() {
        return Ok(Observation::Missing("helm is not installed".to_owned()));
    }
    let Some(release) = context.helm().release(Options::RELEASE, &context.options.namespace).await? else {
        return Ok(Observation::Missing(format!("there is no release {:?}", Options::RELEASE)));
    };
    if release.info.status != "deployed" {
        return Ok(Observation::Wrong(format!("the release is {}", release.info.status)));
    }
    if release.info.description != description(context) {
        return Ok(Observation::Wrong("the release is of another edition of the chart".to_owned()));
    }
    if release.config != values(context)? {
        return Ok(Observation::Wrong("the release has other values".to_owned()));
    }
    Ok(Observation::Done(format!("chart {}, revision {}", context.pins.chart.version, release.version)))
}

/// helm runs until the chart's hook has ended, and the hook waits for all nodes. What keeps a node from becoming
/// healthy is therefore looked for at the same time: helm would tell nothing until its time-out.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let client = kubernetes::client(&context.places.kubeconfig).await?;
    super::operators::refuse_a_second(&client).await?;
    let found = context.helm().release(Options::RELEASE, &context.options.namespace).await?;
    if context.is_adopted() && found.as_ref().is_some_and(|release| release.info.status == "uninstalling") {
        // A run was ended while it made room: helm goes on with such a release in one direction only.
        fewer::remove(context, &client, reporter).await?;
    } else {
        refuse_other_nodes(context, found.as_ref())?;
    }
    // Only a release that was never complete has nothing to lose.
    let was_complete = kubernetes::was_complete(&client, &context.options.namespace, Options::RELEASE).await?;
    // The run's lock is ours, so a helm that is said to be at work was killed.
    if let Some(state) = kubernetes::give_up_pending(&client, &context.options.namespace, Options::RELEASE).await? {
        reporter.waiting(format!("the release was left {state} by a run that was ended; continuing from there"));
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

async fn install_and_watch(context: &Context, client: &Client, reporter: &StepReporter) -> Result<()> {
    let (helm, values) = (context.helm(), values(context)?);
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
    let Some(nodes) = release.config["pgEdge"]["nodes"].as_array() else { return Ok(()) };
    let names: Vec<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
    if names == context.node_names() {
        return Ok(());
    }
    let what = format!("the release has {} nodes, not {}", names.len(), context.nodes());
    let failure = Failure::new(FailureId::ShapeDiffers, what).evidence(names.join(", "));
    Err(failure.hint(format!("give --nodes {}, or another --name", names.len())).into())
}

async fn install(context: &Context, helm: &Helm, values: &Value) -> Result<()> {
    let (folder, description) = (chart::folder(&context.pins.chart, &context.places), description(context));
    let upgrade = Upgrade {
        name: Options::RELEASE,
        namespace: &context.options.namespace,
        chart: &folder,
        values,
        description: &description,
    };
    let upgraded = helm.upgrade(&upgrade, StepId::Release.deadline() - MARGIN).await?;
    if upgraded.status.success() {
        return Ok(());
    }
    Err(Failure::new(FailureId::ReleaseFailed, "helm could not install the chart").evidence(upgraded.tail()).into())
}

/// helm keeps it with the revision: how we know which edition of the chart is installed. The version alone does not
/// tell, for the chart is pinned file by file.
fn description(context: &Context) -> String {
    format!("pgedge-bootstrap, chart {} sha256:{}", context.pins.chart.version, chart::sum(&context.pins.chart))
}

/// The values of the release: small nodes, as many as there are to be, every image by its pin.
pub(crate) fn values(context: &Context) -> Result<Value> {
    let node = |name: String| json!({"name": name, "hostname": format!("{}-rw", Options::cluster_of(&name))});
    let nodes: Vec<Value> = context.node_names().into_iter().map(node).collect();
    let cpu = context.fit().map_or(100, |fit| fit.cpu);
    let image = |role: ImageRole| context.pins.image(role).map(super::super::pins::ImagePin::reference);
    let values = json!({"pgEdge": {
        "appName": Options::RELEASE,
        "initSpockImageName": image(ImageRole::InitSpock)?,
        "nodes": nodes,
        "clusterSpec": {
            "imageName": image(ImageRole::Postgres)?,
            // The image is pinned: what is there is right, and a registry that is away does no harm.
            "imagePullPolicy": "IfNotPresent",
            "instances": 1,
            "storage": {"size": "500Mi"},
            "resources": {
                "requests": {"cpu": format!("{cpu}m"), "memory": "128Mi"},
                "limits": {"cpu": "500m", "memory": "256Mi"},
            },
            "postgresql": {"parameters": {"shared_buffers": "32MB", "maintenance_work_mem": "16MB"}},
            // CloudNativePG asks every ten seconds by default, which is most of the time that a small node takes.
            "probes": {
                "startup": {"periodSeconds": 1, "failureThreshold": 3600},
                "readiness": {"periodSeconds": 1, "failureThreshold": 30},
            },
        },
    }});
    Ok(values)
}
