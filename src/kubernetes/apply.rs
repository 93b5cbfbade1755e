//! Server-side apply of a manifest: what everything else needs first, then the rest side by side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use futures::future::{BoxFuture, FutureExt as _};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::discovery::{ApiCapabilities, ApiResource, Scope};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use super::refused;

/// The owner of the fields that we set, as `kubectl get --show-managed-fields` names it.
const FIELD_MANAGER: &str = "pgedge-bootstrap";

const DEFINITION: &str = "CustomResourceDefinition";
const DEPLOYMENT: &str = "Deployment";

/// Requests that are under way at the same time. The API server of a small machine gains nothing from more.
const PARALLEL: usize = 8;

/// The objects of a manifest file.
#[derive(Debug)]
pub(crate) struct Manifest {
    objects: Vec<DynamicObject>,
}

impl Manifest {
    /// Reads a stream of YAML documents; empty ones are skipped.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut objects = Vec::new();
        for document in documents(text) {
            let value: Value = serde_saphyr::from_str(&document).context("the manifest is not valid YAML")?;
            if value.is_null() {
                continue;
            }
            objects.push(
                serde_json::from_value(value).context("the manifest holds something that is no Kubernetes object")?,
            );
        }
        Ok(Self { objects })
    }

    /// Replaces an image name wherever it stands as a whole value: in containers, and in the settings by which an
    /// operator learns its own image.
    pub(crate) fn replace_image(&mut self, name: &str, reference: &str) {
        for object in &mut self.objects {
            replace_text(&mut object.data, name, reference);
        }
    }

    /// Has the kubelet ask every second whether a container has started and is ready, for as long as it would have asked
    /// before it gave up. By the manifests it asks every five or ten seconds, and at first not at all: most of the time
    /// that an operator takes to become available. What keeps a container alive stays as it is.
    pub(crate) fn ask_often_at_the_start(&mut self) {
        for object in self.objects.iter_mut().filter(|object| kind_of(object) == DEPLOYMENT) {
            let containers = object.data.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                for name in ["startupProbe", "readinessProbe"] {
                    if let Some(probe) = container.get_mut(name).and_then(Value::as_object_mut) {
                        hasten(probe);
                    }
                }
            }
        }
    }
}

/// Applies every object that runs nothing, and waits until the custom resource types can be used.
///
/// # Errors
/// [`FailureId::KubernetesRefused`](crate::failure::FailureId::KubernetesRefused) with the server's words.
pub(crate) async fn apply_what_runs_nothing(client: &Client, manifest: &Manifest) -> Result<()> {
    let passive: Vec<_> = manifest.objects.iter().filter(|object| kind_of(object) != DEPLOYMENT).collect();
    let first = |object: &&DynamicObject| matches!(kind_of(object), "Namespace" | DEFINITION);
    let (first, rest): (Vec<_>, Vec<_>) = passive.into_iter().partition(first);
    apply_all(client, &first).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut established = Vec::new();
    for definition in first.iter().filter(|object| kind_of(object) == DEFINITION) {
        established.push(is_established(definitions.clone(), definition.name_any()));
    }
    futures::future::try_join_all(established).await?;
    apply_all(client, &rest).await
}

/// Applies the Deployments: what they need is there after [`apply_what_runs_nothing`].
///
/// # Errors
/// As [`apply_what_runs_nothing`].
pub(crate) async fn apply_what_runs(client: &Client, manifest: &Manifest) -> Result<()> {
    let running: Vec<_> = manifest.objects.iter().filter(|object| kind_of(object) == DEPLOYMENT).collect();
    apply_all(client, &running).await
}

async fn is_established(definitions: Api<CustomResourceDefinition>, name: String) -> Result<()> {
    let wait = await_condition(definitions, &name, conditions::is_crd_established()).await;
    wait.map(drop).with_context(|| format!("cannot watch the custom resource definition {name}"))
}

async fn apply_all(client: &Client, objects: &[&DynamicObject]) -> Result<()> {
    let resources = resources_of(client, objects).await?;
    let mut requests: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
    for object in objects {
        requests.push(apply_one(client, &resources, object).boxed());
    }
    futures::stream::iter(requests).buffer_unordered(PARALLEL).try_collect().await
}

async fn apply_one(client: &Client, resources: &Resources, object: &DynamicObject) -> Result<()> {
    let (kind, name) = (kind_of(object), object.name_any());
    let (resource, capabilities) =
        resources.get(&key_of(object)).with_context(|| format!("{kind} is an unknown kind"))?;
    let api: Api<DynamicObject> = match (&capabilities.scope, object.namespace()) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), &namespace, resource),
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), resource),
        (Scope::Cluster, _) => Api::all_with(client.clone(), resource),
    };
    // Forced, because what we apply is what was pinned; the cluster is ours.
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api.patch(&name, &parameters, &Patch::Apply(object)).await;
    applied.map(drop).map_err(|error| refused(format!("cannot apply {kind} {name}"), &error))
}

type Resources = BTreeMap<(String, String), (ApiResource, ApiCapabilities)>;

/// Asks the server what the kinds of the manifest are called in its addresses.
async fn resources_of(client: &Client, objects: &[&DynamicObject]) -> Result<Resources> {
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

/// The defaults are Kubernetes' own.
fn hasten(probe: &mut serde_json::Map<String, Value>) {
    let number = |name: &str, default: u64| probe.get(name).and_then(Value::as_u64).unwrap_or(default);
    let patience = number("initialDelaySeconds", 0) + number("periodSeconds", 10) * number("failureThreshold", 3);
    probe.remove("initialDelaySeconds");
    probe.insert("periodSeconds".to_owned(), 1.into());
    probe.insert("failureThreshold".to_owned(), patience.into());
}

fn key_of(object: &DynamicObject) -> (String, String) {
    object.types.as_ref().map(|types| (types.api_version.clone(), types.kind.clone())).unwrap_or_default()
}

fn kind_of(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

/// Cuts at lines that are `---`: the marker cannot stand at the start of a line inside a document.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents.retain(|document| document.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#')));
    documents
}

fn replace_text(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_text(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_text(field, from, to)),
        _ => {}
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const TWO: &str = "# a comment\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n---\n\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: b\nspec:\n  template:\n    spec:\n      containers:\n      - image: quay.io/x/y:v1\n        env:\n        - name: IMAGE\n          value: quay.io/x/y:v1\n        args: ['--image=quay.io/x/y:v1']\n";

    #[test]
    fn a_manifest_is_its_documents() {
        let manifest = Manifest::parse(TWO).unwrap();
        let kinds: Vec<&str> = manifest.objects.iter().map(kind_of).collect();
        assert_eq!(kinds, ["Namespace", "Deployment"]);
    }

    #[test]
    fn an_image_is_replaced_where_it_is_the_whole_value() {
        let mut manifest = Manifest::parse(TWO).unwrap();
        manifest.replace_image("quay.io/x/y:v1", "quay.io/x/y:v1@sha256:1");
        let container = &manifest.objects[1].data["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "quay.io/x/y:v1@sha256:1");
        assert_eq!(container["env"][0]["value"], "quay.io/x/y:v1@sha256:1");
        assert_eq!(container["args"][0], "--image=quay.io/x/y:v1");
    }

    #[test]
    fn probes_ask_every_second_and_are_as_patient_as_before() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: b\nspec:\n  template:\n    spec:\n      containers:\n      - readinessProbe: {initialDelaySeconds: 5, periodSeconds: 5, httpGet: {path: /healthz}}\n        livenessProbe: {periodSeconds: 10}\n";
        let mut manifest = Manifest::parse(text).unwrap();
        manifest.ask_often_at_the_start();
        let container = &manifest.objects[0].data["spec"]["template"]["spec"]["containers"][0];
        let wanted = serde_json::json!({
            "readinessProbe": {"periodSeconds": 1, "failureThreshold": 20, "httpGet": {"path": "/healthz"}},
            "livenessProbe": {"periodSeconds": 10},
        });
        assert_eq!(*container, wanted);
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        assert!(Manifest::parse("just: text\n").unwrap().objects[0].types.is_none());
        assert!(Manifest::parse("a: [").is_err());
    }
}
