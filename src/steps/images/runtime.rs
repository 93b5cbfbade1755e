//! The container runtime of a Kubernetes node, and the way to it: through docker into a node that kind made, or none at
//! all on the machine that is the node itself.

use std::time::Duration;

use anyhow::Result;
use bootstrap_run::process::{Command, Finished};

use crate::context::Context;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runtime {
    /// In this container.
    InContainer(String),
    OnThisMachine,
}

impl Runtime {
    /// What a person calls its Kubernetes node.
    pub(super) fn node(&self) -> &str {
        match self {
            Self::InContainer(name) => name,
            Self::OnThisMachine => "this machine",
        }
    }

    /// Runs a program beside it, whatever its status is.
    pub(super) async fn finish(&self, context: &Context, command: &[&str], deadline: Duration) -> Result<Finished> {
        match (self, command) {
            (Self::InContainer(name), _) => context.docker.try_exec(name, command, deadline).await,
            (Self::OnThisMachine, [program, arguments @ ..]) => {
                Command::new(program, deadline).args(arguments).finish().await
            }
            (Self::OnThisMachine, []) => anyhow::bail!("no program is named"),
        }
    }

    /// Runs a program beside it and returns what it prints.
    ///
    /// # Errors
    /// [`bootstrap_run::failure::FailureId::CommandFailed`] for a status other than zero, too.
    pub(super) async fn stdout(&self, context: &Context, command: &[&str], deadline: Duration) -> Result<String> {
        let finished = self.finish(context, command, deadline).await?.success(&command.join(" "))?;
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    }
}
