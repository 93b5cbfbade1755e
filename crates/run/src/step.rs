//! The vocabulary of a run: what a step is called, the stages that steps belong to, and what can be seen of a step.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name;

/// The name of a step, such as `kubernetes-api`. Copied like a number: a name that is read (from the log of another run) is kept
/// once, for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepName(&'static str);

impl StepName {
    /// A name that stands in the program.
    pub const fn fixed(name: &'static str) -> Self {
        Self(name)
    }

    /// A name that was read; `None` if it is none.
    fn read(name: &str) -> Option<Self> {
        name::kept(name).map(Self)
    }

    /// The name as events have it: lower-case letters, digits and `-`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Serialize for StepName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for StepName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no name of a step")))
    }
}

/// What an engine makes true: a small value by which the world that it runs in knows which fact is meant.
pub trait Step: fmt::Debug + Copy + Ord + Send + Sync + 'static {
    /// As events name it.
    fn name(self) -> StepName;
}

impl Step for StepName {
    fn name(self) -> StepName {
        self
    }
}

/// A named group of steps: what a person sees, and where `--until` stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The verified tools, manifests and chart are on this machine.
    Tools,
    /// The Kubernetes cluster is ready.
    Cluster,
    /// Cert-manager and CloudNativePG answer.
    Operators,
    /// Three pgEdge nodes are healthy and wired.
    Deploy,
    /// Replication is proven between all of them.
    Prove,
}

/// What one look at the world says about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The fact holds; the text says how it looks ("4.3.0", "1 Kubernetes node, v1.34.10").
    Done(String),
    /// Nothing is there yet; the text says what is absent.
    Missing(String),
    /// Something is there that is not what the plan wants.
    Wrong(String),
    /// It is on its way: something that was started has not ended.
    Waiting(String),
}

impl Observation {
    /// Whether the fact holds.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// The kind of the finding for programs, an interface: `done`, `missing`, `wrong` or `waiting`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Missing(_) => "missing",
            Self::Wrong(_) => "wrong",
            Self::Waiting(_) => "waiting",
        }
    }

    /// The text of the finding, for people.
    pub fn detail(&self) -> &str {
        match self {
            Self::Done(detail) | Self::Missing(detail) | Self::Wrong(detail) | Self::Waiting(detail) => detail,
        }
    }
}

impl Stage {
    /// In the order in which a run comes to them.
    pub const ALL: [Self; 5] = [Self::Tools, Self::Cluster, Self::Operators, Self::Deploy, Self::Prove];

    /// The stage of this name, as [`Self::as_str`] writes it; `None` if there is none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    /// The name as events and `--until` have it: an interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Cluster => "cluster",
            Self::Operators => "operators",
            Self::Deploy => "deploy",
            Self::Prove => "prove",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_read_is_the_one_that_stands_in_the_program() {
        assert_eq!(StepName::read("kubernetes-api"), Some(StepName::fixed("kubernetes-api")));
    }
}
