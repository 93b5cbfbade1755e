//! What the person asked for, resolved: the values of the flags after their defaults.

use anyhow::Result;
use bootstrap_fetch::download::RegistryMirror;

/// Where the Kubernetes cluster of a run comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// kind makes it in docker: it is ours, and goes with `down`.
    Kind,
    /// It was there before, on this machine: used, filled, and never made, stopped or removed.
    Adopted,
}

/// The options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) provider: Provider,
    /// The cluster's name: kind's name of it, and the name of its folder under the state directory.
    pub(crate) name: ClusterName,
    /// pgEdge nodes, 2 to 9, if a number was asked for (`Context::nodes`).
    pub(crate) nodes: Option<u8>,
    /// Kubernetes nodes beside the control plane, if a number was asked for: a cluster that is there keeps those it has.
    pub(crate) workers: Option<u8>,
    /// Those of a cluster that is made, if no number was asked for.
    pub(crate) new_workers: u8,
    /// Docker is being started by somebody else at this moment, as in a dev container: it is waited for.
    pub(crate) docker_comes: bool,
    /// That of the release, if one was asked for (`Context::namespace`).
    pub(crate) namespace: Option<String>,
    pub(crate) mirror: Option<String>,
    pub(crate) registry_mirrors: Vec<RegistryMirror>,
}

/// The name of a cluster: what kind accepts and what is safe in a file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterName(String);

impl Options {
    /// The release, and the prefix of every node's Cluster: the chart's `appName`.
    pub(crate) const RELEASE: &'static str = "pgedge";

    /// Where a release goes, and how many nodes it gets, if nothing else was asked for.
    pub(crate) const NAMESPACE: &'static str = "default";
    pub(crate) const NODES: u8 = 3;

    /// `pgedge-n1`: the CloudNativePG Cluster of a node.
    pub(crate) fn cluster_of(node: &str) -> String {
        format!("{}-{node}", Self::RELEASE)
    }

    pub(crate) fn registry_mirror(&self, host: &str) -> Option<&RegistryMirror> {
        self.registry_mirrors.iter().find(|mirror| mirror.host == host)
    }
}

impl ClusterName {
    /// kind makes a host name of it with `-control-plane` behind, and host names end at 63 characters.
    const LONGEST: usize = 40;

    /// The name of the folder of the logs, which stands beside the clusters' own.
    pub(crate) const TAKEN: &'static str = "logs";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the cluster's network is called in docker, and the volume by which its name is claimed.
    pub(crate) fn in_docker(&self) -> String {
        format!("pgedge-bootstrap-{self}")
    }
}

impl std::str::FromStr for ClusterName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let ends = !text.starts_with('-') && !text.ends_with('-');
        let fits = !text.is_empty() && text.len() <= Self::LONGEST && text.bytes().all(inside) && ends;
        anyhow::ensure!(fits, "a cluster name has 1 to {} lower-case letters, digits and inner dashes", Self::LONGEST);
        anyhow::ensure!(text != Self::TAKEN, "the folder of the logs is called {:?}: choose another name", Self::TAKEN);
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for ClusterName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_is_safe_in_paths_and_host_names() {
        for good in ["pgedge", "a", "lab-1"] {
            assert!(good.parse::<ClusterName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a/b", "..", "a.b", "logs", &"a".repeat(41)] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
        }
    }
}
