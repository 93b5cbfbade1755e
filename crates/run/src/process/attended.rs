//! A program that a person runs: on their own terminal.

use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result};

use super::{Command, ProcessGroup};

/// Whether somebody may answer a program's questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The person at the terminal.
    Person,
    /// The program reads the end of its input at once.
    Nobody,
}

impl Command {
    /// Runs to the end with our own output, and with our own input where there is a person.
    ///
    /// With a person the program stays in our process group: only that one may read from the terminal, and Ctrl-C reaches
    /// it as it reaches us.
    ///
    /// # Errors
    /// [`crate::failure::FailureId::CommandFailed`] if it cannot be started, and
    /// [`crate::failure::FailureId::CommandDeadline`].
    pub async fn attended(self, input: Input) -> Result<ExitStatus> {
        let asked = self.asked();
        let alone = input == Input::Nobody;
        let mut command = self.prepare();
        command.stdin(if alone { Stdio::null() } else { Stdio::inherit() });
        command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        if alone {
            command.process_group(0);
        }
        let mut child = self.spawn(command, &asked).await?;
        let _group = ProcessGroup(child.id().filter(|_| alone));
        let ended = tokio::time::timeout(self.deadline, child.wait()).await;
        let status = ended.map_err(|_| asked.out_of_time(self.deadline, ""))?;
        let status = status.with_context(|| format!("cannot wait for `{}`", asked.line))?;
        Ok(status)
    }
}
