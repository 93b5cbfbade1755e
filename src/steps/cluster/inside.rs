//! What is in a cluster: whether it can be used, and what it lacks.

use anyhow::Result;
use bootstrap_cluster::kubernetes::{self, Course, Dead};
use bootstrap_cluster::verdict::workload;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::step::Observation;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};

use super::{addons, not_ready};
use crate::context::Context;
use crate::patience;
use crate::tools::docker::Container;

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// A cluster that can be used.
pub(super) struct Usable {
    nodes: usize,
    /// That of its first node's kubelet.
    version: String,
}

impl Usable {
    pub(super) fn in_words(&self) -> String {
        format!("{} Kubernetes node{}, {}", self.nodes, if self.nodes == 1 { "" } else { "s" }, self.version)
    }
}

/// What keeps a cluster from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// It may come by itself.
    Passing(String),
    /// Cluster DNS or kube-proxy does not work.
    Addon(Dead),
    /// The container of this Kubernetes node is gone: it does not come back.
    Lost(String),
}

impl Lack {
    pub(super) fn observed(self) -> Observation {
        match self {
            Self::Passing(why) | Self::Addon(Dead { why, course: Course::Late, .. }) => Observation::Waiting(why),
            Self::Addon(dead) => Observation::Wrong(dead.in_words()),
            Self::Lost(node) => Observation::Wrong(lost(&node)),
        }
    }

    pub(super) fn into_error(self, context: &Context) -> anyhow::Error {
        let node = match self {
            Self::Lost(node) => node,
            Self::Addon(dead) => return addons::failure(context, dead).into(),
            Self::Passing(why) => return not_ready(context, &why),
        };
        let summary = format!("the cluster {:?} has lost a Kubernetes node", context.options.name.as_str());
        let anew = hint![
            "save what you need from the databases that still answer, then ",
            Ours::Down,
            " and ",
            Ours::Up,
            " recreate the cluster"
        ];
        let hint = if node == control_plane(context) {
            hint!["a cluster does not outlive its control plane: ", anew]
        } else {
            // Its volumes went with the container, and nothing else is wrong with the cluster.
            hint![
                format!("if no database was on it, `kubectl delete node {node}` lets the others forget it ("),
                Ours::Env,
                " prints what makes kubectl work here); then run this again; if one was, ",
                anew
            ]
        };
        Failure::new(FailureId::ClusterNotReady, summary).evidence(lost(&node)).hint(hint).into()
    }
}

impl From<String> for Lack {
    fn from(why: String) -> Self {
        Self::Passing(why)
    }
}

fn lost(node: &str) -> String {
    format!("the container of Kubernetes node {node} is gone")
}

/// kind gives the first node this name, and Kubernetes takes the containers' names for its nodes.
fn control_plane(context: &Context) -> String {
    format!("{}-control-plane", context.options.name)
}

pub(super) fn without_control_plane(context: &Context, containers: &[Container]) -> Option<Lack> {
    without_container(context.options.name.as_str(), [control_plane(context).as_str()], containers)
}

/// The first of these Kubernetes nodes that has no container: Kubernetes itself notices that after a minute. One that kind has not
/// named was added by somebody, and has none in docker.
fn without_container<'a>(
    cluster: &str,
    nodes: impl IntoIterator<Item = &'a str>,
    containers: &[Container],
) -> Option<Lack> {
    let is_of_kind = |node: &&str| {
        let role = node.strip_prefix(cluster).and_then(|rest| rest.strip_prefix('-'));
        role == Some("control-plane")
            || role
                .and_then(|role| role.strip_prefix("worker"))
                .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut nodes = nodes.into_iter().filter(is_of_kind);
    let lost = nodes.find(|node| !containers.iter().any(|container| container.name == *node))?;
    Some(Lack::Lost(lost.to_owned()))
}

/// The cluster with these Kubernetes nodes, or what it lacks; one that was adopted has no containers. An API server that hangs
/// lacks an answer.
pub(super) async fn look_inside(context: &Context, containers: &[Container]) -> Result<Usable, Lack> {
    let look = tokio::time::timeout(patience::API_ANSWERS, look_without_limit(context, containers)).await;
    look.unwrap_or_else(|_| {
        Err(format!("the Kubernetes API does not answer within {} s", patience::API_ANSWERS.as_secs()).into())
    })
}

async fn look_without_limit(context: &Context, containers: &[Container]) -> Result<Usable, Lack> {
    let wanted = containers.len().max(1);
    let client = context.client().await.map_err(|error| format!("{error:#}"))?;
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = nodes
        .list(&ListParams::default())
        .await
        .map_err(|error| format!("the Kubernetes API does not answer: {}", kubernetes::words(&error)))?;
    if nodes.items.len() < wanted {
        return Err(format!("{} of {wanted} Kubernetes nodes have joined", nodes.items.len()).into());
    }
    if !containers.is_empty() {
        let names = nodes.items.iter().filter_map(|node| node.metadata.name.as_deref());
        without_container(context.options.name.as_str(), names, containers).map_or(Ok(()), Err)?;
    }
    for node in &nodes.items {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        workload::node(node).map_err(|why| format!("Kubernetes node {name} is not ready: {why}"))?;
    }
    let classes: Api<StorageClass> = Api::all(client.clone());
    let classes = classes.list(&ListParams::default()).await.map_err(|error| kubernetes::words(&error))?;
    let is_default = |class: &StorageClass| {
        class
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|notes| notes.get(DEFAULT_CLASS).is_some_and(|value| value == "true"))
    };
    if !classes.items.iter().any(is_default) {
        return Err("there is no default storage class".to_owned().into());
    }
    if let Some(dead) = kubernetes::dead_addon(&client, !context.is_adopted()).await? {
        return Err(Lack::Addon(dead));
    }
    let version = nodes.items.first().and_then(|node| node.status.as_ref()?.node_info.as_ref());
    let version = version.map_or_else(String::new, |info| info.kubelet_version.clone());
    Ok(Usable { nodes: nodes.items.len(), version })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::step_id::StepId;
    use crate::steps::cluster::tests::{OWN, docker, kind_that_knows_the_kubeconfig, run_with, running};
    use crate::steps::cluster::{apply, observe};
    use crate::steps::test_run::{TestRun, failure_of, wrong};

    #[test]
    fn a_kubernetes_node_whose_container_was_removed_is_lost() {
        let container = |name: &str| Container {
            id: name.to_owned(),
            name: name.to_owned(),
            state: "running".to_owned(),
            networks: Vec::new(),
            maker: None,
        };
        let nodes = ["lab-control-plane", "lab-worker", "lab-worker2"];
        assert_eq!(without_container("lab", nodes, &nodes.map(container)), None);
        let added = [&nodes[..], &["desk", "lab-worker-of-ann", "lab"]].concat();
        assert_eq!(without_container("lab", added, &nodes.map(container)), None, "kind has not made these");
        for (left, lost) in
            [(["lab-control-plane", "lab-worker"], "lab-worker2"), (["lab-worker", "lab-worker2"], "lab-control-plane")]
        {
            let lack = without_container("lab", nodes, &left.map(container));
            assert_eq!(lack, Some(Lack::Lost(lost.to_owned())));
        }
    }

    /// As the API tells of it.
    fn joined(run: &TestRun, name: &str) {
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        run.api.put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}));
    }

    #[tokio::test]
    async fn a_lost_worker_is_no_reason_to_give_a_cluster_up_and_a_node_of_somebodys_is_none_that_is_lost() {
        let run = run_with(docker(&running(), OWN), kind_that_knows_the_kubeconfig(), |_| {});
        joined(&run, "desk-of-ann");
        assert!(observe(&run.context).await.unwrap().is_done());
        joined(&run, "pgedge-worker");
        assert!(wrong(&observe(&run.context).await.unwrap()).contains("node pgedge-worker is gone"));
        let lost = failure_of(run.within(StepId::Cluster, apply).await);
        let advice = lost.advice(&bootstrap_run::failure::Invocation::default());
        let forget = advice.find("`kubectl delete node pgedge-worker`").unwrap();
        assert!(forget < advice.find("`pgedge-bootstrap down`").unwrap(), "{advice}");
        // Nothing of a cluster is left without it.
        let lost = Lack::Lost("pgedge-control-plane".to_owned()).into_error(&run.context);
        let advice = bootstrap_run::failure::of(&lost).unwrap().advice(&bootstrap_run::failure::Invocation::default());
        assert!(!advice.contains("kubectl delete node") && advice.contains("`pgedge-bootstrap down`"), "{advice}");
    }
}
