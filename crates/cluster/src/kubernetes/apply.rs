//! Server-side apply of a manifest: what everything else needs first, then the rest in parallel.
//!
//! Pods that start before kube-proxy works crash and back off for ten seconds: a Kubernetes node is Ready before its
//! Services work. So everything except Deployments is applied at once, and Deployments when kube-proxy's health check
//! succeeds. In an adopted cluster nothing is forced on an object that this program did not apply.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{Failure, FailureId};
use futures::future::{BoxFuture, FutureExt as _};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::discovery::{ApiCapabilities, ApiResource, Scope};
use kube::runtime::conditions;
use kube::runtime::wait::{Error as WatchEnded, await_condition};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt as _};

use super::manifest::{DEFINITION, DEPLOYMENT, Manifest, key_of, kind_of};
use super::refused;

/// The owner of the fields that we set, as `kubectl get --show-managed-fields` names it.
pub const FIELD_MANAGER: &str = "pgedge-bootstrap";

/// Whose the cluster is that something is applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// We made it: what is applied there is what was pinned, whoever has changed it.
    Ours,
    /// It was adopted: only objects that we have made may be set right there.
    Adopted,
}

/// Whether an object was applied by us: an object of somebody else has other owners only.
pub fn is_applied_by_us<K: Resource>(object: &K) -> bool {
    let managers = object.meta().managed_fields.iter().flatten();
    managers.into_iter().any(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
}

/// Requests that are under way at the same time. The API server of a small machine gains nothing from more.
const PARALLEL: usize = 8;

/// Applies every object that runs nothing, and waits until the custom resource types can be used.
///
/// # Errors
/// [`FailureId::KubernetesRefused`] with the server's words, and [`FailureId::KubernetesAway`].
pub async fn apply_what_runs_nothing(client: &Client, manifest: &Manifest, site: Site) -> Result<()> {
    let passive: Vec<_> = manifest.objects().iter().filter(|object| kind_of(object) != DEPLOYMENT).collect();
    let first = |object: &&DynamicObject| matches!(kind_of(object), "Namespace" | DEFINITION);
    let (first, rest): (Vec<_>, Vec<_>) = passive.into_iter().partition(first);
    apply_all(client, &first, site).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut established = Vec::new();
    for definition in first.iter().filter(|object| kind_of(object) == DEFINITION) {
        established.push(is_established(definitions.clone(), definition.name_any()));
    }
    futures::future::try_join_all(established).await?;
    apply_all(client, &rest, site).await
}

/// Applies the Deployments: what they need is there after [`apply_what_runs_nothing`].
///
/// # Errors
/// As [`apply_what_runs_nothing`].
pub async fn apply_what_runs(client: &Client, manifest: &Manifest, site: Site) -> Result<()> {
    let running: Vec<_> = manifest.objects().iter().filter(|object| kind_of(object) == DEPLOYMENT).collect();
    apply_all(client, &running, site).await
}

async fn is_established(definitions: Api<CustomResourceDefinition>, name: String) -> Result<()> {
    let wait = await_condition(definitions, &name, conditions::is_crd_established()).await;
    wait.map(drop).map_err(|WatchEnded::ProbeFailed(error)| {
        unwatched(format!("cannot watch the custom resource definition {name}"), error)
    })
}

/// The failure of a watch that has ended: an API server may go away while it is watched.
fn unwatched(what: String, error: watcher::Error) -> anyhow::Error {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => refused(what, &error),
        watcher::Error::WatchError(status) => refused(what, &kube::Error::Api(status)),
        error @ watcher::Error::NoResourceVersion => anyhow::Error::new(error).context(what),
    }
}

async fn apply_all(client: &Client, objects: &[&DynamicObject], site: Site) -> Result<()> {
    let resources = resources_of(client, objects).await?;
    let mut requests: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
    for object in objects {
        requests.push(apply_one(client, &resources, object, site).boxed());
    }
    futures::stream::iter(requests).buffer_unordered(PARALLEL).try_collect().await
}

async fn apply_one(client: &Client, resources: &Resources, object: &DynamicObject, site: Site) -> Result<()> {
    let (kind, name) = (kind_of(object), object.name_any());
    let api = api_of(client, resources, object)?;
    let unforced = PatchParams::apply(FIELD_MANAGER);
    let cannot = |error: &kube::Error| refused(format!("cannot apply {kind} {name}"), error);
    if site == Site::Adopted {
        let conflict = match api.patch(&name, &unforced, &Patch::Apply(object)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => status.message.clone(),
            Err(error) => return Err(cannot(&error)),
        };
        if !is_applied_by_us(&api.get_metadata(&name).await.map_err(|error| cannot(&error))?) {
            let what = format!("{kind} {name} is there, and was not made by this program");
            let hint = "nothing of it was changed: remove it if it is not needed, or use another cluster";
            return Err(Failure::new(FailureId::OperatorForeign, what).evidence(conflict).hint(hint).into());
        }
    }
    api.patch(&name, &unforced.force(), &Patch::Apply(object)).await.map(drop).map_err(|error| cannot(&error))
}

/// The API by which an object of a manifest is reached.
pub(super) fn api_of(client: &Client, resources: &Resources, object: &DynamicObject) -> Result<Api<DynamicObject>> {
    let (resource, capabilities) =
        resources.get(&key_of(object)).with_context(|| format!("{} is an unknown kind", kind_of(object)))?;
    Ok(match (&capabilities.scope, object.namespace()) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), &namespace, resource),
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), resource),
        (Scope::Cluster, _) => Api::all_with(client.clone(), resource),
    })
}

/// The kinds of a manifest, by API version and name.
pub(super) type Resources = BTreeMap<(String, String), (ApiResource, ApiCapabilities)>;

/// Asks the server what the kinds of the manifest are called in its addresses.
pub(super) async fn resources_of(client: &Client, objects: &[&DynamicObject]) -> Result<Resources> {
    let keys: BTreeSet<_> = objects.iter().map(|object| key_of(object)).collect();
    let lookups = keys.into_iter().map(|(version, kind)| async move {
        let (group, version_only) = version.split_once('/').unwrap_or(("", version.as_str()));
        let wanted = kube::core::GroupVersionKind::gvk(group, version_only, &kind);
        let found = kube::discovery::pinned_kind(client, &wanted).await;
        let found = found
            .map_err(|error| refused(format!("the cluster does not know the kind {kind} of {version}"), &error))?;
        Ok::<_, anyhow::Error>(((version, kind), found))
    });
    futures::stream::iter(lookups).buffer_unordered(PARALLEL).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootstrap_run::failure::{self, FailureId};

    /// Its server was taken away at this moment: that passes, and is no defect of this program.
    #[test]
    fn a_watch_that_broke_off_is_of_an_api_that_is_away() {
        let cut = || {
            kube::Error::ReadEvents(std::io::Error::other("peer closed connection without sending TLS close_notify"))
        };
        for error in [
            watcher::Error::InitialListFailed(cut()),
            watcher::Error::WatchStartFailed(cut()),
            watcher::Error::WatchFailed(cut()),
        ] {
            let told = unwatched("cannot watch it".to_owned(), error);
            assert_eq!(failure::of(&told).map(failure::Failure::id), Some(FailureId::KubernetesAway), "{told:#}");
        }
    }
}
