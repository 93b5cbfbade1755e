//! `up --killercoda`: the machine was given to us with its cluster, which is used as it is.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::adoption::Adoption;
use crate::cli::Up;
use crate::failure::{Failure, FailureId};
use crate::places::Places;

/// Where everybody finds programs.
const BIN: &str = "/usr/local/bin";

/// kubeadm writes it for the machine's administrator.
const KUBECONFIG_OF_KUBEADM: &str = "/etc/kubernetes/admin.conf";

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
        None if arguments.killercoda => Some(Adoption { kubeconfig: kubeconfig(), bin: PathBuf::from(BIN), fit: None }),
        found => found,
    };
    Ok(crate::commands::places_of(common, places, adoption, arguments.codespace))
}

/// That of the machine's administrator, by the rules of kubectl; kubeadm's own where there is no other yet.
fn kubeconfig() -> PathBuf {
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let homes = std::env::home_dir().map(|home| home.join(".kube/config"));
    let found = std::env::split_paths(&named).chain(homes).find(|path| path.is_absolute() && path.is_file());
    found.unwrap_or_else(|| Path::new(KUBECONFIG_OF_KUBEADM).to_owned())
}
