//! The Kubernetes API of our own cluster, reached through our own kubeconfig and nothing else.

mod apply;
mod exec;
mod probe;
mod release;
mod services;
mod watch;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};

pub(crate) use apply::{Manifest, apply_what_runs, apply_what_runs_nothing};
pub(crate) use exec::run_in_pod;
pub(crate) use probe::{Answer, Probe};
pub(crate) use release::{give_up_pending, was_complete};
pub(crate) use services::late as services_late;
pub(crate) use watch::{Objects, until};

use crate::failure::{Failure, FailureId};

/// An API server on this machine answers at once or not at all.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for the cluster of this kubeconfig.
///
/// # Errors
/// [`FailureId::ClusterMissing`] if there is no such file, [`FailureId::KubeconfigInvalid`] if it says nothing useful.
pub(crate) async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    if !kubeconfig.exists() {
        let failure = Failure::new(FailureId::ClusterMissing, "there is no cluster yet");
        return Err(failure.evidence(format!("no kubeconfig at {}", kubeconfig.display())).into());
    }
    let invalid = |error: &dyn std::error::Error| {
        let what = format!("the kubeconfig {} cannot be used", kubeconfig.display());
        Failure::new(FailureId::KubeconfigInvalid, what).evidence(root_cause(error))
    };
    let file = Kubeconfig::read_from(kubeconfig).map_err(|error| invalid(&error))?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|error| invalid(&error))?;
    config.connect_timeout = Some(CONNECT);
    // The API server of a kind cluster listens on this machine: a proxy of the environment would never find it.
    config.proxy_url = None;
    kube::Client::try_from(config).context("cannot set up the Kubernetes client")
}

/// Turns an API error into a failure with the server's words: of a server that says no, or of one that cannot be asked
/// at this moment.
pub(crate) fn refused(what: impl Into<String>, error: &kube::Error) -> anyhow::Error {
    let id = match error {
        // A server that starts, or ends, or has lost its etcd for a moment answers 500 or 503. So does one whose webhook
        // does not answer, which only the words tell.
        kube::Error::Api(status)
            if !matches!(status.code, 500 | 502..=504) || status.message.contains("failed calling webhook") =>
        {
            FailureId::KubernetesRefused
        }
        kube::Error::Api(_) | kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
            FailureId::KubernetesAway
        }
        _ => FailureId::KubernetesRefused,
    };
    Failure::new(id, what).evidence(words(error)).into()
}

/// What an API error says to a person: the server's message, or what is at the bottom of a failed connection.
pub(crate) fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    root_cause(error)
}

/// What is at the bottom of an error: the rest says where it was seen.
fn root_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}
