//! A plan for the tests of what is told of a run.

use super::PlannedStep;
use crate::step::{Stage, StepName};

/// The steps of a plan such as that of a cluster that kind makes.
const PLAN: [(&str, Stage, &str); 18] = [
    ("docker", Stage::Cluster, "docker answers"),
    ("helm", Stage::Tools, "helm is installed and verified"),
    ("kind", Stage::Tools, "kind is installed and verified"),
    ("kubectl", Stage::Tools, "kubectl is installed and verified"),
    ("kubectl-cnpg", Stage::Tools, "kubectl-cnpg is installed and verified"),
    ("node-image", Stage::Cluster, "the Kubernetes node image is here"),
    ("cert-manager-manifest", Stage::Tools, "the cert-manager manifest is here and verified"),
    ("cloudnative-pg-manifest", Stage::Tools, "the CloudNativePG manifest is here and verified"),
    ("chart", Stage::Tools, "the pgEdge chart is here and verified"),
    ("kubernetes-api", Stage::Cluster, "the Kubernetes API answers"),
    ("cluster", Stage::Cluster, "the Kubernetes cluster is ready"),
    ("images", Stage::Operators, "the images are in the cluster"),
    ("cert-manager", Stage::Operators, "cert-manager answers"),
    ("cloudnative-pg", Stage::Operators, "CloudNativePG answers"),
    ("release", Stage::Deploy, "the pgEdge chart is installed"),
    ("nodes", Stage::Deploy, "the pgEdge nodes are healthy"),
    ("replication", Stage::Deploy, "every node replicates from every other"),
    ("proof", Stage::Prove, "a write on any node is read on the others"),
];

/// The names of its steps, in its order.
pub fn of_kind() -> Vec<StepName> {
    PLAN.map(|(name, ..)| StepName::fixed(name)).to_vec()
}

/// A step with these needs. What the plan does not know gets its name for a title.
pub fn planned(id: StepName, needs: &[StepName]) -> PlannedStep {
    let known = PLAN.into_iter().find(|(name, ..)| *name == id.as_str());
    let (_, stage, title) = known.unwrap_or((id.as_str(), Stage::Tools, id.as_str()));
    PlannedStep { id, title: title.to_owned(), stage, needs: needs.to_vec(), yields_to: Vec::new() }
}
