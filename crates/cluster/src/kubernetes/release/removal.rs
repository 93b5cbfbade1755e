//! A release that was never complete is taken away whole: helm would upgrade it, and a chart takes an upgrade for a sign
//! that what it looks up is there. What is removed are the very objects that were looked at, by their uid: what somebody
//! has made in the place of one of them meanwhile stays.
//!
//! The records go last. Whoever is killed in between finds them, and goes on.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Preconditions, PropagationPolicy};
use kube::core::PartialObjectMeta;
use kube::discovery::Scope;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use kube::{Client, Resource, ResourceExt as _};

use super::{decode, document_of, label_of, never_complete};
use crate::kubernetes::{Manifest, Objects, refused, until};

/// helm marks what it makes.
const MANAGER: (&str, &str) = ("app.kubernetes.io/managed-by", "Helm");
const RELEASE: &str = "meta.helm.sh/release-name";
const NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// It does not mark what its hooks make; the chart does.
const HOOK: &str = "helm.sh/hook";

/// CloudNativePG labels what it makes for a Cluster.
const CLUSTER_LABEL: &str = "cnpg.io/cluster";
const CLUSTER: &str = "Cluster";

/// An object of the release, as it was found.
struct Found {
    kind: String,
    api: Api<DynamicObject>,
    name: String,
    uid: String,
}

/// Removes a release that was never complete, and returns when nothing of it is left: first what it had made, then its
/// records. `false` if there is none, or one that was complete: then nothing was touched. The caller makes sure that no helm
/// is at work.
///
/// # Errors
/// [`bootstrap_run::failure::FailureId::KubernetesAway`] and [`bootstrap_run::failure::FailureId::KubernetesRefused`].
pub async fn remove_release(client: &Client, namespace: &str, name: &str) -> Result<bool> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let records = secrets.list(&ListParams::default().labels(&label_of(name))).await;
    let records = records.map_err(|error| refused(format!("cannot list the records of release {name}"), &error))?.items;
    if records.is_empty() || !records.iter().all(never_complete) {
        return Ok(false);
    }
    let mut found = Vec::new();
    for record in &records {
        found.extend(made_by(client, namespace, name, record).await?);
    }
    futures::future::try_join_all(found.iter().map(delete)).await?;
    futures::future::join_all(found.iter().map(is_gone)).await;
    volumes_are_gone(client, namespace).await?;
    for record in &records {
        let uid = record.uid().context("a release record has no uid")?;
        let deleted = secrets.delete(&record.name_any(), &by_uid(&uid)).await;
        ignore_another(deleted.map(drop))
            .map_err(|error| refused(format!("cannot remove the release record {}", record.name_any()), &error))?;
    }
    Ok(true)
}

/// What is there of all that the record's revision was to make. helm writes the record before it makes the first of them.
async fn made_by(client: &Client, namespace: &str, release: &str, record: &Secret) -> Result<Vec<Found>> {
    let document = decode(document_of(record)?)?;
    let hooks = document["hooks"].as_array().into_iter().flatten();
    let texts = std::iter::once(&document["manifest"]).chain(hooks.map(|hook| &hook["manifest"]));
    let mut found = Vec::new();
    for text in texts.filter_map(serde_json::Value::as_str) {
        for object in Manifest::parse(text)?.objects() {
            found.extend(look(client, namespace, release, object).await?);
        }
    }
    Ok(found)
}

/// `None` if it is not there, or not of this release.
async fn look(client: &Client, namespace: &str, release: &str, wanted: &DynamicObject) -> Result<Option<Found>> {
    let Some(types) = &wanted.types else { return Ok(None) };
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", types.api_version.as_str()));
    let resource =
        match kube::discovery::pinned_kind(client, &kube::core::GroupVersionKind::gvk(group, version, &types.kind))
            .await
        {
            Ok(found) => found,
            // A cluster that does not know the kind has no such object.
            Err(kube::Error::Discovery(_)) => return Ok(None),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(refused(format!("cannot ask for the kind {}", types.kind), &error)),
        };
    let api: Api<DynamicObject> = match resource.1.scope {
        Scope::Namespaced => {
            let namespace = wanted.namespace().unwrap_or_else(|| namespace.to_owned());
            Api::namespaced_with(client.clone(), &namespace, &resource.0)
        }
        Scope::Cluster => Api::all_with(client.clone(), &resource.0),
    };
    let (kind, name) = (types.kind.clone(), wanted.name_any());
    let there = api.get_metadata_opt(&name).await;
    let there = there.map_err(|error| refused(format!("cannot read {kind} {name}"), &error))?;
    let ours = there.filter(|object| is_of(object, namespace, release, wanted));
    Ok(ours.and_then(|object| object.uid()).map(|uid| Found { kind, api, name, uid }))
}

/// By the marks of helm; a hook's object has none, and is known by the chart's own on it.
fn is_of(object: &PartialObjectMeta<DynamicObject>, namespace: &str, release: &str, wanted: &DynamicObject) -> bool {
    let note = |name: &str| object.annotations().get(name).map(String::as_str);
    if let Some(hook) = wanted.annotations().get(HOOK) {
        return note(HOOK) == Some(hook);
    }
    object.labels().get(MANAGER.0).is_some_and(|manager| manager == MANAGER.1)
        && note(RELEASE) == Some(release)
        && note(NAMESPACE) == Some(namespace)
}

async fn delete(found: &Found) -> Result<()> {
    // The pods of a Job go before it does: one that goes on would wire the nodes that come next.
    let propagation = if found.kind == "Job" { PropagationPolicy::Foreground } else { PropagationPolicy::Background };
    let parameters = DeleteParams { propagation_policy: Some(propagation), ..by_uid(&found.uid) };
    let deleted = found.api.delete(&found.name, &parameters).await;
    ignore_another(deleted.map(drop))
        .map_err(|error| refused(format!("cannot remove {} {}", found.kind, found.name), &error))
}

/// Has no deadline of its own, as [`until`]: an API server that is away for a moment is asked again.
async fn is_gone(found: &Found) {
    let mut seen = std::pin::pin!(watch_object(found.api.clone(), &found.name).default_backoff());
    while let Some(seen) = seen.next().await {
        let same =
            |object: Option<DynamicObject>| object.is_some_and(|object| object.uid().as_ref() == Some(&found.uid));
        if seen.is_ok_and(|object| !same(object)) {
            return;
        }
    }
}

fn by_uid(uid: &str) -> DeleteParams {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    DeleteParams::default().preconditions(preconditions)
}

/// It is gone, or another has its name by now, which is not ours to remove.
fn ignore_another(deleted: kube::Result<()>) -> kube::Result<()> {
    match deleted {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        deleted => deleted,
    }
}

/// A new node must not find the pod or the volume of the old one of its name while that is going: Kubernetes removes them
/// after their Cluster. What has no Cluster for an owner is somebody's own, and stays.
async fn volumes_are_gone(client: &Client, namespace: &str) -> Result<()> {
    let clusters: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &crate::kubernetes::cluster_resource());
    let living: BTreeSet<String> = match clusters.list_metadata(&ListParams::default()).await {
        Ok(listed) => listed.items.iter().filter_map(kube::ResourceExt::uid).collect(),
        Err(kube::Error::Api(status)) if status.code == 404 => BTreeSet::new(),
        Err(error) => return Err(refused("cannot list the Clusters", &error)),
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    until(pods, CLUSTER_LABEL, |objects| none_orphaned(objects, &living)).await;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    until(claims, CLUSTER_LABEL, |objects| none_orphaned(objects, &living)).await;
    Ok(())
}

fn none_orphaned<K: Resource>(objects: &Objects<K>, living: &BTreeSet<String>) -> Option<()> {
    let orphaned = |object: &K| {
        object.owner_references().iter().any(|owner| owner.kind == CLUSTER && !living.contains(&owner.uid))
    };
    (!objects.values().any(orphaned)).then_some(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
