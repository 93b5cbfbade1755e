//! The container engine, through the `docker` command: it finds its context, its socket and its credentials as the
//! user's own `docker` does.

mod at_work;
mod engine;
pub(crate) mod labelled;
mod owned;
mod settings;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::process::{Command, Finished};
use tokio::sync::OnceCell;

pub(crate) use self::engine::Info;
pub(crate) use self::words::told;
use self::words::{reached, told_apart};
use crate::patience;
use crate::tools::program;

pub(crate) use at_work::{Mark, Work};
pub(crate) use owned::{Container, Thing, labels};

/// kind labels its containers with the name of their cluster.
const KIND_LABEL: &str = "io.x-k8s.kind.cluster";

#[derive(Debug, Clone)]
pub(crate) struct Docker {
    program: PathBuf,
    /// Filled once the engine has told that it is docker's.
    known: Arc<OnceCell<()>>,
}

impl Docker {
    /// The person's own `docker`, by PATH.
    pub(crate) fn new() -> Self {
        Self { program: PathBuf::from("docker"), known: Arc::default() }
    }

    /// A program that is known to be docker.
    #[cfg(test)]
    pub(crate) fn at(program: PathBuf) -> Self {
        Self { program, known: Arc::new(OnceCell::new_with(Some(()))) }
    }

    fn command(&self, deadline: Duration) -> Command {
        program::docker(&self.program, deadline)
    }

    /// # Errors
    /// [`FailureId::DockerMissing`], [`FailureId::DockerBroken`], [`FailureId::DockerMisconfigured`],
    /// [`FailureId::DockerForbidden`], [`FailureId::DockerNotRunning`] or [`FailureId::DockerForeign`].
    pub(crate) async fn info(&self) -> Result<Info> {
        let command = self.command(patience::DOCKER_ANSWERS).args(["info", "--format", "{{json .}}"]);
        let asked = ask(command.purpose("tell of its engine", "docker info")).await?;
        let info = engine::told_by(&asked)?;
        // Another question may have filled it meanwhile.
        let _ = self.known.set(());
        Ok(info)
    }

    /// Whether it is docker's engine that answers, once: what another program answers to the other questions may look like a
    /// docker that has nothing.
    ///
    /// # Errors
    /// As [`Self::info`].
    pub(crate) async fn is_dockers(&self) -> Result<()> {
        if self.has_answered() { Ok(()) } else { self.info().await.map(drop) }
    }

    /// Whether docker's engine has told what it is.
    pub(crate) fn has_answered(&self) -> bool {
        self.known.initialized()
    }

    pub(crate) async fn has_image(&self, reference: &str) -> Result<bool> {
        let command =
            self.command(patience::DOCKER_ANSWERS).args(["image", "inspect", "--format", "{{.Id}}", reference]);
        let command =
            command.purpose(format!("look for the image {reference}"), format!("docker image inspect {reference}"));
        Ok(reached(ask(command).await?)?.status.success())
    }

    /// # Errors
    /// [`FailureId::ImagePullFailed`] with docker's words.
    pub(crate) async fn pull(&self, reference: &str, deadline: Duration) -> Result<()> {
        let pulled = self.command(deadline).args(["pull", "--quiet", reference]).finish().await.map_err(told_apart)?;
        let pulled = reached(pulled)?;
        if pulled.status.success() {
            return Ok(());
        }
        let seen = pulled.tail();
        let id =
            if seen.contains("no space left on device") { FailureId::DiskFull } else { FailureId::ImagePullFailed };
        Err(Failure::new(id, format!("docker cannot pull {reference}")).evidence(seen).into())
    }

    /// Brings back containers that were stopped or paused.
    pub(crate) async fn start(&self, containers: &[Container]) -> Result<()> {
        let (paused, stopped): (Vec<&Container>, Vec<&Container>) = containers
            .iter()
            .filter(|container| !container.is_running())
            .partition(|container| container.state == "paused");
        for (verb, containers) in [("unpause", paused), ("start", stopped)] {
            if !containers.is_empty() {
                let names = containers.iter().map(|container| container.name.as_str());
                self.command(patience::DOCKER_REMOVES).args([verb]).args(names).stdout().await.map_err(told_apart)?;
            }
        }
        Ok(())
    }

    /// Stops and starts them: what they set up at their start is set up anew.
    pub(crate) async fn restart(&self, containers: &[&Container]) -> Result<()> {
        let names = containers.iter().map(|container| container.name.as_str());
        self.command(patience::DOCKER_REMOVES)
            .args(["restart"])
            .args(names)
            .stdout()
            .await
            .map(drop)
            .map_err(told_apart)
    }

    /// Removes containers with their anonymous volumes.
    pub(crate) async fn remove(&self, containers: &[Container]) -> Result<()> {
        let names = containers.iter().map(|container| container.name.as_str());
        self.command(patience::DOCKER_REMOVES)
            .args(["rm", "--force", "--volumes"])
            .args(names)
            .stdout()
            .await
            .map(drop)
            .map_err(told_apart)
    }

    /// Runs a program in a container and returns what it prints.
    pub(crate) async fn exec(
        &self,
        container: &str,
        arguments: &[&str],
        input: &str,
        deadline: Duration,
    ) -> Result<String> {
        let base = ["exec", "--interactive", container];
        self.command(deadline).args(base).args(arguments).input(input).stdout().await.map_err(told_apart)
    }

    /// Runs a program in one container with its output as the input of another program in another one. `arrived` is told
    /// how many bytes have gone through so far.
    pub(crate) async fn pipe(
        &self,
        (from, source): (&str, &[&str]),
        (to, sink): (&str, &[&str]),
        deadline: Duration,
        arrived: impl FnMut(u64),
    ) -> Result<()> {
        let source = self.command(deadline).args(["exec", from]).args(source);
        let sink = self.command(deadline).args(["exec", "--interactive", to]).args(sink);
        source.pipe_into(sink, arrived).await.map_err(told_apart)
    }

    /// As [`Self::exec`], for callers who know what a failure means.
    pub(crate) async fn try_exec(
        &self,
        container: &str,
        arguments: &[&str],
        deadline: Duration,
    ) -> Result<bootstrap_run::process::Finished> {
        let ran =
            self.command(deadline).args(["exec", container]).args(arguments).finish().await.map_err(told_apart)?;
        reached(ran)
    }
}

/// Asks docker itself, not a program in a container.
async fn ask(question: Command) -> Result<Finished> {
    settings::refuse_odd()?;
    question.finish().await.map_err(words::unanswered)
}

/// As [`ask`], for what docker can always answer.
async fn answer(question: Command) -> Result<Finished> {
    settings::refuse_odd()?;
    question.succeed().await.map_err(words::unanswered)
}
