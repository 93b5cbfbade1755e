//! The steps of the product: their names, titles, stages and deadlines.
//!
//! What a step needs is the plan's business, how it is applied is the business of `steps`. Names are stable: they are
//! arguments of `verify`, keys of the JSON output and words of the documentation.

use std::fmt;
use std::time::Duration;

use bootstrap_run::step::{Stage, Step, StepName};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stack::{OperatorName, Stack, ToolName};

/// A positive fact about the world that can be checked and, if it is ours, applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StepId {
    Docker,
    Tool(ToolName),
    NodeImage,
    Manifest(OperatorName),
    Chart,
    Api,
    Cluster,
    Images,
    Operator(OperatorName),
    Room,
    Release,
    Nodes,
    Replication,
    Proof,
}

impl StepId {
    /// Every step that there is with a stack.
    pub(crate) fn all(stack: &Stack) -> Vec<Self> {
        use StepId::{Api, Chart, Cluster, Docker, Images, NodeImage, Nodes, Proof, Release, Replication, Room};
        let has_chart = stack.pins.chart.is_some();
        let mut all = vec![Docker];
        all.extend(stack.tools().map(Self::Tool));
        all.push(NodeImage);
        all.extend(stack.operator_names().map(Self::Manifest));
        all.extend(has_chart.then_some(Chart));
        all.extend([Api, Cluster, Images]);
        all.extend(stack.operator_names().map(Self::Operator));
        all.extend(stack.is_pgedge().then_some(Room));
        all.extend(has_chart.then_some(Release));
        if stack.is_pgedge() {
            all.extend([Nodes, Replication, Proof]);
        }
        all
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Tool(tool) => tool.as_str(),
            Self::NodeImage => "node-image",
            Self::Manifest(operator) => operator.manifest_step(),
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

    /// The step of this name, if there is one with this stack.
    pub(crate) fn parse(text: &str, stack: &Stack) -> Option<Self> {
        Self::all(stack).into_iter().find(|step| step.as_str() == text)
    }

    /// A sentence that is true once the step holds.
    pub(crate) fn title(self, stack: &Stack) -> String {
        let operator =
            |name: OperatorName| stack.operators.get(&name).map_or(name.as_str(), |operator| &operator.title);
        match self {
            Self::Docker => "docker answers".to_owned(),
            Self::Tool(tool) => format!("{tool} is installed and verified"),
            Self::NodeImage => "the Kubernetes node image is here".to_owned(),
            Self::Manifest(name) => format!("the {} manifest is here and verified", operator(name)),
            Self::Chart => format!("the {} chart is here and verified", stack.title),
            Self::Api => "the Kubernetes API answers".to_owned(),
            Self::Cluster => "the Kubernetes cluster is ready".to_owned(),
            Self::Images => "the images are in the cluster".to_owned(),
            Self::Operator(name) => format!("{} answers", operator(name)),
            Self::Room => "there is room for pgEdge".to_owned(),
            Self::Release => format!("the {} chart is installed", stack.title),
            Self::Nodes => "the pgEdge nodes are healthy".to_owned(),
            Self::Replication => "every node replicates from every other".to_owned(),
            Self::Proof => "a write on any node is read on the others".to_owned(),
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

/// A step of the default stack: the lessons are about that one.
impl<'de> Deserialize<'de> for StepId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let stack = Stack::pgedge().map_err(D::Error::custom)?;
        Self::parse(&text, stack).ok_or_else(|| D::Error::custom(format!("there is no step {text:?}")))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::stack::FIXED_STEPS;

    #[test]
    fn no_tool_or_operator_can_be_called_like_a_step() {
        let all = StepId::all(Stack::pgedge().unwrap());
        let is_fixed = |step: &StepId| !matches!(step, StepId::Tool(_) | StepId::Manifest(_) | StepId::Operator(_));
        let fixed: Vec<&str> = all.iter().copied().filter(is_fixed).map(StepId::as_str).collect();
        assert_eq!(fixed, FIXED_STEPS);
    }

    #[test]
    fn every_step_is_known_by_its_name() {
        let stack = Stack::pgedge().unwrap();
        for step in StepId::all(stack) {
            assert_eq!(StepId::parse(step.as_str(), stack), Some(step));
        }
    }
}
