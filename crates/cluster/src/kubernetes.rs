//! The Kubernetes API of our cluster, reached through our own kubeconfig and nothing else.

mod addons;
mod apply;
mod compare;
mod connection;
mod credentials;
mod exec;
mod kubeconfig;
mod manifest;
#[cfg(any(test, feature = "testing"))]
pub mod mock;
mod permissions;
mod probe;
mod release;
mod services;
mod watch;

use std::path::Path;

use crate::patience;
use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::config::{Kubeconfig, KubeconfigError};
use kube::discovery::ApiResource;

pub use addons::{Course, DNS_PODS, Dead, PROXY_PODS, dead_addon};
pub use apply::{FIELD_MANAGER, Site, apply_what_runs, apply_what_runs_nothing, is_applied_by_us};
pub use compare::{Lack, What, bundles, has_lost_types, lacks};
pub use credentials::Credentials;
pub(crate) use exec::run_in_pod;
pub use kubeconfig::{invalid_of_ours, kubeconfigs, nowhere, strays, write_adopted};
pub use manifest::Manifest;
pub use permissions::{Right, in_lines as rights_in_lines, lacking, user};
pub use probe::{Answer, Probe};
#[cfg(any(test, feature = "testing"))]
pub use release::helm_document;
pub use release::{Release, give_up_pending, releases, remove_release};
pub use services::late as services_late;
pub use watch::{Objects, until};

/// The kind of a pgEdge node's Cluster.
pub fn cluster_resource() -> ApiResource {
    let kind = kube::core::GroupVersionKind::gvk("postgresql.cnpg.io", "v1", "Cluster");
    ApiResource::from_gvk_with_plural(&kind, "clusters")
}

/// A client for the adopted cluster of this kubeconfig, which must be the one that was adopted.
///
/// # Errors
/// [`FailureId::ClusterMissing`] if there is no such file, [`FailureId::KubeconfigInvalid`] if it says nothing useful,
/// [`FailureId::CredentialsFailed`] if what gives credentials does not, [`FailureId::ClusterChanged`] if another cluster
/// answers.
pub async fn client(kubeconfig: &Path, credentials: &Credentials) -> Result<kube::Client> {
    let (client, server, uid) = reached(kubeconfig, credentials).await?;
    if let Some(adopted) = uid {
        let found =
            cluster_uid(&client).await.map_err(|error| refused("the adopted cluster does not answer", &error))?;
        if found != adopted {
            let what = "another cluster answers in the place of the one that was adopted";
            let seen =
                format!("server: {server}\nadopted: kube-system with uid {adopted}\nnow: kube-system with uid {found}");
            return Err(Failure::new(FailureId::ClusterChanged, what).evidence(seen).into());
        }
    }
    Ok(client)
}

/// A client for whichever cluster answers, to ask what its user may do there: perhaps not to see which one it is.
///
/// # Errors
/// As [`client`], but for the last.
pub async fn client_of_whichever(kubeconfig: &Path, credentials: &Credentials) -> Result<kube::Client> {
    reached(kubeconfig, credentials).await.map(|(client, ..)| client)
}

/// A client for a cluster that kind made, by the text of its kubeconfig, which kind has confirmed.
///
/// # Errors
/// [`FailureId::KubeconfigInvalid`] of the file at this place.
pub async fn client_of_kind(text: &[u8], place: &Path, credentials: &Credentials) -> Result<kube::Client> {
    let file = Kubeconfig::from_yaml(&String::from_utf8_lossy(text));
    reached_by(file, place, credentials).await.map(|(client, ..)| client)
}

/// The failure of a kubeconfig that is not at its place, [`FailureId::ClusterMissing`]: without one there is no cluster for us.
pub fn no_kubeconfig(place: &Path) -> Failure {
    let failure = Failure::new(FailureId::ClusterMissing, "there is no cluster yet");
    failure.evidence(format!("no kubeconfig at {}", place.display()))
}

/// A client, its server, and the uid that the cluster must have.
async fn reached(kubeconfig: &Path, credentials: &Credentials) -> Result<(kube::Client, String, Option<String>)> {
    if !kubeconfig.exists() {
        return Err(no_kubeconfig(kubeconfig).into());
    }
    reached_by(Kubeconfig::read_from(kubeconfig), kubeconfig, credentials).await
}

/// As [`reached`], by what was read of the file.
async fn reached_by(
    file: Result<Kubeconfig, KubeconfigError>,
    kubeconfig: &Path,
    credentials: &Credentials,
) -> Result<(kube::Client, String, Option<String>)> {
    let file = file.map_err(|error| invalid_of_ours(kubeconfig, kubeconfig::words(&error)))?;
    let invalid = kubeconfig::unusable(&file, kubeconfig);
    let kubeconfig::Way { mut config, mark } = kubeconfig::way(file, &invalid)?;
    config.connect_timeout = Some(patience::CONNECT);
    let server = config.cluster_url.to_string();
    let client = connection::connect(config, credentials, &invalid).await?;
    Ok((client, server, mark.and_then(|mark| mark.uid)))
}

/// What a cluster is known by, whatever its address and its names.
///
/// # Errors
/// Those of the API server, which need not show that namespace to everybody.
pub async fn cluster_uid(client: &kube::Client) -> kube::Result<String> {
    let namespace = Api::<Namespace>::all(client.clone()).get_metadata("kube-system").await?;
    Ok(namespace.metadata.uid.unwrap_or_default())
}

/// A kubeconfig to stand before this one, with the same context in another namespace. `None` if the file cannot be read, or
/// its context has that namespace already.
pub fn in_namespace(kubeconfig: &Path, namespace: &str) -> Option<String> {
    let file = Kubeconfig::read_from(kubeconfig).ok()?;
    let name = file.current_context?;
    let context = file.contexts.into_iter().find(|context| context.name == name)?.context?;
    if context.namespace.as_deref().unwrap_or("default") == namespace {
        return None;
    }
    let context = serde_json::json!({"cluster": context.cluster, "user": context.user, "namespace": namespace});
    let contexts = serde_json::json!([{"name": name, "context": context}]);
    let document =
        serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": name, "contexts": contexts});
    Some(format!("{document}\n"))
}

/// Turns an API error into a failure with the server's words: of a server that says no, or of one that cannot be asked
/// at this moment.
pub fn refused(what: impl Into<String>, error: &kube::Error) -> anyhow::Error {
    if let Some(failure) = failure_in(error) {
        return failure.clone().into();
    }
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

/// The failure that keeps the API from being asked, or from being understood, if that is what the error says: no credentials, or an
/// answer without an end.
pub fn failure_in(error: &kube::Error) -> Option<&Failure> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What an API error says to a person: the server's message, or what is at the bottom of a failed connection.
pub fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    root_cause(error)
}

/// What is at the bottom of an error: the rest says where it was seen.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
