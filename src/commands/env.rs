//! `env`: the environment in which the tools reach the cluster and its release, for a shell to evaluate.

use anyhow::Result;
use bootstrap_run::failure::{self, FailureId, Invocation, Ours};
use bootstrap_run::given::quoted;
use bootstrap_screen::ui;

use super::{Verdict, namespaced};
use crate::cli::{Env, Output, Shape};
use crate::context::Context;
use crate::patience;
use crate::steps;

pub(super) async fn run(arguments: &Env, given: &Invocation) -> Result<Verdict> {
    let common = &arguments.common;
    let shape = Shape { nodes: None, workers: None, place: arguments.place.clone() };
    let context = super::context(common, Some(&shape), given)?;
    refuse_anothers(&context).await?;
    let why = unconfirmed(&context).await?;
    super::locate(&context).await?;
    let places = &context.places;
    let chart = context.stack.pins.chart.as_ref().map(|chart| steps::chart_folder(chart, places)).transpose()?;
    let chart = chart.map(|folder| folder.display().to_string());
    let kubeconfig = match why {
        Some(_) => namespaced::unconfirmed(&context)?,
        None => namespaced::kubeconfig(&context)?,
    };
    let kubeconfig = kubeconfig.to_string_lossy().into_owned();
    let bin = places.bin.display().to_string();
    match common.output {
        Output::Json => {
            let document = serde_json::json!({
                "schema": 1, "KUBECONFIG": kubeconfig, "PGEDGE_CHART": chart, "bin": bin,
                "namespace": context.namespace(), "confirmed": why.is_none(),
            });
            ui::print(&format!("{document}\n"))?;
        }
        Output::Text => {
            let chart = chart.map(|chart| format!("export PGEDGE_CHART={}\n", quoted(&chart))).unwrap_or_default();
            let lines = format!("export KUBECONFIG={}\n{chart}", quoted(&kubeconfig));
            ui::print(&format!("{lines}export PATH={}:\"$PATH\"\n", quoted(&bin)))?;
        }
    }
    if let Some(why) = why.filter(|_| !common.quiet) {
        let (place, status) = (places.kubeconfig.display(), context.invocation.line(Ours::Status));
        ui::say_paragraph(&format!(
            "whether the kubeconfig {place} leads to the cluster is not known: {why}. kubectl and helm reach no cluster in this shell \
             before a command of this program knows, such as `{status}`."
        ));
    }
    // The tools are of use without one, so this is no failure.
    if !places.kubeconfig.exists() && !common.quiet {
        let (name, up) = (common.name.as_str(), context.invocation.line(Ours::Up));
        ui::say(&format!("there is no kubeconfig of cluster {name:?} yet: `{up}` makes it\n"));
    }
    Ok(Verdict::Good)
}

/// The tools are of use without a cluster, and where docker is away; not where they would be taken for another's cluster.
///
/// # Errors
/// [`FailureId::ClusterForeign`].
async fn refuse_anothers(context: &Context) -> Result<()> {
    let asked = tokio::time::timeout(patience::LOCATE_RELEASE, steps::cause_in_docker(context)).await;
    match asked {
        Ok(Ok(Some(found))) if found.id() == FailureId::ClusterForeign => Err(found.into()),
        _ => Ok(()),
    }
}

/// Why nobody can tell at this moment whether our kubeconfig leads to the cluster, as while docker starts. One that leads elsewhere is
/// written anew first, and is handed to nobody if that cannot be; a shell gets the tools all the same.
async fn unconfirmed(context: &Context) -> Result<Option<String>> {
    let why = match tokio::time::timeout(patience::LOCATE_RELEASE, super::lead_home(context)).await {
        Ok(Ok(())) => return Ok(None),
        Ok(Err(error)) => match failure::of(&error) {
            Some(found) if ![FailureId::ClusterChanged, FailureId::ClusterForeign].contains(&found.id()) => {
                found.to_string()
            }
            _ => return Err(error),
        },
        Err(_) => format!("no answer within {} s", patience::LOCATE_RELEASE.as_secs()),
    };
    Ok(context.places.kubeconfig.exists().then_some(why))
}
