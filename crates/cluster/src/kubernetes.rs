//! The Kubernetes API of our cluster, reached through our own kubeconfig and nothing else.

mod addons;
mod apply;
mod compare;
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
use anyhow::{Context as _, Result};
use bootstrap_run::failure::{Failure, FailureId};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::client::AuthError;
use kube::config::{ExecInteractiveMode, Kubeconfig, KubeconfigError};
use kube::discovery::ApiResource;
use secrecy::ExposeSecret as _;

pub use addons::{Course, DNS_PODS, Dead, PROXY_PODS, dead_addon};
pub use apply::{FIELD_MANAGER, Site, apply_what_runs, apply_what_runs_nothing, is_applied_by_us};
pub use compare::{Lack, What, bundles, has_lost_types, lacks};
pub(crate) use exec::run_in_pod;
pub use kubeconfig::{invalid_of_ours, kubeconfigs, strays, write_adopted};
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
pub async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let (client, server, uid) = reached(kubeconfig).await?;
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
pub async fn client_of_whichever(kubeconfig: &Path) -> Result<kube::Client> {
    reached(kubeconfig).await.map(|(client, ..)| client)
}

/// A client for a cluster that kind made, by the text of its kubeconfig, which kind has confirmed.
///
/// # Errors
/// [`FailureId::KubeconfigInvalid`] of the file at this place.
pub async fn client_of_kind(text: &[u8], place: &Path) -> Result<kube::Client> {
    let file = Kubeconfig::from_yaml(&String::from_utf8_lossy(text));
    reached_by(file, place).await.map(|(client, ..)| client)
}

/// The failure of a kubeconfig that is not at its place, [`FailureId::ClusterMissing`]: without one there is no cluster for us.
pub fn no_kubeconfig(place: &Path) -> Failure {
    let failure = Failure::new(FailureId::ClusterMissing, "there is no cluster yet");
    failure.evidence(format!("no kubeconfig at {}", place.display()))
}

/// A client, its server, and the uid that the cluster must have.
async fn reached(kubeconfig: &Path) -> Result<(kube::Client, String, Option<String>)> {
    if !kubeconfig.exists() {
        return Err(no_kubeconfig(kubeconfig).into());
    }
    reached_by(Kubeconfig::read_from(kubeconfig), kubeconfig).await
}

/// As [`reached`], by what was read of the file.
async fn reached_by(
    file: Result<Kubeconfig, KubeconfigError>,
    kubeconfig: &Path,
) -> Result<(kube::Client, String, Option<String>)> {
    let file = file.map_err(|error| invalid_of_ours(kubeconfig, kubeconfig::words(&error)))?;
    let invalid = kubeconfig::unusable(&file, kubeconfig);
    let kubeconfig::Way { mut config, mark } = kubeconfig::way(file, &invalid)?;
    config.connect_timeout = Some(patience::CONNECT);
    let server = config.cluster_url.to_string();
    let client = connect(config, &invalid).await?;
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

/// Runs the program that gives credentials, if there is one.
async fn connect(mut config: kube::Config, invalid: &impl Fn(String) -> Failure) -> Result<kube::Client> {
    // It becomes a header; kube ends the program where it cannot.
    if let Some(token) = &config.auth_info.token
        && !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(invalid(
            "the token of its user holds what a token cannot hold, such as a space or a line's end".to_owned(),
        )
        .into());
    }
    let mut program = String::new();
    let mut advice = None;
    if let Some(exec) = &mut config.auth_info.exec {
        program = exec.command.clone().unwrap_or_default();
        advice = exec.install_hint.clone();
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            let what = format!("the program {program:?} gives credentials only in a dialogue");
            let seen = "the kubeconfig has interactiveMode: Always";
            return Err(Failure::new(FailureId::CredentialsFailed, what).evidence(seen).into());
        }
        // Its words are kept, and the terminal stays ours.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    if let Some(provider) = &config.auth_info.auth_provider {
        program.clone_from(&provider.name);
    }
    let connecting = tokio::task::spawn_blocking(move || kube::Client::try_from(config));
    let failed = |seen: String| {
        let failure = Failure::new(FailureId::CredentialsFailed, format!("{program:?} gives no credentials"));
        let failure = failure.evidence(seen);
        match advice.as_deref().map(str::trim).filter(|advice| !advice.is_empty()) {
            Some(advice) => failure.hint(advice.replace('\n', " ")),
            None => failure,
        }
    };
    match tokio::time::timeout(patience::CREDENTIALS_COME, connecting).await {
        Err(_) => Err(failed(format!("no answer within {} s", patience::CREDENTIALS_COME.as_secs())).into()),
        Ok(ended) => Ok(ended.context("setting up the Kubernetes client broke off")?.map_err(|error| match error {
            kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
                failed(format!("it ended with {}\n{}", out.status, String::from_utf8_lossy(&out.stderr)))
            }
            // What a program printed is a secret, also where it cannot be parsed.
            kube::Error::Auth(AuthError::AuthExecParse(error)) => failed(error.without_snippet().to_string()),
            kube::Error::Auth(error @ AuthError::ReadTokenFile(..)) => invalid(error.to_string()),
            kube::Error::Auth(error) => failed(error.to_string()),
            error => invalid(error.to_string()),
        })?),
    }
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
pub fn words(error: &kube::Error) -> String {
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
