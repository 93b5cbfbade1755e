//! The pgEdge nodes: one CloudNativePG Cluster each, all of them healthy.
//!
//! A node is healthy when three fields agree: the condition Ready of a Cluster stays true when no database runs. Whether it
//! replicates, only SQL shows, because the chart's job succeeds when nothing replicates.

use anyhow::Result;
use bootstrap_cluster::kubernetes::{self, Objects};
use bootstrap_cluster::verdict::{Verdict, cluster, pod};
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::Failure;
use bootstrap_run::step::Observation;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use kube::{Client, ResourceExt as _};

use crate::context::Context;
use crate::options::Options;

/// The chart labels every node's Cluster with the release that it belongs to.
pub(super) const SELECTOR: &str = "pgedge.com/app-name=pgedge";

/// CloudNativePG labels its pods with their Cluster, and those that run PostgreSQL among them.
pub(super) const CLUSTER: &str = "cnpg.io/cluster";
const INSTANCES: &str = "cnpg.io/podRole=instance";

/// Kubernetes labels the pods of a Job with it.
const JOB: &str = "batch.kubernetes.io/job-name";

/// How much of a failed container's log is shown.
const LOG_LINES: i64 = 5;

/// One node and what is to be thought of it.
#[derive(Debug, Clone)]
pub(crate) struct NodeHealth {
    pub(crate) node: String,
    /// Whether it has a Cluster.
    pub(crate) is_there: bool,
    pub(crate) verdict: Verdict,
}

fn clusters(client: &Client, context: &Context) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), &context.namespace(), &kubernetes::cluster_resource())
}

fn pods(client: &Client, context: &Context) -> Api<Pod> {
    Api::namespaced(client.clone(), &context.namespace())
}

/// The health of every node of the options.
///
/// A Cluster alone does not tell: with its operator away it says for ever what was true before. So its pods are asked
/// too; that the operator is there is the business of its own step.
pub(crate) async fn health(context: &Context) -> Result<Vec<NodeHealth>> {
    let client = context.client().await?;
    let listed = clusters(&client, context).list(&ListParams::default().labels(SELECTOR)).await;
    let listed = match listed {
        Ok(listed) => listed.items,
        // Without CloudNativePG the server does not know the kind.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(kubernetes::refused("cannot list the pgEdge nodes", &error)),
    };
    let instances = pods(&client, context).list(&ListParams::default().labels(INSTANCES)).await;
    let instances = instances.map_err(|error| kubernetes::refused("cannot list the pods of the nodes", &error))?.items;
    let mut health = judge(context, &by_name(listed));
    for node in &mut health {
        if let (Verdict::Ready(_), Some(why)) = (&node.verdict, pods_late(&node.node, &instances)) {
            node.verdict = Verdict::Waiting(why);
        }
    }
    Ok(health)
}

/// What the pods of a node lack; `None` if one is there and all of them are ready.
fn pods_late<'a>(node: &str, instances: impl IntoIterator<Item = &'a Pod>) -> Option<String> {
    let cluster = Options::cluster_of(node);
    let own = |pod: &&Pod| pod.labels().get(CLUSTER).is_some_and(|name| *name == cluster);
    let mut instances = instances.into_iter().filter(own).peekable();
    if instances.peek().is_none() {
        return Some("it has no pod".to_owned());
    }
    instances.find_map(|pod| pod::ready(pod).err().map(|why| format!("pod {} is not ready: {why}", pod.name_any())))
}

fn by_name<K: kube::Resource>(objects: Vec<K>) -> Objects<K> {
    objects.into_iter().map(|object| (object.name_any(), object)).collect()
}

fn judge(context: &Context, objects: &Objects<DynamicObject>) -> Vec<NodeHealth> {
    let judged = |node: String| {
        let object = objects.get(&Options::cluster_of(&node));
        let verdict = object.map_or_else(|| Verdict::Waiting("not there yet".to_owned()), cluster::cluster);
        NodeHealth { node, is_there: object.is_some(), verdict }
    };
    context.node_names().into_iter().map(judged).collect()
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let health = health(context).await?;
    if !health.iter().any(|node| node.is_there) {
        return Ok(Observation::Missing("there is no pgEdge node".to_owned()));
    }
    let Some(why) = late(&health) else { return Ok(Observation::Done(context.node_names().join(", "))) };
    // The operator above says for ever that it is at work; what keeps a pod from starting stands in the pod.
    let client = context.client().await?;
    let listed = pods(&client, context).list(&ListParams::default().labels(CLUSTER)).await;
    let listed = listed.map_err(|error| kubernetes::refused("cannot list the pods of the nodes", &error))?;
    Ok(Observation::Waiting(match stuck(context, &by_name(listed.items)) {
        Some((_, failure)) => format!("{failure}: {}", failure.seen().join("; ")),
        None => why,
    }))
}

/// A pod of ours that will not start, and why.
fn stuck(context: &Context, objects: &Objects<Pod>) -> Option<(String, Failure)> {
    let verdict = |pod: &Pod| pod::broken(pod).or_else(|| pod::unschedulable(pod));
    let own: Vec<&Pod> = objects.values().filter(|pod| is_of(context, pod)).collect();
    own.iter().filter(|pod| is_newest(pod, &own)).find_map(|pod| Some((pod.name_any(), verdict(pod)?)))
}

/// What the nodes that are not healthy are doing; `None` if there are none.
fn late(health: &[NodeHealth]) -> Option<String> {
    let words: Vec<String> = health
        .iter()
        .filter_map(|node| match &node.verdict {
            Verdict::Ready(_) => None,
            Verdict::Waiting(why) => Some(format!("{}: {why}", node.node)),
            Verdict::Broken(failure) => Some(format!("{}: {failure}", node.node)),
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Nothing here can make a node healthy but time: waits, and ends as soon as one cannot become healthy any more.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let client = context.client().await?;
    let healthy_with_pods = async {
        pods_ready(&client, context, reporter).await;
        healthy(&client, context, reporter).await;
    };
    tokio::select! {
        () = healthy_with_pods => Ok(()),
        failure = broken(&client, context) => Err(failure.into()),
    }
}

async fn pods_ready(client: &Client, context: &Context, reporter: &StepReporter) {
    kubernetes::until(pods(client, context), INSTANCES, |objects| {
        let late = |node: String| pods_late(&node, objects.values()).map(|why| format!("{node}: {why}"));
        match context.node_names().into_iter().find_map(late) {
            None => Some(()),
            Some(why) => {
                reporter.waiting(why);
                None
            }
        }
    })
    .await;
}

/// Returns when the Clusters of all nodes say that they are healthy.
pub(super) async fn healthy(client: &Client, context: &Context, reporter: &StepReporter) {
    kubernetes::until(clusters(client, context), SELECTOR, |objects| match late(&judge(context, objects)) {
        None => Some(()),
        Some(why) => {
            reporter.waiting(why);
            None
        }
    })
    .await;
}

/// Returns when a node cannot become healthy any more, with the reason from the lowest level that knows it.
pub(super) async fn broken(client: &Client, context: &Context) -> Failure {
    let pods = pods(client, context);
    let unrecoverable = kubernetes::until(clusters(client, context), SELECTOR, |objects| {
        judge(context, objects).into_iter().find_map(|node| match node.verdict {
            Verdict::Broken(failure) => Some(failure),
            _ => None,
        })
    });
    let stuck = kubernetes::until(pods.clone(), CLUSTER, |objects| stuck(context, objects));
    tokio::select! {
        failure = unrecoverable => failure,
        (pod, failure) = stuck => match last_words(&pods, &pod).await {
            Some(words) => failure.evidence(words),
            None => failure,
        },
    }
}

/// Whether a pod is of one of our nodes: the namespace may have Clusters of the person's own.
pub(super) fn is_of(context: &Context, pod: &Pod) -> bool {
    let cluster = pod.labels().get(CLUSTER);
    context.node_names().iter().any(|node| cluster == Some(&Options::cluster_of(node)))
}

/// Whether a pod is the last try of its Job. Earlier tries have failed, which says nothing while a later one runs.
fn is_newest(pod: &Pod, pods: &[&Pod]) -> bool {
    let job = |pod: &Pod| pod.labels().get(JOB).cloned();
    job(pod).is_none()
        || !pods.iter().any(|other| job(other) == job(pod) && other.creation_timestamp() > pod.creation_timestamp())
}

/// The end of a pod's log, if it has one.
async fn last_words(pods: &Api<Pod>, pod: &str) -> Option<String> {
    let parameters = LogParams { tail_lines: Some(LOG_LINES), ..LogParams::default() };
    pods.logs(pod, &parameters).await.ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
pub(super) mod tests;
