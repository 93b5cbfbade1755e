//! What the user of an adopted cluster's kubeconfig must be allowed to do there.
//!
//! It is checked before the first write, because a run that is refused halfway leaves half of what it creates. `up` says in
//! its context how far it means to go (`Context::intent`), and the step `kubernetes-api` checks all the permissions which
//! that takes. A command that changes nothing sets no intent, and nothing is checked.

use std::collections::BTreeSet;

use anyhow::Result;
use bootstrap_cluster::adoption::Adoption;
use bootstrap_cluster::kubernetes::{self, Right};
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::given::word;
use bootstrap_run::step::Stage;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

use super::operators;
use crate::context::Context;
use crate::stack::{OperatorName, Question, Stack};

/// Where something must be allowed.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In all namespaces, or of a kind that is in none.
    Cluster,
    System,
    Release,
}

/// Place, verbs, and resources as `kubectl auth can-i` takes them.
type Row = (Place, &'static [&'static str], &'static [&'static str]);

/// To see what the cluster is, and whether it can be used.
const LOOK: &[Row] = &[
    (Place::Cluster, &["get"], &["namespaces"]),
    (Place::Cluster, &["list"], &["nodes", "storageclasses.storage.k8s.io"]),
    (Place::System, &["get"], &["services", "daemonsets.apps", "pods/log"]),
    (Place::System, &["list"], &["deployments.apps", "endpointslices.discovery.k8s.io", "pods"]),
];

/// To see whether there are operators, whether their webhooks answer, and what there is room for.
const LOOK_AT_OPERATORS: &[Row] = &[(
    Place::Cluster,
    &["list"],
    &[
        "deployments.apps",
        "services",
        "pods",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    ],
)];

/// What server-side apply is, of an object that is there or not, after a look at the others of its kind.
const APPLY: &[&str] = &["create", "list", "patch"];

/// Whoever gives rights must have them, or be allowed to give what they do not have.
const GIVE: &[&str] = &["bind", "escalate"];

/// What a manifest holds.
const MANIFEST: &[Row] = &[
    (
        Place::Cluster,
        APPLY,
        &[
            "namespaces",
            "customresourcedefinitions.apiextensions.k8s.io",
            "clusterroles.rbac.authorization.k8s.io",
            "clusterrolebindings.rbac.authorization.k8s.io",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        ],
    ),
    (Place::Cluster, &["watch"], &["customresourcedefinitions.apiextensions.k8s.io"]),
    (Place::Cluster, GIVE, &["clusterroles.rbac.authorization.k8s.io"]),
];

/// In an operator's namespace.
const OPERATOR: &[(&[&str], &[&str])] = &[
    (APPLY, &["serviceaccounts", "services", "configmaps", "deployments.apps"]),
    (APPLY, ROLES),
    (GIVE, &["roles.rbac.authorization.k8s.io"]),
    (&["get", "watch"], &["deployments.apps"]),
    (&["list", "watch", "delete"], &["pods"]),
    (&["get"], &["secrets"]),
];

const ROLES: &[&str] = &["roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"];

/// What helm does with what the chart makes, and with its own records, which are Secrets.
const MANAGE: &[&str] = &["get", "list", "create", "patch", "delete"];

/// What helm does with its own records.
const RELEASE: &[Row] = &[
    // The release is looked for wherever it is.
    (Place::Cluster, &["list"], &["secrets"]),
    (Place::Release, MANAGE, &["secrets"]),
    (Place::Release, &["update"], &["secrets"]),
];

/// The nodes of pgEdge are watched, and asked in SQL in their pods. By a websocket that is a GET, which newer servers want both rights for.
const PGEDGE: &[Row] = &[
    (Place::Release, &["watch"], &["jobs.batch", "pods", "clusters.postgresql.cnpg.io"]),
    (Place::Release, &["list"], &["pods"]),
    (Place::Release, &["get"], &["pods/log"]),
    (Place::Release, &["create", "get"], &["pods/exec"]),
];

const GIVEN_ROLES: &str = "roles.rbac.authorization.k8s.io";

/// All that a run until this stage needs, where these operators are to be made.
fn needed(
    stack: &Stack,
    until: Stage,
    namespace: &str,
    is_new: bool,
    to_make: &[OperatorName],
) -> Result<BTreeSet<Right>> {
    let mut rights = Rights::default();
    let mut tables = vec![LOOK];
    if until >= Stage::Operators {
        tables.push(LOOK_AT_OPERATORS);
        for probe in stack.operators.values().filter_map(|operator| operator.probe.as_ref()) {
            rights.add(Some(Question::NAMESPACE), &["create"], &[&probe.full_resource()]);
        }
        if !to_make.is_empty() {
            tables.push(MANIFEST);
        }
        for operator in to_make {
            let operator = stack.operator(*operator)?;
            for (verbs, resources) in OPERATOR {
                rights.add(Some(&operator.namespace), verbs, resources);
            }
            for elsewhere in &operator.roles_in {
                rights.add(Some(elsewhere), APPLY, ROLES);
                rights.add(Some(elsewhere), GIVE, &[GIVEN_ROLES]);
            }
        }
    }
    if until >= Stage::Deploy && stack.pins.chart.is_some() {
        tables.push(RELEASE);
        let made: Vec<&str> = stack.release.resources.iter().map(String::as_str).collect();
        rights.add(Some(namespace), MANAGE, &made);
        if made.contains(&GIVEN_ROLES) {
            rights.add(Some(namespace), GIVE, &[GIVEN_ROLES]);
        }
        if stack.is_pgedge() {
            tables.push(PGEDGE);
        }
        if is_new {
            rights.add(None, &["create"], &["namespaces"]);
        }
    }
    for (place, verbs, resources) in tables.into_iter().flatten() {
        let place = match place {
            Place::Cluster => None,
            Place::System => Some("kube-system"),
            Place::Release => Some(namespace),
        };
        rights.add(place, verbs, resources);
    }
    Ok(rights.0)
}

#[derive(Default)]
struct Rights(BTreeSet<Right>);

impl Rights {
    fn add(&mut self, place: Option<&str>, verbs: &[&'static str], resources: &[&str]) {
        let pairs = verbs.iter().flat_map(|verb| resources.iter().map(move |resource| (verb, resource)));
        self.0.extend(pairs.map(|(verb, resource)| Right::new(place, verb, resource)));
    }
}

/// Whether a run may do what it is about to do.
pub(super) enum Allowed {
    Yes,
    /// The user may do nothing at all: while kubeadm is at work, that passes.
    NotYet(Failure),
    No(Failure),
}

/// Asks for everything that the run needs, at once.
///
/// # Errors
/// Those of a server that does not answer.
pub(super) async fn check(context: &Context, until: Stage) -> Result<Allowed> {
    let client = context.client_of_whichever().await?;
    let namespace = context.namespace();
    let stack = &context.stack;
    let all: Vec<OperatorName> = stack.operator_names().collect();
    let told = kubernetes::lacking(&client, &needed(stack, until, &namespace, true, &all)?).await;
    let told = told.map_err(|error| kubernetes::refused("cannot ask what the user may do", &error))?;
    let Some(mut lacking) = told else { return Ok(Allowed::Yes) };
    if !lacking.is_all {
        // What is there already need not be made. Whoever may not look must be told what a look takes, and no more is known.
        let mut to_make = Vec::new();
        for operator in all {
            if operators::is_to_be_made(context, &client, operator).await.unwrap_or(true) {
                to_make.push(operator);
            }
        }
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let is_new = !matches!(namespaces.get_metadata_opt(&namespace).await, Ok(Some(_)));
        let needed = needed(stack, until, &namespace, is_new, &to_make)?;
        lacking.rights.retain(|right| needed.contains(right));
        if lacking.rights.is_empty() {
            return Ok(Allowed::Yes);
        }
    }
    let failure = failure(context, &client, &lacking.rights).await?;
    Ok(if lacking.is_all { Allowed::NotYet(failure) } else { Allowed::No(failure) })
}

async fn failure(context: &Context, client: &Client, lacking: &BTreeSet<Right>) -> Result<Failure> {
    let user = kubernetes::user(client).await;
    let who = user.as_ref().map_or_else(|| "the kubeconfig's user".to_owned(), |user| format!("the user {user:?}"));
    let what = format!("{who} may not do in this cluster what the run needs");
    let site = Adoption::read(&context.places.state)?.and_then(|adoption| adoption.site);
    let of_context = site.map_or_else(String::new, |site| format!(" --context {}", word(&site.context)));
    let grant = match user.as_deref().map(|user| (user, user.strip_prefix("system:serviceaccount:"))) {
        Some((_, Some(account))) => format!(" --serviceaccount {}", word(account)),
        Some((user, None)) => format!(" --user {}", word(user)),
        None => " --user NAME".to_owned(),
    };
    let hint = format!(
        "use a kubeconfig of an administrator, or let one give these rights, as with `kubectl create clusterrolebinding pgedge-bootstrap --clusterrole cluster-admin{grant}`; `kubectl{of_context} auth can-i --list` shows what there is now"
    );
    let failure = Failure::new(FailureId::PermissionsMissing, what).hint(hint);
    let failure = kubernetes::rights_in_lines(lacking).into_iter().fold(failure, Failure::evidence);
    Ok(failure.evidence(what_was_written(context)))
}

/// A run keeps what the next one needs, and downloads beside the question; a look leaves nothing.
fn what_was_written(context: &Context) -> String {
    if context.intent.get().is_none() {
        return "nothing was changed in the cluster, and nothing was kept on this machine".to_owned();
    }
    let state = context.places.state.display();
    format!(
        "nothing was changed in the cluster; on this machine the run has kept which cluster it is, in {state}, its log, and what was \
         downloaded meanwhile"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests;
