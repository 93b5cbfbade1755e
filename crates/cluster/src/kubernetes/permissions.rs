//! What the user of a kubeconfig may do in a cluster: asked of the API server, before it refuses in the middle.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::Client;
use kube::api::{Api, PostParams};

/// Questions that are under way at the same time: each is small, and the way to the server may be long.
const PARALLEL: usize = 16;

/// A verb on a kind of object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// `None`: in all of them, or of a kind that is in none.
    namespace: Option<String>,
    /// As `kubectl auth can-i` takes it: `deployments.apps`, `pods/exec`.
    resource: String,
    verb: &'static str,
}

impl Right {
    /// The right to use this verb on this resource (`deployments.apps`, `pods/exec`), in one namespace or cluster-wide.
    pub fn new(namespace: Option<&str>, verb: &'static str, resource: &str) -> Self {
        Self { namespace: namespace.map(str::to_owned), resource: resource.to_owned(), verb }
    }

    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource.as_str(), None),
        };
        let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
        ResourceAttributes {
            namespace: self.namespace.clone(),
            verb: Some(self.verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(name.to_owned()),
            subresource,
            ..ResourceAttributes::default()
        }
    }
}

/// What a user lacks.
#[derive(Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Those of the rights that were asked for which the user does not have; never empty.
    pub rights: BTreeSet<Right>,
    /// Nothing of what was asked for is allowed: a user whom the cluster does not know yet, or never will.
    pub is_all: bool,
}

/// Those of some rights that the user does not have. `None` if there is none of them, or the server does not tell.
///
/// # Errors
/// Of a server that does not answer.
pub async fn lacking(client: &Client, rights: &BTreeSet<Right>) -> kube::Result<Option<Lacking>> {
    // An administrator has everything.
    let everything = Right::new(None, "*", "*.*").attributes();
    match is_allowed(client, everything).await {
        Ok(false) => {}
        Ok(true) => return Ok(None),
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403 | 404) => return Ok(None),
        Err(error) => return Err(error),
    }
    let asked = rights.iter().cloned().map(|right| async move {
        let is_allowed = is_allowed(client, right.attributes()).await?;
        Ok::<_, kube::Error>((!is_allowed).then_some(right))
    });
    let lacking: Vec<Option<Right>> = futures::stream::iter(asked).buffer_unordered(PARALLEL).try_collect().await?;
    let lacking: BTreeSet<Right> = lacking.into_iter().flatten().collect();
    let is_all = lacking.len() == rights.len();
    Ok((!lacking.is_empty()).then_some(Lacking { rights: lacking, is_all }))
}

async fn is_allowed(client: &Client, attributes: ResourceAttributes) -> kube::Result<bool> {
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let review = reviews.create(&PostParams::default(), &review).await?;
    Ok(matches!(review.status, Some(SubjectAccessReviewStatus { allowed: true, .. })))
}

/// The name by which the server knows the user; `None` if it does not tell.
pub async fn user(client: &Client) -> Option<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
    let UserInfo { username, .. } = review.status?.user_info?;
    username
}

/// A line for each place and set of verbs: `in the namespace cert-manager: create, patch services, deployments.apps`.
pub fn in_lines(rights: &BTreeSet<Right>) -> Vec<String> {
    let mut verbs: BTreeMap<(Option<&str>, &str), Vec<&str>> = BTreeMap::new();
    for right in rights {
        verbs.entry((right.namespace.as_deref(), right.resource.as_str())).or_default().push(right.verb);
    }
    let mut lines: BTreeMap<(Option<&str>, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((namespace, resource), verbs) in verbs {
        lines.entry((namespace, verbs)).or_default().push(resource);
    }
    let told = |((namespace, verbs), resources): ((Option<&str>, Vec<&str>), Vec<&str>)| {
        let place = namespace.map_or_else(|| "cluster-wide".to_owned(), |name| format!("in the namespace {name}"));
        format!("{place}: {} {}", verbs.join(", "), resources.join(", "))
    };
    lines.into_iter().map(told).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_asked_for_by_group_resource_and_subresource() {
        let attributes = |resource| Right::new(Some("lab"), "get", resource).attributes();
        let asked = |resource| {
            let ResourceAttributes { group, resource, subresource, .. } = attributes(resource);
            (group.unwrap(), resource.unwrap(), subresource)
        };
        assert_eq!(asked("pods/exec"), (String::new(), "pods".to_owned(), Some("exec".to_owned())));
        assert_eq!(
            asked("roles.rbac.authorization.k8s.io"),
            ("rbac.authorization.k8s.io".to_owned(), "roles".to_owned(), None)
        );
        assert_eq!(asked("*.*"), ("*".to_owned(), "*".to_owned(), None));
    }

    #[test]
    fn what_is_lacking_is_told_by_place_and_verbs() {
        let right = |namespace, verb, resource| Right::new(namespace, verb, resource);
        let rights = BTreeSet::from([
            right(Some("b"), "patch", "services"),
            right(Some("b"), "create", "services"),
            right(Some("b"), "create", "deployments.apps"),
            right(Some("b"), "patch", "deployments.apps"),
            right(Some("b"), "get", "secrets"),
            right(None, "create", "namespaces"),
        ]);
        assert_eq!(
            in_lines(&rights),
            [
                "cluster-wide: create namespaces",
                "in the namespace b: create, patch deployments.apps, services",
                "in the namespace b: get secrets",
            ]
        );
    }
}
