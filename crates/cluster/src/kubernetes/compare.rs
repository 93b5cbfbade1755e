//! The objects of a manifest, compared with those in the cluster: what was removed or changed since it was applied.
//!
//! Only what is small is read: the names of all objects, and rules, bindings and webhooks whole. Of custom resource
//! definitions only the names are read, because they are nearly all of the text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Result;
use futures::future::{BoxFuture, FutureExt as _};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use super::apply::{Resources, api_of, resources_of};
use super::manifest::{DEFINITION, Manifest, kind_of};
use super::refused;

/// Lists that are asked for at the same time.
const PARALLEL: usize = 8;

/// An object that is not as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// As `kubectl get` takes it, in small letters: `clusterrole cnpg-manager`, `service cnpg-system/cnpg-webhook-service`.
    pub object: String,
    /// How it differs.
    pub what: What,
}

/// How an object differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is not there.
    Gone,
    /// It is being removed, and nothing can be made in its place until it is.
    Leaving,
    /// A field that decides what the operator may do, or how it is asked, has another value.
    Differs(&'static str),
    /// The API server is not told by whose certificate it knows the webhook.
    NoBundle,
    /// The API server knows the webhook by a certificate that it does not have.
    StaleBundle,
}

impl Lack {
    /// Whether objects of this kind were lost with it.
    pub fn has_lost_objects(&self) -> bool {
        self.what == What::Gone && self.object.starts_with(&DEFINITION.to_lowercase())
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match self.what {
            What::Gone => write!(formatter, "{object} is not there"),
            What::Leaving => write!(formatter, "{object} is being removed"),
            What::Differs(field) => write!(formatter, "{object} has other {field} than its manifest"),
            What::NoBundle => write!(formatter, "{object} has no caBundle"),
            What::StaleBundle => write!(formatter, "{object} has the caBundle of another certificate"),
        }
    }
}

/// The fields of a kind in which an object must be as in the manifest. Kubernetes adds no defaults to them that would count, and
/// no operator changes them.
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "ClusterRole" | "Role" => &["rules"],
        "ClusterRoleBinding" | "RoleBinding" => &["roleRef", "subjects"],
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => &["webhooks"],
        _ => &[],
    }
}

/// What the cluster lacks of a manifest, in the order of the manifest.
///
/// # Errors
/// [`FailureId::KubernetesRefused`](bootstrap_run::failure::FailureId::KubernetesRefused) and its like, with the server's words.
pub async fn lacks(client: &Client, manifest: &Manifest) -> Result<Vec<Lack>> {
    let objects: Vec<&DynamicObject> = manifest.objects().iter().collect();
    let resources = resources_of(client, &objects).await?;
    // One list for each kind in each namespace, asked for by its first object.
    let mut seen = BTreeSet::new();
    let mut questions: Vec<BoxFuture<'_, Result<_>>> = Vec::new();
    for object in objects.iter().copied().filter(|object| seen.insert(place(object))) {
        questions.push(all_like(client, &resources, object).boxed());
    }
    let lists: BTreeMap<_, _> = futures::stream::iter(questions).buffer_unordered(PARALLEL).try_collect().await?;
    let lack = |wanted: &&DynamicObject| {
        let found = lists.get(&place(wanted)).and_then(|list| list.get(&wanted.name_any()));
        difference(wanted, found).map(|what| Lack { object: in_words(wanted), what })
    };
    Ok(objects.iter().filter_map(lack).collect())
}

/// Whether types are gone that were there: an installation that was never finished has nothing of what is applied after them.
pub fn has_lost_types(manifest: &Manifest, lacks: &[Lack]) -> bool {
    let comes_later = |kind: &str| kind != "namespace" && kind != DEFINITION.to_lowercase();
    let later = manifest.objects().iter().filter(|object| comes_later(&kind_of(object).to_lowercase())).count();
    let is_later = |lack: &&Lack| comes_later(lack.object.split(' ').next().unwrap_or_default());
    let gone = lacks.iter().filter(|lack| lack.what == What::Gone).filter(is_later).count();
    lacks.iter().any(Lack::has_lost_objects) && gone < later
}

type Place = (String, Option<String>);

fn place(object: &DynamicObject) -> Place {
    (kind_of(object).to_owned(), object.namespace())
}

/// The objects of the kind of this one, where it belongs, by name.
async fn all_like(
    client: &Client,
    resources: &Resources,
    object: &DynamicObject,
) -> Result<(Place, BTreeMap<String, DynamicObject>)> {
    let api = api_of(client, resources, object)?;
    let list = if kind_of(object) == DEFINITION {
        // Their schemas are megabytes.
        api.list_metadata(&ListParams::default()).await.map(|list| list.items.into_iter().map(bare).collect())
    } else {
        api.list(&ListParams::default()).await.map(|list| list.items)
    };
    let list = list.map_err(|error| refused(format!("cannot list objects of the kind {}", kind_of(object)), &error))?;
    Ok((place(object), list.into_iter().map(|object| (object.name_any(), object)).collect()))
}

fn bare(found: PartialObjectMeta<DynamicObject>) -> DynamicObject {
    DynamicObject { types: None, metadata: found.metadata, data: Value::Null }
}

fn difference(wanted: &DynamicObject, found: Option<&DynamicObject>) -> Option<What> {
    let Some(found) = found else { return Some(What::Gone) };
    if found.metadata.deletion_timestamp.is_some() {
        return Some(What::Leaving);
    }
    let differs = |field: &&&str| wanted.data.get(**field).is_some_and(|value| !holds(found.data.get(**field), value));
    fields_of(kind_of(wanted)).iter().find(differs).map(|field| What::Differs(field))
}

/// Whether a value of the cluster says all that one of the manifest says. It may say more: the API server adds defaults.
fn holds(found: Option<&Value>, wanted: &Value) -> bool {
    let Some(found) = found else { return is_empty(wanted) };
    match (found, wanted) {
        (found, Value::Null) => is_empty(found),
        (Value::Object(found), Value::Object(wanted)) if wanted.is_empty() => found.is_empty(),
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| holds(found.get(name), value))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| holds(Some(found), wanted))
        }
        (found, wanted) => found == wanted,
    }
}

/// The API server leaves out what is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn in_words(object: &DynamicObject) -> String {
    let kind = kind_of(object).to_lowercase();
    match object.namespace() {
        Some(namespace) => format!("{kind} {namespace}/{}", object.name_any()),
        None => format!("{kind} {}", object.name_any()),
    }
}

/// The webhook configurations of a manifest that do not tell the API server the certificate in this field of this secret.
///
/// # Errors
/// As [`lacks`].
pub async fn bundles(
    client: &Client,
    manifest: &Manifest,
    (namespace, secret, field): (&str, &str, &str),
) -> Result<Vec<Lack>> {
    let is_configuration = |object: &&DynamicObject| kind_of(object).ends_with("WebhookConfiguration");
    let objects: Vec<&DynamicObject> = manifest.objects().iter().filter(is_configuration).collect();
    let resources = resources_of(client, &objects).await?;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let known =
        secrets.get_opt(secret).await.map_err(|error| refused(format!("cannot read secret {secret}"), &error))?;
    let known = known.and_then(|secret| secret.data?.remove(field));
    let mut lacks = Vec::new();
    for wanted in objects {
        let found = api_of(client, &resources, wanted)?.get_opt(&wanted.name_any()).await;
        let found = found.map_err(|error| refused(format!("cannot read {}", in_words(wanted)), &error))?;
        let what = match found {
            None => Some(What::Gone),
            Some(found) => bundle(&found.data["webhooks"], known.as_ref()),
        };
        lacks.extend(what.map(|what| Lack { object: in_words(wanted), what }));
    }
    Ok(lacks)
}

/// What is wrong with the certificates of some webhooks. A secret that is not there proves none of them wrong.
fn bundle(webhooks: &Value, known: Option<&ByteString>) -> Option<What> {
    webhooks.as_array().into_iter().flatten().find_map(|webhook| {
        let bundle = serde_json::from_value::<ByteString>(webhook["clientConfig"]["caBundle"].clone()).ok();
        match (bundle.filter(|bundle| !bundle.0.is_empty()), known) {
            (None, _) => Some(What::NoBundle),
            (Some(bundle), Some(known)) if !trusts(&bundle, known) => Some(What::StaleBundle),
            _ => None,
        }
    })
}

/// Whether a bundle has the certificate, or all of them. It may have others besides: cert-manager keeps the one before, until all
/// that it signed is gone.
fn trusts(bundle: &ByteString, known: &ByteString) -> bool {
    let certificates = |bytes: &ByteString| -> BTreeSet<String> {
        let text = String::from_utf8_lossy(&bytes.0).into_owned();
        let blocks = text.split("-----END CERTIFICATE-----");
        let bodies = blocks.map(|block| block.split_whitespace().collect::<String>());
        bodies.filter(|body| !body.is_empty()).collect()
    };
    certificates(known).is_subset(&certificates(bundle))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, rest: &Value) -> DynamicObject {
        let mut object = json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_was_removed_or_is_being_removed_is_lacking() {
        let wanted = object("ServiceAccount", &json!({}));
        assert_eq!(difference(&wanted, None), Some(What::Gone));
        let mut found = wanted.clone();
        assert_eq!(difference(&wanted, Some(&found)), None);
        found.metadata = serde_json::from_value(json!({"deletionTimestamp": "2026-11-26T00:00:00Z"})).unwrap();
        assert_eq!(difference(&wanted, Some(&found)), Some(What::Leaving));
    }

    #[test]
    fn a_role_that_allows_less_or_more_differs() {
        let rules = |verbs: &[&str]| json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]});
        let wanted = object("ClusterRole", &rules(&["get", "list"]));
        assert_eq!(difference(&wanted, Some(&object("ClusterRole", &rules(&["get", "list"])))), None);
        for other in [rules(&["get"]), rules(&["get", "list", "delete"]), json!({"rules": []}), json!({})] {
            let found = object("ClusterRole", &other);
            assert_eq!(difference(&wanted, Some(&found)), Some(What::Differs("rules")), "{other}");
        }
    }

    #[test]
    fn defaults_are_no_difference_and_a_selector_that_lets_all_pass_is_one() {
        let kind = "ValidatingWebhookConfiguration";
        let wanted = object(kind, &json!({"webhooks": [{"name": "w", "failurePolicy": "Fail", "objectSelector": {}}]}));
        let found = |webhook: &Value| object(kind, &json!({"webhooks": [webhook]}));
        let defaults = json!({
            "name": "w", "failurePolicy": "Fail", "objectSelector": {}, "timeoutSeconds": 10,
            "clientConfig": {"caBundle": "YQ=="},
        });
        assert_eq!(difference(&wanted, Some(&found(&defaults))), None);
        for (field, other) in
            [("objectSelector", json!({"matchLabels": {"never": "there"}})), ("failurePolicy", json!("Ignore"))]
        {
            let mut changed = defaults.clone();
            changed[field] = other;
            assert_eq!(difference(&wanted, Some(&found(&changed))), Some(What::Differs("webhooks")), "{field}");
        }
    }

    #[test]
    fn a_bundle_is_that_of_the_webhooks_certificate() {
        let known = ByteString(b"one".to_vec());
        let webhooks =
            |bundle: &Value| json!([{"clientConfig": {"caBundle": "b25l"}}, {"clientConfig": {"caBundle": bundle}}]);
        assert_eq!(bundle(&webhooks(&json!("b25l")), Some(&known)), None);
        assert_eq!(bundle(&webhooks(&json!("dHdv")), Some(&known)), Some(What::StaleBundle));
        assert_eq!(bundle(&webhooks(&json!("dHdv")), None), None);
        for empty in [json!(""), Value::Null] {
            assert_eq!(bundle(&webhooks(&empty), Some(&known)), Some(What::NoBundle));
        }
    }

    #[test]
    fn a_bundle_may_hold_the_certificate_before_beside_the_one_of_now() {
        let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let known = ByteString(pem("new").into_bytes());
        for (bundle, what) in [
            (pem("old") + &pem("new"), None),
            (pem("new").trim_end().to_owned(), None),
            (pem("new").replace('\n', "\r\n"), None),
            (pem("old"), Some(What::StaleBundle)),
            (pem("old") + &pem("ne"), Some(What::StaleBundle)),
        ] {
            let bundle = serde_json::to_value(ByteString(bundle.into_bytes())).unwrap();
            let webhooks = json!([{"clientConfig": {"caBundle": bundle}}]);
            assert_eq!(super::bundle(&webhooks, Some(&known)), what, "{webhooks}");
        }
    }

    #[test]
    fn a_lack_is_told_with_its_object() {
        let lack = |object: &str, what: What| Lack { object: object.to_owned(), what };
        let definition = lack("customresourcedefinition clusters.postgresql.cnpg.io", What::Gone);
        assert_eq!(definition.to_string(), "customresourcedefinition clusters.postgresql.cnpg.io is not there");
        assert!(definition.has_lost_objects() && !lack("clusterrole a", What::Gone).has_lost_objects());
        assert_eq!(
            lack("clusterrole a", What::Differs("rules")).to_string(),
            "clusterrole a has other rules than its manifest"
        );
    }
}
