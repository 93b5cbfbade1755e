//! `up --killercoda`: the machine was given to us with its cluster, which is used as it is.

use std::path::PathBuf;

use anyhow::Result;
use bootstrap_cluster::adoption::Adoption;
use bootstrap_cluster::kubernetes;
use bootstrap_run::event::Adopted;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::step::Stage;
use bootstrap_screen::ui;

use crate::cli::{Output, Up};
use crate::context::Context;
use crate::places::Places;
use crate::steps;

/// Where everybody finds programs.
const BIN: &str = "/usr/local/bin";

/// The places of the run, and the adoption that it begins or goes on with.
///
/// # Errors
/// [`FailureId::ShapeDiffers`] if the cluster of this name is of the other kind.
pub(super) fn places(arguments: &Up) -> Result<(Places, Option<Adoption>)> {
    let common = &arguments.common;
    let places = Places::find(&common.name, common.bin_dir.clone())?;
    let name = common.name.as_str();
    let found = Adoption::read(&places.state)?;
    let differs = |what: String, flag: &str| {
        Failure::new(FailureId::ShapeDiffers, what).hint(format!("give {flag}, or another --name"))
    };
    let adoption = match found {
        Some(_) if arguments.local || arguments.codespace || arguments.shape.workers.is_some() => {
            return Err(differs(format!("the cluster {name:?} was adopted, not made by kind"), "--killercoda").into());
        }
        None if arguments.killercoda && places.engine.exists() => {
            return Err(differs(format!("the cluster {name:?} was made by kind, not adopted"), "--local").into());
        }
        None if arguments.killercoda => {
            Some(Adoption { kubeconfigs: kubeconfigs()?, site: None, bin: PathBuf::from(BIN), fit: None })
        }
        // What never told what it is known by was not adopted: a person who names another kubeconfig now means that one.
        Some(adoption) if arguments.killercoda && adoption.is_of_nothing_yet() => {
            Some(Adoption { kubeconfigs: kubeconfigs()?, site: None, ..adoption })
        }
        found => found,
    };
    Ok(crate::commands::places_of(places, adoption))
}

/// Those of the machine's administrator, by the rules of kubectl.
fn kubeconfigs() -> Result<Vec<PathBuf>> {
    let here = std::env::current_dir().map_err(bootstrap_run::failure::from_io)?;
    let variable = std::env::var_os("KUBECONFIG");
    kubernetes::kubeconfigs(variable.as_deref(), &here, crate::places::home().as_deref())
}

/// Writes our own kubeconfig after those of the adoption, and completes what is remembered. The step that waits for the API says
/// which cluster that is, and what will be created in it.
pub(super) async fn begin(context: &Context, adoption: Adoption, until: Stage) -> Result<()> {
    let site = kubernetes::write_adopted(&adoption, &context.places.kubeconfig)?;
    let is_there = site.is_some();
    Adoption { site, ..adoption }.write(&context.places.state)?;
    // A run intends once.
    let _ = context.intent.set(until);
    if is_there {
        // What no waiting changes is told before anything is downloaded.
        let _ = steps::version_of_adopted(context, false).await?;
    }
    Ok(())
}

/// As [`begin`], for a look: nothing is remembered. Says which cluster would be adopted, and refuses one in which the run would be
/// refused. `None` if there is no kubeconfig yet.
pub(super) async fn look(
    context: &Context,
    adoption: &Adoption,
    until: Stage,
    output: Output,
) -> Result<Option<Adopted>> {
    let Some(site) = kubernetes::write_adopted(adoption, &context.places.kubeconfig)? else { return Ok(None) };
    let version = steps::version_of_adopted(context, true).await?;
    let why = version.as_ref().err().cloned();
    let adopted = steps::announcement(context, until, &site, version.ok()).await;
    if output == Output::Text {
        ui::say_adopted(&adopted, why.as_deref());
    }
    steps::refuse_forbidden(context, until).await?;
    Ok(Some(adopted))
}
