//! kind makes the cluster. It is asked for nothing else: what becomes of the cluster afterwards is seen through docker
//! and the Kubernetes API, because kind's own `--wait` only warns and its `get clusters` lists dead containers too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::process::{Command, Finished};

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
    /// Written when the cluster is complete, and not before.
    pub(crate) kubeconfig: &'a Path,
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
            // One pull that hangs must not hold up all others of the node.
            "kubeadmConfigPatches": ["kind: KubeletConfiguration\nserializeImagePulls: false\n"],
        });
        Command::new(&self.program, deadline)
            .args(["create", "cluster", "--retain", "--name", cluster.name, "--image", cluster.image, "--config", "-"])
            .args([Path::new("--kubeconfig"), cluster.kubeconfig])
            .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", cluster.network)
            // The provider is docker: kind would otherwise take podman or nerdctl if it finds docker's answer wanting.
            .env("KIND_EXPERIMENTAL_PROVIDER", "docker")
            .input(configuration.to_string())
            .finish()
            .await
    }

    /// Writes the kubeconfig of a cluster whose file was lost.
    pub(crate) async fn export_kubeconfig(&self, name: &str, kubeconfig: &Path) -> Result<Finished> {
        Command::new(&self.program, Duration::from_secs(30))
            .args(["export", "kubeconfig", "--name", name])
            .args([Path::new("--kubeconfig"), kubeconfig])
            .env("KIND_EXPERIMENTAL_PROVIDER", "docker")
            .finish()
            .await
    }
}
