//! The objects of an operator's manifest, as the file has them and as they are meant.

use anyhow::{Context as _, Result};
use kube::api::DynamicObject;
use serde_json::Value;

pub(super) const DEFINITION: &str = "CustomResourceDefinition";
pub(super) const DEPLOYMENT: &str = "Deployment";

/// The objects of a manifest file.
#[derive(Debug)]
pub struct Manifest {
    objects: Vec<DynamicObject>,
}

impl Manifest {
    /// Reads a stream of YAML documents; empty ones are skipped.
    ///
    /// # Errors
    /// What is not YAML, or no Kubernetes object. Nobody expects that of a file that was verified, so it is no
    /// [`Failure`](bootstrap_run::failure::Failure).
    pub fn parse(text: &str) -> Result<Self> {
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

    /// As [`Self::parse`], with nothing but kind and name of the custom resource definitions: they are nearly all of the text of
    /// an operator's manifest, and take a second to read that a look does not have.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn outline(text: &str) -> Result<Self> {
        let is_definition =
            |document: &str| document.lines().any(|line| line.trim_end() == "kind: CustomResourceDefinition");
        let short = |document: String| if is_definition(&document) { head(&document) } else { document };
        let documents: Vec<String> = documents(text).into_iter().map(short).collect();
        Self::parse(&documents.join("---\n"))
    }

    /// With the objects that name no namespace in this one, as helm applies them.
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        for object in &mut self.objects {
            object.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
        }
        self
    }

    pub(super) fn objects(&self) -> &[DynamicObject] {
        &self.objects
    }

    /// Replaces an image name wherever it stands as a whole value: in containers, and in the settings by which an
    /// operator learns its own image.
    pub fn replace_image(&mut self, name: &str, reference: &str) {
        for object in &mut self.objects {
            replace_text(&mut object.data, name, reference);
        }
    }

    /// Has the kubelet ask every second whether a container has started and is ready, for as long as it would have asked
    /// before it gave up. By the manifests it asks every five or ten seconds, and at first not at all: most of the time
    /// that an operator takes to become available. What keeps a container alive stays as it is.
    pub fn ask_often_at_the_start(&mut self) {
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

    /// Says what the manifest leaves to Kubernetes' defaults, where another value would keep the operator from working: an
    /// object that is applied keeps what somebody has added where the manifest is silent.
    pub fn say_what_is_meant(&mut self) {
        for object in &mut self.objects {
            match kind_of(object) {
                DEPLOYMENT => {
                    if let Some(spec) = object.data.get_mut("spec").and_then(Value::as_object_mut) {
                        spec.entry("replicas").or_insert_with(|| 1.into());
                        spec.insert("paused".to_owned(), false.into());
                    }
                }
                "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
                    let webhooks = object.data.get_mut("webhooks").and_then(Value::as_array_mut);
                    for webhook in webhooks.into_iter().flatten().filter_map(Value::as_object_mut) {
                        for selector in ["namespaceSelector", "objectSelector"] {
                            webhook.entry(selector).or_insert_with(|| Value::Object(serde_json::Map::new()));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// The defaults are Kubernetes' own.
fn hasten(probe: &mut serde_json::Map<String, Value>) {
    let number = |name: &str, default: u64| probe.get(name).and_then(Value::as_u64).unwrap_or(default);
    let patience = number("initialDelaySeconds", 0) + number("periodSeconds", 10) * number("failureThreshold", 3);
    probe.remove("initialDelaySeconds");
    probe.insert("periodSeconds".to_owned(), 1.into());
    probe.insert("failureThreshold".to_owned(), patience.into());
}

pub(super) fn key_of(object: &DynamicObject) -> (String, String) {
    object.types.as_ref().map(|types| (types.api_version.clone(), types.kind.clone())).unwrap_or_default()
}

pub(super) fn kind_of(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

/// The lines of a document that say what object it is.
fn head(document: &str) -> String {
    let mut wanted = false;
    let mut head = String::new();
    for line in document.lines() {
        if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            wanted = ["apiVersion:", "kind:", "metadata:"].iter().any(|field| line.starts_with(field));
        }
        if wanted {
            head.push_str(line);
            head.push('\n');
        }
    }
    head
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

    #[test]
    fn an_outline_has_everything_but_what_definitions_define() {
        let definition = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  annotations:\n    a: b\n  name: c.d\nspec:\n  group: d\n";
        let text = format!("{TWO}{definition}");
        let (whole, outline) = (Manifest::parse(&text).unwrap(), Manifest::outline(&text).unwrap());
        assert_eq!(outline.objects[1], whole.objects[1]);
        assert_eq!(outline.objects[2].metadata, whole.objects[2].metadata);
        assert_eq!(
            (whole.objects[2].data["spec"]["group"].as_str(), outline.objects[2].data.get("spec")),
            (Some("d"), None)
        );
    }

    #[test]
    fn what_a_manifest_leaves_to_defaults_is_said() {
        let webhooks = "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: v\nwebhooks:\n- name: w\n  namespaceSelector:\n    matchLabels: {a: b}\n";
        let mut manifest = Manifest::parse(&format!("{TWO}{webhooks}")).unwrap();
        manifest.say_what_is_meant();
        let deployment = &manifest.objects[1].data["spec"];
        assert_eq!((&deployment["replicas"], &deployment["paused"]), (&Value::from(1), &Value::from(false)));
        let webhook = &manifest.objects[2].data["webhooks"][0];
        assert_eq!(webhook["namespaceSelector"]["matchLabels"]["a"], "b");
        assert_eq!(webhook["objectSelector"], serde_json::json!({}));
    }
}
