//! The objects of a server and their history.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::address::Asked;
use super::answer::{Answer, refusal, unknown};
use super::apply::{applied, merge};

/// API, plural, namespace (empty: cluster-wide) and name.
type Key = (String, String, String, String);

#[derive(Default)]
pub(super) struct State {
    objects: BTreeMap<Key, Value>,
    revision: u64,
    /// Every change with its revision: the word of a watch, and the object.
    history: Vec<(u64, &'static str, Key, Value)>,
}

/// A type of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Type {
    api: String,
    kind: String,
    plural: String,
    is_namespaced: bool,
}

/// The built-in types: API, kind, whether they live in namespaces.
const TYPES: &[(&str, &str, bool)] = &[
    ("v1", "Namespace", false),
    ("v1", "Node", false),
    ("v1", "Pod", true),
    ("v1", "Service", true),
    ("v1", "Secret", true),
    ("v1", "ConfigMap", true),
    ("v1", "ServiceAccount", true),
    ("v1", "PersistentVolumeClaim", true),
    ("v1", "Event", true),
    ("apps/v1", "Deployment", true),
    ("apps/v1", "DaemonSet", true),
    ("apps/v1", "ReplicaSet", true),
    ("batch/v1", "Job", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", false),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", false),
    ("rbac.authorization.k8s.io/v1", "Role", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", true),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", false),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", false),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", false),
    ("storage.k8s.io/v1", "StorageClass", false),
    ("discovery.k8s.io/v1", "EndpointSlice", true),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview", false),
    ("authentication.k8s.io/v1", "SelfSubjectReview", false),
];

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    if kind.ends_with('s') { format!("{kind}es") } else { format!("{kind}s") }
}

impl State {
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    pub(super) fn find(&self, plural: &str, namespace: &str, name: &str) -> Option<&Value> {
        let is_it = |(_, found, space, called): &Key| found == plural && space == namespace && called == name;
        self.objects.iter().find(|(key, _)| is_it(key)).map(|(_, object)| object)
    }

    pub(super) fn names(&self, plural: &str) -> Vec<String> {
        let of_type = self.objects.keys().filter(|(_, found, ..)| found == plural);
        let shown = |(_, _, space, name): &Key| if space.is_empty() { name.clone() } else { format!("{space}/{name}") };
        of_type.map(shown).collect()
    }

    fn types(&self) -> Vec<Type> {
        let built_in = TYPES.iter().map(|(api, kind, is_namespaced)| Type {
            api: (*api).to_owned(),
            kind: (*kind).to_owned(),
            plural: plural(kind),
            is_namespaced: *is_namespaced,
        });
        let definitions = self.objects.iter().filter(|((_, plural, ..), _)| plural == "customresourcedefinitions");
        let defined = definitions.flat_map(|(_, definition)| {
            let spec = &definition["spec"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let group = text(&spec["group"]);
            spec["versions"].as_array().unwrap().iter().map(move |version| Type {
                api: format!("{group}/{}", text(&version["name"])),
                kind: text(&spec["names"]["kind"]),
                plural: text(&spec["names"]["plural"]),
                is_namespaced: spec["scope"] == "Namespaced",
            })
        });
        built_in.chain(defined).collect()
    }

    // ---- by the test ----

    /// # Panics
    /// If the object has no type that is known.
    pub(super) fn store(&mut self, mut object: Value) -> Value {
        let (api, kind) = (object["apiVersion"].clone(), object["kind"].clone());
        let known = self.types().into_iter().find(|known| known.api == api && known.kind == kind);
        let known = known.unwrap_or_else(|| panic!("{kind} of {api} is not known"));
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let namespace = match (known.is_namespaced, object["metadata"]["namespace"].as_str()) {
            (true, namespace) => namespace.unwrap_or("default").to_owned(),
            (false, _) => String::new(),
        };
        if known.is_namespaced {
            object["metadata"]["namespace"] = namespace.clone().into();
        }
        let key = (known.api, known.plural, namespace, name);
        self.write(key, object)
    }

    pub(super) fn remove(&mut self, plural: &str, namespace: &str, name: &str) -> bool {
        let is_it = |(_, found, space, called): &Key| found == plural && space == namespace && called == name;
        let Some(key) = self.objects.keys().find(|key| is_it(key)).cloned() else { return false };
        self.take(&key);
        true
    }

    fn write(&mut self, key: Key, mut object: Value) -> Value {
        self.revision += 1;
        let before = self.objects.get(&key);
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = format!("uid of {}", key.3).into();
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = "2026-11-27T00:00:00Z".into();
        }
        metadata["resourceVersion"] = self.revision.to_string().into();
        let generation = before.map_or(0, |before| before["metadata"]["generation"].as_u64().unwrap_or_default());
        let has_changed = before.is_none_or(|before| before["spec"] != object["spec"]);
        object["metadata"]["generation"] = (generation + u64::from(has_changed)).into();
        // Kubernetes sets it itself, so that a test need not.
        if key.1 == "customresourcedefinitions" {
            object["status"]["conditions"] = json!([{"type": "Established", "status": "True"}]);
        }
        let word = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.history.push((self.revision, word, key.clone(), object.clone()));
        self.objects.insert(key, object.clone());
        object
    }

    /// Removes an object, and what it was the last owner of.
    fn take(&mut self, key: &Key) {
        let Some(object) = self.objects.remove(key) else { return };
        self.revision += 1;
        let uid = object["metadata"]["uid"].clone();
        self.history.push((self.revision, "DELETED", key.clone(), object));
        let is_there = |owner: &Value| self.objects.values().any(|kept| kept["metadata"]["uid"] == owner["uid"]);
        let owns = |owned: &Value| {
            let owners = owned["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
            owners.iter().any(|one| one["uid"] == uid) && !owners.iter().any(is_there)
        };
        let owned: Vec<Key> =
            self.objects.iter().filter(|(_, owned)| owns(owned)).map(|(key, _)| key.clone()).collect();
        for key in owned {
            self.take(&key);
        }
        if key.1 == "customresourcedefinitions" {
            let known = self.types();
            let is_unknown = |key: &&Key| !known.iter().any(|known| known.api == key.0 && known.plural == key.1);
            let lost: Vec<Key> = self.objects.keys().filter(is_unknown).cloned().collect();
            lost.iter().for_each(|key| self.take(key));
        }
    }

    // ---- by a client ----

    fn key(&self, asked: &Asked) -> Result<Key, Answer> {
        let is_known = self.types().iter().any(|known| known.api == asked.api && known.plural == asked.plural);
        let name = asked.body["metadata"]["name"].as_str().filter(|_| asked.name.is_empty());
        let name = name.unwrap_or(&asked.name).to_owned();
        if is_known {
            Ok((asked.api.clone(), asked.plural.clone(), asked.namespace.clone(), name))
        } else {
            Err(unknown())
        }
    }

    fn not_found(asked: &Asked) -> Answer {
        refusal(404, "NotFound", format!("{} {:?} not found", asked.plural, asked.name))
    }

    pub(super) fn read(&self, asked: &Asked) -> Answer {
        if asked.path == "/version" {
            return Answer::Json(200, version());
        }
        if asked.plural.is_empty() {
            return self.discover(asked);
        }
        let key = match self.key(asked) {
            Ok(key) => key,
            Err(unknown) => return unknown,
        };
        if asked.query("watch") == Some("true") {
            return Answer::Watch;
        }
        if asked.name.is_empty() {
            return self.list(asked);
        }
        if asked.subresource == "proxy" {
            // Whatever runs there is healthy.
            return Answer::Text("ok".to_owned());
        }
        match self.objects.get(&key) {
            Some(object) if asked.subresource.is_empty() => Answer::Json(200, shown(object, asked)),
            _ => Self::not_found(asked),
        }
    }

    fn discover(&self, asked: &Asked) -> Answer {
        let types = self.types().into_iter().filter(|known| known.api == asked.api);
        let resources: Vec<Value> = types
            .map(|known| {
                json!({
                    "name": known.plural, "singularName": "", "namespaced": known.is_namespaced, "kind": known.kind,
                    "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
                })
            })
            .collect();
        if resources.is_empty() {
            return unknown();
        }
        Answer::Json(200, json!({"kind": "APIResourceList", "groupVersion": asked.api, "resources": resources}))
    }

    fn belongs(key: &Key, asked: &Asked) -> bool {
        key.0 == asked.api && key.1 == asked.plural && (asked.namespace.is_empty() || key.2 == asked.namespace)
    }

    fn list(&self, asked: &Asked) -> Answer {
        let found = self.objects.iter().filter(|(key, object)| Self::belongs(key, asked) && asked.selects(object));
        let items: Vec<Value> = found.map(|(_, object)| shown(object, asked)).collect();
        let (api, kind) = if asked.wants_metadata {
            ("meta.k8s.io/v1", "PartialObjectMetadataList")
        } else {
            (asked.api.as_str(), "List")
        };
        let metadata = json!({"resourceVersion": self.revision.to_string()});
        Answer::Json(200, json!({"apiVersion": api, "kind": kind, "metadata": metadata, "items": items}))
    }

    /// The lines of a watch, and the revision up to which they tell.
    pub(super) fn changes_after(&self, revision: u64, asked: &Asked) -> (String, u64) {
        let later = self.history.iter().filter(|(number, ..)| *number > revision);
        let mine = later.filter(|(_, _, key, object)| Self::belongs(key, asked) && asked.selects(object));
        let line = |word: &str, object: &Value| format!("{}\n", json!({"type": word, "object": shown(object, asked)}));
        (mine.map(|(_, word, _, object)| line(word, object)).collect(), self.revision)
    }

    fn lacks_namespace(&self, asked: &Asked) -> Option<Answer> {
        let lacks = !asked.namespace.is_empty() && self.find("namespaces", "", &asked.namespace).is_none();
        lacks.then(|| refusal(404, "NotFound", format!("namespaces {:?} not found", asked.namespace)))
    }

    pub(super) fn create(&mut self, asked: &Asked) -> Answer {
        let key = match self.key(asked) {
            Ok(key) => key,
            Err(unknown) => return unknown,
        };
        if let Some(answer) = self.lacks_namespace(asked) {
            return answer;
        }
        if self.objects.contains_key(&key) {
            return refusal(409, "AlreadyExists", format!("{} {:?} already exists", key.1, key.3));
        }
        self.keep(key, asked.body.clone(), asked)
    }

    fn keep(&mut self, key: Key, mut object: Value, asked: &Asked) -> Answer {
        if asked.is_dry_run() || asked.plural.ends_with("reviews") {
            return Answer::Json(201, object);
        }
        if !key.2.is_empty() {
            object["metadata"]["namespace"] = key.2.clone().into();
        }
        Answer::Json(200, self.write(key, object))
    }

    pub(super) fn replace(&mut self, asked: &Asked) -> Answer {
        match self.key(asked) {
            Ok(key) if self.objects.contains_key(&key) => self.keep(key, asked.body.clone(), asked),
            Ok(_) => Self::not_found(asked),
            Err(unknown) => unknown,
        }
    }

    pub(super) fn patch(&mut self, asked: &Asked) -> Answer {
        let key = match self.key(asked) {
            Ok(key) => key,
            Err(unknown) => return unknown,
        };
        if let Some(answer) = self.lacks_namespace(asked) {
            return answer;
        }
        let found = self.objects.get(&key);
        let is_apply = asked.query("fieldManager").is_some() && asked.body["kind"].is_string();
        let object = match (is_apply, found) {
            (true, found) => applied(found, asked),
            (false, Some(found)) => {
                let mut object = found.clone();
                merge(&mut object, &asked.body);
                Ok(object)
            }
            (false, None) => Err(Self::not_found(asked)),
        };
        match object {
            Ok(object) => self.keep(key, object, asked),
            Err(answer) => answer,
        }
    }

    pub(super) fn delete(&mut self, asked: &Asked) -> Answer {
        let key = match self.key(asked) {
            Ok(key) => key,
            Err(unknown) => return unknown,
        };
        let Some(found) = self.objects.get(&key) else { return Self::not_found(asked) };
        let wanted = &asked.body["preconditions"]["uid"];
        if !wanted.is_null() && found["metadata"]["uid"] != *wanted {
            return refusal(409, "Conflict", "the UID in the precondition does not match the UID in record");
        }
        if !asked.is_dry_run() {
            self.take(&key);
        }
        Answer::Json(200, json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success"}))
    }
}

fn shown(object: &Value, asked: &Asked) -> Value {
    if asked.wants_metadata {
        return json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
        });
    }
    object.clone()
}

fn version() -> Value {
    let empty = ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"];
    let mut version = json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0"});
    for name in empty {
        version[name] = "".into();
    }
    version
}
