//! What is known of an operator beforehand.

use bootstrap_cluster::kubernetes::Probe;
use indexmap::IndexMap;
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde::Deserialize;
use serde_json::Value;

use super::names::ImageRole;

/// An operator: how it is installed from its manifest, recognised, asked and used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Operator {
    /// As its makers write it.
    pub(crate) title: String,
    /// The namespace that its manifest puts it into.
    pub(crate) namespace: String,
    /// The Deployments of the manifest, each with the image that it runs (a name of `images`). The last one answers its webhooks.
    pub(crate) deployments: IndexMap<String, ImageRole>,
    /// How it is recognised in a cluster that has it already, whoever installed it.
    pub(crate) recognised_by: Recognition,
    /// How many minor versions beside the pinned one, older or newer, are used as they are in a cluster that has them already.
    #[serde(default)]
    pub(crate) other_minor_versions: u32,
    /// The certificate by which the API server knows its webhooks. Without one it is not looked for in the webhook configurations.
    #[serde(default)]
    pub(crate) authority: Option<Authority>,
    /// What its webhook is asked. An operator without a webhook has none: it is ready when its Deployments are available.
    #[serde(default)]
    pub(crate) probe: Option<Question>,
    /// Namespaces beside its own in which its manifest makes Roles and RoleBindings.
    #[serde(default)]
    pub(crate) roles_in: Vec<String>,
}

/// Marks of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Recognition {
    /// The API group of its custom resources.
    pub(crate) api_group: String,
    /// The last part of the name of the image that makes it the operator, without tag and digest.
    pub(crate) image: String,
    /// The value of the label `app.kubernetes.io/name`.
    pub(crate) label: String,
}

/// Where the certificate is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Authority {
    /// The name of the Secret, in the operator's namespace.
    pub(crate) secret: String,
    /// The field of the Secret.
    pub(crate) field: String,
    /// Whether the operator writes the certificate into its webhook configurations only when it starts, and not whenever it is lacking there.
    #[serde(default)]
    pub(crate) written_at_start: bool,
}

/// Two objects of one kind. Both are created as a dry run, which stores nothing: the operator is ready when its webhook lets the one
/// pass and denies the other.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Question {
    /// Their kind in the plural, in lower case: `certificates`.
    pub(crate) resource: String,
    /// The webhook must let this one pass.
    pub(crate) passes: Object,
    /// The webhook must deny this one, and the schema must not.
    pub(crate) denied: Object,
}

/// An object that a webhook is asked about: kind and specification. It has a name and a namespace of this program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Object {
    /// `cert-manager.io/v1`
    pub(crate) api_version: String,
    /// `Certificate`
    pub(crate) kind: String,
    /// Everything else of the object is its specification.
    pub(crate) spec: Value,
}

impl Operator {
    /// The namespace and the name of the Secret with the certificate, and its field.
    pub(crate) fn authority(&self) -> Option<(&str, &str, &str)> {
        let authority = self.authority.as_ref()?;
        Some((&self.namespace, &authority.secret, &authority.field))
    }

    /// Whether the certificate comes into the webhook configurations only when the operator starts.
    pub(crate) fn writes_authority_at_start(&self) -> bool {
        self.authority.as_ref().is_some_and(|authority| authority.written_at_start)
    }

    /// The Deployment that answers the webhooks.
    pub(crate) fn main_deployment(&self) -> &str {
        self.deployments.last().map_or("", |(name, _)| name)
    }
}

impl Question {
    /// The namespace must exist.
    pub(crate) const NAMESPACE: &'static str = "default";

    pub(super) fn is_of_one_kind(&self) -> bool {
        let kind = |object: &Object| (object.api_version.clone(), object.kind.clone());
        kind(&self.passes) == kind(&self.denied)
    }

    /// `certificates.cert-manager.io`
    pub(crate) fn full_resource(&self) -> String {
        match self.passes.group_and_version() {
            ("", _) => self.resource.clone(),
            (group, _) => format!("{}.{group}", self.resource),
        }
    }

    pub(crate) fn probe(&self) -> Probe {
        let (group, version) = self.passes.group_and_version();
        let kind = GroupVersionKind::gvk(group, version, &self.passes.kind);
        Probe {
            resource: ApiResource::from_gvk_with_plural(&kind, &self.resource),
            namespace: Self::NAMESPACE,
            valid: self.passes.in_full(),
            invalid: self.denied.in_full(),
        }
    }
}

impl Object {
    fn group_and_version(&self) -> (&str, &str) {
        self.api_version.split_once('/').unwrap_or(("", &self.api_version))
    }

    fn in_full(&self) -> Value {
        serde_json::json!({
            "apiVersion": self.api_version, "kind": self.kind,
            "metadata": {"name": "pgedge-bootstrap-probe"}, "spec": self.spec,
        })
    }
}
