//! The steps of the product: their names, titles, stages and deadlines.
//!
//! What a step needs is the plan's business, how it is applied is the business of `steps`. Names are stable: they are
//! arguments of `verify`, keys of the JSON output and words of the documentation.

use std::fmt;
use std::time::Duration;

use bootstrap_run::step::{Stage, Step, StepName};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pins::Tool;

/// A positive fact about the world that can be checked and, if it is ours, applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StepId {
    Docker,
    Tool(Tool),
    NodeImage,
    Manifest(Operator),
    Chart,
    Api,
    Cluster,
    Images,
    Operator(Operator),
    Room,
    Release,
    Nodes,
    Replication,
    Proof,
}

/// The two operators that pgEdge needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operator {
    CertManager,
    CloudnativePg,
}

impl StepId {
    pub(crate) const ALL: [Self; 19] = [
        Self::Docker,
        Self::Tool(Tool::Helm),
        Self::Tool(Tool::Kind),
        Self::Tool(Tool::Kubectl),
        Self::Tool(Tool::KubectlCnpg),
        Self::NodeImage,
        Self::Manifest(Operator::CertManager),
        Self::Manifest(Operator::CloudnativePg),
        Self::Chart,
        Self::Api,
        Self::Cluster,
        Self::Images,
        Self::Operator(Operator::CertManager),
        Self::Operator(Operator::CloudnativePg),
        Self::Room,
        Self::Release,
        Self::Nodes,
        Self::Replication,
        Self::Proof,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Tool(tool) => tool.as_str(),
            Self::NodeImage => "node-image",
            Self::Manifest(Operator::CertManager) => "cert-manager-manifest",
            Self::Manifest(Operator::CloudnativePg) => "cloudnative-pg-manifest",
            Self::Chart => "chart",
            Self::Api => "kubernetes-api",
            Self::Cluster => "cluster",
            Self::Images => "images",
            Self::Operator(operator) => operator.as_str(),
            Self::Room => "room",
            Self::Release => "release",
            Self::Nodes => "nodes",
            Self::Replication => "replication",
            Self::Proof => "proof",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }

    /// A sentence that is true once the step holds.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Docker => "docker answers",
            Self::Tool(Tool::Helm) => "helm is installed and verified",
            Self::Tool(Tool::Kind) => "kind is installed and verified",
            Self::Tool(Tool::Kubectl) => "kubectl is installed and verified",
            Self::Tool(Tool::KubectlCnpg) => "kubectl-cnpg is installed and verified",
            Self::NodeImage => "the Kubernetes node image is here",
            Self::Manifest(Operator::CertManager) => "the cert-manager manifest is here and verified",
            Self::Manifest(Operator::CloudnativePg) => "the CloudNativePG manifest is here and verified",
            Self::Chart => "the pgEdge chart is here and verified",
            Self::Api => "the Kubernetes API answers",
            Self::Cluster => "the Kubernetes cluster is ready",
            Self::Images => "the images are in the cluster",
            Self::Operator(Operator::CertManager) => "cert-manager answers",
            Self::Operator(Operator::CloudnativePg) => "CloudNativePG answers",
            Self::Room => "there is room for pgEdge",
            Self::Release => "the pgEdge chart is installed",
            Self::Nodes => "the pgEdge nodes are healthy",
            Self::Replication => "every node replicates from every other",
            Self::Proof => "a write on any node is read on the others",
        }
    }

    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Tool(_) | Self::Manifest(_) | Self::Chart => Stage::Tools,
            Self::Docker | Self::NodeImage | Self::Api | Self::Cluster => Stage::Cluster,
            Self::Images | Self::Operator(_) | Self::Room => Stage::Operators,
            Self::Release | Self::Nodes | Self::Replication => Stage::Deploy,
            Self::Proof => Stage::Prove,
        }
    }

    /// The longest time that making the step true may take, after which the run ends with what was last seen.
    /// Steps that move bytes have the long ones: a slow link is not a fault.
    pub(crate) fn deadline(self) -> Duration {
        let minutes = match self {
            Self::Room => 1,
            Self::Tool(_) | Self::Manifest(_) | Self::Chart => 20,
            Self::NodeImage | Self::Images => 30,
            Self::Docker | Self::Operator(_) | Self::Replication => 5,
            Self::Api | Self::Cluster => 10,
            Self::Release | Self::Nodes => 15,
            Self::Proof => 2,
        };
        Duration::from_secs(60 * minutes)
    }
}

impl Step for StepId {
    fn name(self) -> StepName {
        StepName::fixed(self.as_str())
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for StepId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for StepId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("there is no step {text:?}")))
    }
}

impl Operator {
    /// As its makers write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::CertManager => "cert-manager",
            Self::CloudnativePg => "CloudNativePG",
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CertManager => "cert-manager",
            Self::CloudnativePg => "cloudnative-pg",
        }
    }
}
