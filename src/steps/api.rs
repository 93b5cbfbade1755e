//! The Kubernetes API. It answers seconds before the cluster is ready, and manifests can be applied then, while kubeadm
//! continues.
//!
//! kind writes its kubeconfig only at its end, so it is requested by `kind get kubeconfig` as soon as the API server
//! answers.

use anyhow::Result;
use bootstrap_cluster::adoption::Adoption;
use bootstrap_cluster::kubernetes;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::step::Observation;
use bootstrap_run::wait::{Patience, Polling};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};

use super::announcement;
use super::permissions::{self, Allowed};
use crate::context::Context;
use crate::patience;

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    if !context.is_adopted() {
        if super::cluster::containers(context).await?.is_empty() {
            return Ok(Observation::Missing("there is no cluster".to_owned()));
        }
        if super::cluster::may_be_removed(context) {
            return Ok(Observation::Missing("the cluster was never finished".to_owned()));
        }
    }
    if !context.places.kubeconfig.exists() {
        return Ok(Observation::Missing("its kubeconfig is not here".to_owned()));
    }
    if let Some(astray) = astray(context).await? {
        return Ok(astray);
    }
    Ok(match ask(context).await? {
        Ok(version) if context.is_adopted() => match announcement::enter(context, &version).await? {
            Ok(()) => Observation::Done(version),
            Err(not_yet) => Observation::Waiting(not_yet.summary().to_owned()),
        },
        Ok(version) => Observation::Done(version),
        Err(why) => Observation::Waiting(why.words),
    })
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    if !context.is_adopted() {
        context.settled_nodes().await?;
    }
    let mut polling = Polling::every(patience::POLL_API);
    let mut refused: Option<Patience> = None;
    loop {
        polling.turn().await;
        // kind's words for what it does not have yet are stack traces: nothing that helps a person to wait.
        if !context.is_adopted() && ensure_kubeconfig(context, reporter).await?.is_err() {
            reporter.waiting("kubeadm sets up the control plane");
            continue;
        }
        if context.is_adopted() && !context.places.kubeconfig.exists() && !adopted_is_there(context)? {
            reporter.waiting("kubeadm has not written the kubeconfig yet");
            continue;
        }
        let refusal = match ask(context).await? {
            Ok(_) if !context.is_adopted() => return Ok(()),
            Ok(version) => {
                remember(context).await?;
                match announcement::enter(context, &version).await? {
                    Ok(()) => return Ok(()),
                    Err(not_yet) => not_yet,
                }
            }
            Err(why) if why.is_refusal && context.is_adopted() => match forbidden(context).await {
                Some(Allowed::No(failure)) => return Err(failure.into()),
                Some(Allowed::NotYet(failure)) => failure,
                Some(Allowed::Yes) | None => {
                    let what = "the Kubernetes API does not let the kubeconfig's user in";
                    Failure::new(FailureId::CredentialsFailed, what).evidence(why.words)
                }
            },
            Err(why) => {
                refused = None;
                reporter.waiting(why.words);
                continue;
            }
        };
        if refused.get_or_insert_with(|| Patience::begin(patience::ADOPTED_API_REFUSES)).is_over() {
            return Err(refusal.into());
        }
        reporter.waiting(refusal.seen().first().map_or(refusal.summary(), String::as_str));
    }
}

/// What the user lacks, as far as the server tells it to one whom it has refused something.
async fn forbidden(context: &Context) -> Option<Allowed> {
    let until = context.intent.get().copied()?;
    let asked = async {
        announcement::tell(context, until, None).await?;
        permissions::check(context, until).await
    };
    tokio::time::timeout(patience::API_ANSWERS, asked).await.ok()?.ok()
}

/// What keeps our kubeconfig from being used; `None` if it leads to the cluster, or is of one that was adopted, which has marks of
/// its own. Nothing is asked of where it leads.
pub(super) async fn astray(context: &Context) -> Result<Option<Observation>> {
    if context.is_adopted() {
        return Ok(None);
    }
    let Err(error) = context.checked_kubeconfig().await else { return Ok(None) };
    let Some(found) = failure::of(&error) else { return Err(error) };
    let words = format!("{found}: {}", found.seen().join("; "));
    match found.id() {
        FailureId::ClusterChanged | FailureId::KubeconfigInvalid => Ok(Some(Observation::Wrong(words))),
        FailureId::KubernetesAway | FailureId::StepDoesNotHold => Ok(Some(Observation::Waiting(words))),
        _ => Err(error),
    }
}

/// Writes the kubeconfig if it is not there, was cut short, or leads elsewhere. Returns kind's words if it does not have it yet.
pub(super) async fn ensure_kubeconfig(context: &Context, reporter: &StepReporter) -> Result<Result<(), String>> {
    let written = context.write_kubeconfig().await?;
    if let Ok(Some(why)) = &written {
        reporter.waiting(format!("the kubeconfig is rewritten from what kind says: {why}"));
    }
    Ok(written.map(drop))
}

/// Whether the administrator's kubeconfig is there by now. Writes ours after it.
fn adopted_is_there(context: &Context) -> Result<bool> {
    let Some(adoption) = Adoption::read(&context.places.state)? else { return Ok(false) };
    let site = kubernetes::write_adopted(&adoption, &context.places.kubeconfig)?;
    let is_there = site.is_some();
    Adoption { site, ..adoption }.write(&context.places.state)?;
    Ok(is_there)
}

/// Keeps what the adopted cluster is known by, once it has told it: from then on no other one is taken for it.
async fn remember(context: &Context) -> Result<()> {
    let Some(mut adoption) = Adoption::read(&context.places.state)? else { return Ok(()) };
    let Some(site) = adoption.site.as_mut().filter(|site| site.uid.is_none()) else { return Ok(()) };
    let client = context.client().await?;
    let uid = kubernetes::cluster_uid(&client).await;
    site.uid = Some(uid.map_err(|error| kubernetes::refused("the namespace kube-system cannot be read", &error))?);
    adoption.write(&context.places.state)?;
    kubernetes::write_adopted(&adoption, &context.places.kubeconfig)?;
    Ok(())
}

/// The version of the adopted cluster, which is remembered from now on unless this is a look; or why it cannot be used yet:
/// its step waits for it.
///
/// # Errors
/// What no waiting changes: a kubeconfig that cannot be used, another cluster than the one that was adopted.
pub(crate) async fn version_of_adopted(context: &Context, is_look: bool) -> Result<Result<String, String>> {
    let version = ask(context).await?.map_err(|why| why.words);
    if version.is_ok() && !is_look {
        remember(context).await?;
    }
    Ok(version)
}

/// Why the Kubernetes API cannot be used yet.
struct NotYet {
    words: String,
    /// It answered, and did not let us in.
    is_refusal: bool,
}

/// The version of an API server that lets us in, or why it does not yet: while kubeadm is at work, there is a time when it
/// answers and does not know us yet. One that hangs has not answered.
///
/// # Errors
/// What no waiting changes, in an adopted cluster. In ours, what kind wrote may be cut short, and is written again.
async fn ask(context: &Context) -> Result<Result<String, NotYet>> {
    let not_yet =
        |why: String, is_refusal| NotYet { words: format!("the Kubernetes API does not answer: {why}"), is_refusal };
    let client = async {
        let asked = tokio::time::timeout(patience::API_ANSWERS * 4, context.client()).await;
        asked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", (patience::API_ANSWERS * 4).as_secs())))
    };
    let client = match client.await {
        Ok(client) => client,
        Err(error) => {
            let found = failure::of(&error);
            let id = found.map(Failure::id);
            let seen = found.map_or_else(String::new, |found| format!(": {}", found.seen().join("; ")));
            let is_final = [
                FailureId::KubeconfigInvalid,
                FailureId::ProxyInvalid,
                FailureId::CredentialsFailed,
                FailureId::ClusterChanged,
            ];
            return match id {
                Some(id) if context.is_adopted() && is_final.contains(&id) => Err(error),
                _ => Ok(Err(not_yet(format!("{error:#}{seen}"), id == Some(FailureId::KubernetesRefused)))),
            };
        }
    };
    let question = async {
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.list_metadata(&ListParams::default().limit(1)).await?;
        client.apiserver_version().await
    };
    Ok(match tokio::time::timeout(patience::API_ANSWERS, question).await {
        Err(_) => Err(not_yet(format!("no answer within {} s", patience::API_ANSWERS.as_secs()), false)),
        Ok(Ok(version)) => Ok(version.git_version),
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => Err(NotYet {
            words: format!("the Kubernetes API does not let us in: {}", status.message),
            is_refusal: true,
        }),
        Ok(Err(error)) => match kubernetes::failure_in(&error) {
            // No waiting brings credentials, or makes something else a Kubernetes API.
            Some(failure) => return Err(failure.clone().into()),
            None => Err(not_yet(why(&error), false)),
        },
    })
}

/// A server that comes up refuses, resets and cuts off connections in turns: to a person that is all one.
fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        _ if kubernetes::words(error).contains("refused") => "connection refused".to_owned(),
        _ => "the connection is cut off".to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
