//! The record of rows that are never sent: the ConfigMap `pgedge-rows-missing`, so that every later command reports it, from
//! any machine.
//!
//! It is written before each run of the chart's job, so a run that is killed in between has already recorded it. helm does
//! not know the ConfigMap and leaves it alone. The pgEdge nodes own it, so it is deleted with the last of them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bootstrap_cluster::kubernetes;
use bootstrap_cluster::sql::Database;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, FailureId};
use bootstrap_run::wait::{Patience, Polling};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::context::Context;
use crate::options::Options;
use crate::patience;
use crate::replication::{self, Before, MadeAnew, Unsent};

/// The ConfigMap. To remove it is to acknowledge what it says.
pub(super) const NOTE: &str = "pgedge-rows-missing";

/// What was noted before the chart's job runs.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    ways: Vec<Way>,
    /// The Clusters of the nodes: without any of them, nothing is missing anywhere.
    owners: Vec<Value>,
}

#[derive(Debug)]
struct Way {
    now: Unsent,
    /// What was noted of it before, and was not acknowledged.
    noted: Option<Unsent>,
}

fn notes(client: &Client, namespace: &str) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), namespace)
}

/// What is noted and was not acknowledged.
pub(super) async fn noted(client: &Client, namespace: &str) -> Result<Vec<Unsent>> {
    let note = notes(client, namespace).get_opt(NOTE).await;
    let note = note.map_err(|error| kubernetes::refused(format!("cannot read configmap {NOTE}"), &error))?;
    let lines = note.and_then(|note| note.data).unwrap_or_default();
    let read = |(key, line): (&String, &String)| {
        serde_json::from_str(line).with_context(|| format!("{key} of configmap {NOTE} is not understood: {line}"))
    };
    lines.iter().map(read).collect()
}

/// Notes what will not be sent when the chart's job has made all that is missing, and returns it.
pub(super) async fn foresee(context: &Context, client: &Client, reporter: &StepReporter) -> Result<Foreseen> {
    let names = context.node_names();
    let looks = futures::future::try_join_all(names.iter().map(|node| look(context, client, node))).await?;
    let (befores, owners): (Vec<Before>, Vec<Option<Value>>) = looks.into_iter().unzip();
    let (nodes, owners): (Vec<_>, Vec<Value>) =
        (names.into_iter().zip(befores).collect(), owners.into_iter().flatten().collect());
    let ways = replication::foresee(&nodes);
    if ways.is_empty() {
        return Ok(Foreseen::default());
    }
    for way in &ways {
        reporter.waiting(way.in_words());
    }
    let noted = noted(client, &context.namespace()).await?;
    let ways: Vec<Way> = ways.into_iter().map(|now| Way { noted: find(&noted, &now).cloned(), now }).collect();
    write(context, client, &replaced(noted, ways.iter().map(Way::in_sum)), &owners).await?;
    Ok(Foreseen { ways, owners })
}

/// Completes the note when the chart's job has run: where the provider has committed nothing since, all was sent.
pub(super) async fn settle(
    context: &Context,
    client: &Client,
    mut foreseen: Foreseen,
    reporter: &StepReporter,
) -> Result<()> {
    let mut in_words = Vec::new();
    for Way { now, .. } in &mut foreseen.ways {
        now.transactions = count(context, client, now).await?;
        if now.made_anew != MadeAnew::Slot {
            continue;
        }
        let Unsent { node, provider, slot, transactions, .. } = now;
        reporter.slot_renewed(node, provider, slot.as_deref().unwrap_or_default(), *transactions);
        if *transactions == Some(0) {
            in_words.push(format!(
                "the slot of {node} on {provider} was recreated, and {provider} wrote nothing while there was none"
            ));
        }
    }
    if foreseen.ways.is_empty() {
        return Ok(());
    }
    if !in_words.is_empty() {
        // The chart runs again once.
        let _ = context.renewed_slots.set(in_words);
    }
    let noted = noted(client, &context.namespace()).await?;
    let mut all = replaced(noted, foreseen.ways.iter().map(Way::in_sum));
    all.retain(|way| way.transactions != Some(0));
    write(context, client, &all, &foreseen.owners).await
}

impl Way {
    /// With what was noted before.
    fn in_sum(&self) -> Unsent {
        let mut sum = self.now.clone();
        if let Some(noted) = &self.noted {
            sum.follows(noted);
        }
        sum
    }
}

fn is_of_one_way(one: &Unsent, other: &Unsent) -> bool {
    (&one.node, &one.provider) == (&other.node, &other.provider)
}

fn find<'a>(noted: &'a [Unsent], way: &Unsent) -> Option<&'a Unsent> {
    noted.iter().find(|noted| is_of_one_way(noted, way))
}

/// What was noted, with what is known now of some of its ways.
fn replaced(mut noted: Vec<Unsent>, now: impl Iterator<Item = Unsent>) -> Vec<Unsent> {
    for way in now {
        noted.retain(|noted| !is_of_one_way(noted, &way));
        noted.push(way);
    }
    noted
}

/// A node, and its Cluster as an owner.
async fn look(context: &Context, client: &Client, node: &str) -> Result<(Before, Option<Value>)> {
    let cluster = Options::cluster_of(node);
    let clusters: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &context.namespace(), &kubernetes::cluster_resource());
    let found = clusters.get_opt(&cluster).await;
    let found = found.map_err(|error| kubernetes::refused(format!("cannot read cluster {cluster}"), &error))?;
    let Some(found) = found else { return Ok((Before::Gone, None)) };
    let resource = kubernetes::cluster_resource();
    let owner = json!({"apiVersion": resource.api_version, "kind": resource.kind, "name": cluster, "uid": found.uid()});
    let patience = Patience::begin(patience::SERVER_ANSWERS);
    let mut polling = Polling::every(patience::POLL_SUBSCRIPTIONS);
    let before = loop {
        polling.turn().await;
        let asked = async {
            let database = Database::find(client, &context.namespace(), node, &cluster).await?;
            replication::before_the_chart(&database).await
        };
        match asked.await {
            Ok(before) => break before,
            Err(error) => match failure::of(&error).map(failure::Failure::id) {
                // It has no primary: it was never up, or is away.
                Some(FailureId::NodeMissing) => break Before::Silent,
                Some(FailureId::SqlFailed) if patience.is_over() => break Before::Silent,
                Some(FailureId::SqlFailed) => {}
                _ => return Err(error),
            },
        }
    };
    Ok((before, Some(owner)))
}

/// How many transactions are not sent; `None` where nobody knows.
async fn count(context: &Context, client: &Client, way: &Unsent) -> Result<Option<u64>> {
    if !way.is_since_received {
        return Ok(None);
    }
    let counted = async {
        let cluster = Options::cluster_of(&way.provider);
        let database = Database::find(client, &context.namespace(), &way.provider, &cluster).await?;
        replication::committed_since(&database, &way.since).await
    };
    match counted.await {
        Ok(number) => Ok(Some(number)),
        // A server that does not say is told with what is known.
        Err(error) => match failure::of(&error).map(failure::Failure::id) {
            Some(FailureId::SqlFailed | FailureId::NodeMissing) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Replaces the note; without anything in it there is none.
async fn write(context: &Context, client: &Client, unsent: &[Unsent], owners: &[Value]) -> Result<()> {
    let notes = notes(client, &context.namespace());
    let cannot = |error: &kube::Error| kubernetes::refused(format!("cannot write configmap {NOTE}"), error);
    if unsent.is_empty() {
        return match notes.delete(NOTE, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(cannot(&error)),
        };
    }
    let line = |way: &Unsent| Ok((format!("{}.{}", way.node, way.provider), serde_json::to_string(way)?));
    let lines: BTreeMap<String, String> = unsent.iter().map(line).collect::<Result<_>>()?;
    let metadata = json!({"name": NOTE, "ownerReferences": owners});
    let note = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": lines});
    let ours = PatchParams::apply(kubernetes::FIELD_MANAGER);
    let patch = if context.is_adopted() { ours } else { ours.force() };
    notes.patch(NOTE, &patch, &Patch::Apply(&note)).await.map(drop).map_err(|error| cannot(&error))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::steps::nodes::tests::{put_cloudnative_pg, put_node};
    use crate::steps::test_run::{TestRun, failure_of};

    fn way(node: &str, provider: &str) -> Unsent {
        Unsent {
            node: node.to_owned(),
            provider: provider.to_owned(),
            made_anew: MadeAnew::Slot,
            slot: Some(format!("spk_app_{provider}_sub_{provider}_{node}")),
            since: "2026-11-27T05:00:00Z".to_owned(),
            is_since_received: true,
            transactions: Some(2),
        }
    }

    fn run() -> TestRun {
        let run = TestRun::new();
        put_cloudnative_pg(&run);
        run
    }

    async fn owners(run: &TestRun, nodes: &[&str]) -> Vec<Value> {
        let client = run.context.client().await.unwrap();
        let mut owners = Vec::new();
        for node in nodes {
            owners.extend(look(&run.context, &client, node).await.unwrap().1);
        }
        owners
    }

    #[tokio::test]
    async fn what_is_noted_is_read_again_by_whoever_looks_and_goes_when_nothing_is_left() {
        let run = run();
        put_node(&run, "n1");
        let client = run.context.client().await.unwrap();
        let owners = owners(&run, &["n1", "n2"]).await;
        assert_eq!(noted(&client, "default").await.unwrap(), []);
        write(&run.context, &client, &[way("n2", "n1"), way("n3", "n1")], &owners).await.unwrap();
        assert_eq!(noted(&client, "default").await.unwrap(), [way("n2", "n1"), way("n3", "n1")]);
        write(&run.context, &client, &[way("n3", "n1")], &owners).await.unwrap();
        assert_eq!(noted(&client, "default").await.unwrap(), [way("n3", "n1")]);
        write(&run.context, &client, &[], &owners).await.unwrap();
        assert_eq!(run.api.names("configmaps"), Vec::<String>::new());
        write(&run.context, &client, &[], &owners).await.unwrap();
    }

    /// `helm uninstall` removes the Clusters and knows nothing of the note.
    #[tokio::test]
    async fn the_note_goes_with_the_last_node() {
        let run = run();
        put_node(&run, "n1");
        put_node(&run, "n2");
        let client = run.context.client().await.unwrap();
        let owners = owners(&run, &["n1", "n2"]).await;
        write(&run.context, &client, &[way("n2", "n1")], &owners).await.unwrap();
        run.api.remove("clusters", "default", "pgedge-n1");
        assert_eq!(noted(&client, "default").await.unwrap(), [way("n2", "n1")]);
        run.api.remove("clusters", "default", "pgedge-n2");
        assert_eq!(run.api.names("configmaps"), Vec::<String>::new());
    }

    /// What is not understood is not taken for nothing.
    #[tokio::test]
    async fn a_note_that_is_not_understood_is_no_empty_one() {
        let run = run();
        run.api
            .put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NOTE}, "data": {"n2.n1": "?"}}));
        let error = noted(&run.context.client().await.unwrap(), "default").await.unwrap_err();
        assert!(
            format!("{error:#}").contains("n2.n1 of configmap pgedge-rows-missing is not understood: ?"),
            "{error:#}"
        );
    }

    #[tokio::test]
    async fn a_note_that_may_not_be_read_is_told() {
        let run = run();
        run.api.react(|asked| {
            (asked.plural == "configmaps")
                .then(|| kubernetes::mock::refusal(403, "Forbidden", "may not get configmaps"))
        });
        let failure = failure_of(noted(&run.context.client().await.unwrap(), "default").await);
        assert_eq!(failure.id(), FailureId::KubernetesRefused);
    }
}
