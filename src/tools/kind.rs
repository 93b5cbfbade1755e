//! kind makes the cluster. It is asked for nothing else: what becomes of the cluster afterwards is seen through docker
//! and the Kubernetes API, because kind's own `--wait` only warns and its `get clusters` lists dead containers too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use bootstrap_run::process::Finished;

use crate::tools::program;

/// What kubeadm is told beside what kind tells it. A patch counts for the versions of kubeadm's configuration that it names.
const KUBEADM_PATCHES: [&str; 3] = [
    // One pull that hangs must not hold up all others of the node.
    "kind: KubeletConfiguration\nserializeImagePulls: false\n",
    // At its start the controller manager asks for a token for each of its forty controllers, and by default it asks only
    // twenty times a second: five seconds in which nothing else happens.
    "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\ncontrollerManager:\n  extraArgs:\n    \
     kube-api-qps: \"200\"\n    kube-api-burst: \"400\"\n",
    // Kubernetes 1.36 and later: the arguments are a list, which replaces kind's, so kind's own is repeated.
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncontrollerManager:\n  extraArgs:\n  \
     - {name: enable-hostpath-provisioner, value: \"true\"}\n  - {name: kube-api-qps, value: \"200\"}\n  \
     - {name: kube-api-burst, value: \"400\"}\n",
];

#[derive(Debug, Clone)]
pub(crate) struct Kind {
    program: PathBuf,
}

/// What kind needs to know of a cluster.
#[derive(Debug)]
pub(crate) struct NewCluster<'a> {
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    pub(crate) network: &'a str,
    pub(crate) workers: u8,
    /// Where kind writes its kubeconfig. Ours is [`Kind::kubeconfig`]; kind would write it to the person's own if it were
    /// not told another place.
    pub(crate) kubeconfig: &'a Path,
    /// In which its docker labels what it makes.
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

impl Kind {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Creates the cluster. On failure its nodes are kept, for their logs tell why.
    pub(crate) async fn create(&self, cluster: &NewCluster<'_>, deadline: Duration) -> Result<Finished> {
        let mut nodes = vec![serde_json::json!({"role": "control-plane"})];
        nodes.extend(std::iter::repeat_n(serde_json::json!({"role": "worker"}), cluster.workers.into()));
        let configuration = serde_json::json!({
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": nodes,
            "kubeadmConfigPatches": KUBEADM_PATCHES,
        });
        let kind = program::kind(&self.program, deadline);
        let kind = cluster.environment.iter().fold(kind, |kind, (name, value)| kind.env(name, value));
        kind.args(["create", "cluster", "--retain", "--name", cluster.name, "--image", cluster.image, "--config", "-"])
            .args([Path::new("--kubeconfig"), cluster.kubeconfig])
            .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", cluster.network)
            .input(configuration.to_string())
            .finish()
            .await
            .map_err(|error| program::tool_told_apart(&self.program, error))
    }

    /// The kubeconfig of a cluster, on the standard output. kind has it as soon as the control plane's own is written,
    /// which is long before [`Self::create`] ends.
    pub(crate) async fn kubeconfig(&self, name: &str) -> Result<Finished> {
        let command = program::kind(&self.program, Duration::from_secs(30)).args(["get", "kubeconfig", "--name", name]);
        command.finish().await.map_err(|error| program::tool_told_apart(&self.program, error))
    }
}
