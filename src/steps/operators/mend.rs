//! Repair of what others broke in an operator: what is missing is applied again, and operators that do not recover by
//! themselves are restarted.
//!
//! A service account that was recreated is a different one, a custom resource definition that was gone is no longer watched,
//! and CloudNativePG writes the `caBundle` of its webhooks only at its start and once an hour.

use std::collections::BTreeSet;

use anyhow::Result;
use bootstrap_cluster::kubernetes::{self, Answer, Lack, Manifest, What};
use bootstrap_cluster::verdict::pod;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::wait::{Patience, Polling};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, ResourceExt as _};

use super::{Found, Observation, ask, available, observe_used};
use crate::patience;
use crate::stack::Operator;

/// How many objects are named; a namespace that was removed takes all of its objects with it.
const NAMED: usize = 3;

/// Types first: with them went data.
pub(super) fn in_words(lacks: &[Lack]) -> String {
    let (types, others): (Vec<&Lack>, Vec<&Lack>) = lacks.iter().partition(|lack| lack.has_lost_objects());
    let mut named: Vec<String> = types.into_iter().chain(others).take(NAMED).map(ToString::to_string).collect();
    if lacks.len() > NAMED {
        named.push(format!("and {} more", lacks.len() - NAMED));
    }
    let mut words = named.join(", ");
    if lacks.iter().any(Lack::has_lost_objects) {
        words.push_str("; the objects of that type, and what they stood for, were removed with it");
    }
    words
}

/// What is left to say of lost types when they are there again.
pub(super) fn types_in_words(lacks: &[Lack]) -> String {
    let types: Vec<&str> =
        lacks.iter().filter(|lack| lack.has_lost_objects()).map(|lack| lack.object.as_str()).collect();
    let named = types.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if types.len() > NAMED { format!(" and {} more", types.len() - NAMED) } else { String::new() };
    format!("{named}{more} was gone and was recreated; the objects of that type are lost")
}

/// What the cluster lacks of the manifest, as soon as nothing of it is being removed: the API server would remove what is applied
/// meanwhile. The step's deadline ends the wait.
pub(super) async fn what_is_lacking(
    client: &Client,
    manifest: &Manifest,
    reporter: &StepReporter,
) -> Result<Vec<Lack>> {
    let mut polling = Polling::every(patience::POLL_OPERATOR);
    loop {
        polling.turn().await;
        let lacks = kubernetes::lacks(client, manifest).await?;
        match lacks.iter().find(|lack| lack.what == What::Leaving) {
            None => return Ok(lacks),
            Some(leaving) => reporter.waiting(leaving.to_string()),
        }
    }
}

/// Starts the operator anew if it ran while something was lacking, or is in a back-off: a service account that was made again is
/// another one for it, a type that was gone is not watched any more, and a back-off lasts up to five minutes.
pub(super) async fn start_anew_if_broken(
    client: &Client,
    facts: &Operator,
    lacks: &[Lack],
    reporter: &StepReporter,
) -> Result<()> {
    let running = pods(client, facts).await?;
    if running.is_empty() || (lacks.is_empty() && !running.iter().any(pod::is_backing_off)) {
        return Ok(());
    }
    start_anew(client, facts, running, reporter).await
}

async fn pods(client: &Client, facts: &Operator) -> Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &facts.namespace);
    let listed = pods.list(&ListParams::default()).await;
    let mut listed = listed.map_err(|error| kubernetes::refused("cannot list the pods of the operator", &error))?.items;
    listed.retain(|pod| is_of(pod, facts));
    Ok(listed)
}

/// A Deployment has its pods by a ReplicaSet that is called like it, with a hash behind.
fn is_of(pod: &Pod, facts: &Operator) -> bool {
    let sets = pod.owner_references().iter().filter(|owner| owner.kind == "ReplicaSet");
    let mut owners = sets.filter_map(|set| set.name.rsplit_once('-').map(|(name, _)| name));
    owners.any(|owner| facts.deployments.contains_key(owner))
}

/// Removes these pods and waits until they are gone: until then they count as available.
async fn start_anew(client: &Client, facts: &Operator, running: Vec<Pod>, reporter: &StepReporter) -> Result<()> {
    reporter.waiting("restarting the operator");
    let pods: Api<Pod> = Api::namespaced(client.clone(), &facts.namespace);
    let mut old = BTreeSet::new();
    for pod in running {
        let name = pod.name_any();
        match pods.delete(&name, &DeleteParams::default()).await {
            Ok(_) => drop(old.insert(name)),
            // Its controller was quicker.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(kubernetes::refused(format!("cannot remove pod {name}"), &error)),
        }
    }
    kubernetes::until(pods, "", |objects| (!old.iter().any(|name| objects.contains_key(name))).then_some(())).await;
    Ok(())
}

/// Asks the webhook until it answers. What does not answer although all of it is there is started anew, once; what does not
/// answer then is a failure, for a second run would do the same.
pub(super) async fn serving(
    client: &Client,
    operator: &Operator,
    manifest: &Manifest,
    reporter: &StepReporter,
) -> Result<()> {
    let (by_itself, patience) =
        (Patience::begin(patience::WEBHOOK_COMES_BY_ITSELF), Patience::begin(patience::WEBHOOK_ANSWERS));
    let mut started_anew = false;
    let mut polling = Polling::every(patience::POLL_OPERATOR);
    loop {
        polling.turn().await;
        let answer = ask(client, operator).await;
        let lacks = match operator.authority() {
            Some(authority) => kubernetes::bundles(client, manifest, authority).await?,
            None => Vec::new(),
        };
        let words = match answer {
            Answer::Serving if lacks.is_empty() => return Ok(()),
            Answer::NotServing(words) if lacks.is_empty() => format!("its webhook does not answer yet: {words}"),
            _ => in_words(&lacks),
        };
        reporter.waiting(&words);
        let will_not = operator.writes_authority_at_start() && !lacks.is_empty();
        if !started_anew && (will_not || by_itself.is_over()) {
            started_anew = true;
            start_anew(client, operator, pods(client, operator).await?, reporter).await?;
            available(client, operator, reporter).await?;
        } else if patience.is_over() {
            let what = format!("{} was restarted, and its webhook still does not answer", operator.title);
            let namespace = &operator.namespace;
            let hint = format!(
                "`kubectl --namespace {namespace} get pods` and `kubectl --namespace {namespace} logs deployment/{}` may show why; ",
                operator.main_deployment(),
            );
            return Err(Failure::new(FailureId::OperatorBroken, what)
                .evidence(words)
                .hint(hint![hint, Ours::Env, " prints what makes kubectl work here"])
                .into());
        }
    }
}

/// An operator of somebody else may be starting, and that is all that is waited for.
pub(super) async fn wait_for_used(
    client: &Client,
    operator: &Operator,
    found: &Found,
    reporter: &StepReporter,
) -> Result<()> {
    let patience = Patience::begin(patience::FOREIGN_OPERATOR_STARTS);
    let mut polling = Polling::every(patience::POLL_OPERATOR);
    loop {
        polling.turn().await;
        let why = match observe_used(client, operator, found).await? {
            Observation::Done(_) => return Ok(()),
            other => other.detail().to_owned(),
        };
        if patience.is_over() {
            let what =
                format!("the {} of this cluster does not work, and was not installed by this program", operator.title);
            let hint = "nothing of it was changed: repair it the way it was installed, and run this again";
            return Err(Failure::new(FailureId::OperatorBroken, what).evidence(why).hint(hint).into());
        }
        reporter.waiting(why);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::OperatorName;

    fn lack(object: &str) -> Lack {
        Lack { object: object.to_owned(), what: What::Gone }
    }

    #[test]
    fn what_is_lacking_is_named_up_to_three_and_lost_data_is_said() {
        let roles: Vec<Lack> = ["role a", "role b", "role c", "role d"].map(lack).to_vec();
        assert_eq!(in_words(&roles[..1]), "role a is not there");
        assert_eq!(in_words(&roles), "role a is not there, role b is not there, role c is not there, and 1 more");
        let words = in_words(&[lack("customresourcedefinition clusters.postgresql.cnpg.io")]);
        assert!(
            words.contains("clusters.postgresql.cnpg.io is not there; ") && words.contains("removed with it"),
            "{words}"
        );
    }

    #[test]
    fn only_the_operators_own_pods_are_started_anew() {
        let pod = |kind: &str, owner: &str| -> Pod {
            let owner = json!({"apiVersion": "x/v1", "kind": kind, "name": owner, "uid": "1"});
            serde_json::from_value(json!({"metadata": {"name": "x", "ownerReferences": [owner]}})).unwrap()
        };
        let stack = crate::stack::Stack::pgedge().unwrap();
        let facts = stack.operator(OperatorName::CERT_MANAGER).unwrap();
        for owner in ["cert-manager-5d8c5f8d4b", "cert-manager-webhook-5d8c5f8d4b"] {
            assert!(is_of(&pod("ReplicaSet", owner), facts), "{owner}");
        }
        assert!(!is_of(&pod("ReplicaSet", "cert-manager-approver-5d8c5f8d4b"), facts));
        assert!(!is_of(&pod("Job", "cert-manager-startupapicheck"), facts));
    }
}
