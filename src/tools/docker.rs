//! The container engine, through the `docker` command: it finds its context, its socket and its credentials as the
//! user's own `docker` does.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::failure::{self, Failure, FailureId};
use crate::process::{Command, StartError};

/// A healthy engine answers questions in milliseconds, a busy one in seconds.
const QUESTION: Duration = Duration::from_secs(30);

/// Removing a node with gigabytes in its volume takes a while.
const REMOVAL: Duration = Duration::from_secs(120);

/// kind labels its containers with the name of their cluster.
const KIND_LABEL: &str = "io.x-k8s.kind.cluster";

/// We label the network of every cluster that we make: this is how we know our own again.
const OWNER_LABEL: &str = "com.pgedge.bootstrap.cluster";

#[derive(Debug, Clone)]
pub(crate) struct Docker {
    _private: (),
}

/// What the engine says of itself and its host.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) server_version: String,
    pub(crate) cgroup_version: String,
    #[serde(rename = "NCPU")]
    pub(crate) cpus: u32,
    /// Bytes.
    pub(crate) mem_total: u64,
    pub(crate) docker_root_dir: String,
}

/// A container of a kind cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) networks: Vec<String>,
}

impl Container {
    pub(crate) fn is_running(&self) -> bool {
        self.state == "running"
    }
}

impl Docker {
    pub(crate) fn new() -> Self {
        Self { _private: () }
    }

    /// # Errors
    /// [`FailureId::DockerMissing`], [`FailureId::DockerForbidden`] or [`FailureId::DockerNotRunning`].
    pub(crate) async fn info(&self) -> Result<Info> {
        let asked = docker(QUESTION).args(["info", "--format", "{{json .}}"]).finish().await.map_err(told_apart)?;
        let answer: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        // Without a server the client still prints what it knows of itself, and the errors beside it.
        let errors: Vec<&str> =
            answer["ServerErrors"].as_array().into_iter().flatten().filter_map(|error| error.as_str()).collect();
        if !errors.is_empty() || !asked.status.success() {
            let seen = if errors.is_empty() { asked.tail() } else { errors.join("\n") };
            return Err(not_running(&seen));
        }
        serde_json::from_value(answer).context("`docker info` answered something that is not understood")
    }

    pub(crate) async fn has_image(&self, reference: &str) -> Result<bool> {
        let asked = docker(QUESTION)
            .args(["image", "inspect", "--format", "{{.Id}}", reference])
            .finish()
            .await
            .map_err(told_apart)?;
        Ok(asked.status.success())
    }

    /// # Errors
    /// [`FailureId::ImagePullFailed`] with docker's words.
    pub(crate) async fn pull(&self, reference: &str, deadline: Duration) -> Result<()> {
        let pulled = docker(deadline).args(["pull", "--quiet", reference]).finish().await.map_err(told_apart)?;
        if pulled.status.success() {
            return Ok(());
        }
        let seen = pulled.tail();
        let id =
            if seen.contains("no space left on device") { FailureId::DiskFull } else { FailureId::ImagePullFailed };
        Err(Failure::new(id, format!("docker cannot pull {reference}")).evidence(seen).into())
    }

    /// The containers of a kind cluster in any state, by name.
    pub(crate) async fn kind_containers(&self, cluster: &str) -> Result<Vec<Container>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Row {
            #[serde(rename = "ID")]
            id: String,
            names: String,
            state: String,
            networks: String,
        }
        let filter = format!("label={KIND_LABEL}={cluster}");
        let format =
            r#"{"ID":{{json .ID}},"Names":{{json .Names}},"State":{{json .State}},"Networks":{{json .Networks}}}"#;
        let listed = docker(QUESTION)
            .args(["ps", "--all", "--filter", &filter, "--format", format])
            .stdout()
            .await
            .map_err(told_apart)?;
        let mut containers = Vec::new();
        for line in listed.lines() {
            let row: Row =
                serde_json::from_str(line).context("`docker ps` answered something that is not understood")?;
            let networks = row.networks.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            containers.push(Container { id: row.id, name: row.names, state: row.state, networks });
        }
        containers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(containers)
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
                docker(REMOVAL).args([verb]).args(names).stdout().await.map_err(told_apart)?;
            }
        }
        Ok(())
    }

    /// Removes containers with their anonymous volumes.
    pub(crate) async fn remove(&self, containers: &[Container]) -> Result<()> {
        let names = containers.iter().map(|container| container.name.as_str());
        docker(REMOVAL).args(["rm", "--force", "--volumes"]).args(names).stdout().await.map(drop).map_err(told_apart)
    }

    /// Whether a network exists, and if so, whether we made it for this cluster.
    pub(crate) async fn network_is_ours(&self, network: &str, cluster: &str) -> Result<Option<bool>> {
        let format = format!("{{{{.Name}}}} {{{{index .Labels {OWNER_LABEL:?}}}}}");
        let filter = format!("name=^{network}$");
        let found = docker(QUESTION)
            .args(["network", "ls", "--quiet", "--filter", &filter])
            .stdout()
            .await
            .map_err(told_apart)?;
        let Some(id) = found.split_whitespace().next() else { return Ok(None) };
        let label = docker(QUESTION)
            .args(["network", "inspect", "--format", &format, id])
            .stdout()
            .await
            .map_err(told_apart)?;
        Ok(Some(label.trim() == format!("{network} {cluster}")))
    }

    pub(crate) async fn create_network(&self, network: &str, cluster: &str) -> Result<()> {
        let label = format!("{OWNER_LABEL}={cluster}");
        let arguments = ["network", "create", "--driver", "bridge", "--label", &label, network];
        docker(QUESTION).args(arguments).stdout().await.map(drop).map_err(told_apart)
    }

    pub(crate) async fn remove_network(&self, network: &str) -> Result<()> {
        docker(QUESTION).args(["network", "rm", network]).stdout().await.map(drop).map_err(told_apart)
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
        docker(deadline).args(base).args(arguments).input(input).stdout().await
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
        let source = docker(deadline).args(["exec", from]).args(source);
        let sink = docker(deadline).args(["exec", "--interactive", to]).args(sink);
        source.pipe_into(sink, arrived).await
    }

    /// As [`Self::exec`], for callers who know what a failure means.
    pub(crate) async fn try_exec(
        &self,
        container: &str,
        arguments: &[&str],
        deadline: Duration,
    ) -> Result<crate::process::Finished> {
        docker(deadline).args(["exec", container]).args(arguments).finish().await
    }
}

fn docker(deadline: Duration) -> Command {
    Command::new("docker", deadline)
}

fn not_running(seen: &str) -> anyhow::Error {
    // docker tells them apart by words alone.
    if seen.contains("permission denied") {
        return Failure::new(FailureId::DockerForbidden, "you may not use docker").evidence(seen).into();
    }
    Failure::new(FailureId::DockerNotRunning, "docker does not answer").evidence(seen).into()
}

/// A docker that is not installed is another failure than a command that fails.
fn told_apart(error: anyhow::Error) -> anyhow::Error {
    if error.downcast_ref::<StartError>() == Some(&StartError::NotFound) {
        return Failure::new(FailureId::DockerMissing, "docker is not installed")
            .evidence("there is no `docker` on the PATH")
            .into();
    }
    let unreachable = |line: &String| {
        line.contains("docker daemon") && (line.contains("Cannot connect") || line.contains("permission denied"))
    };
    match failure::of(&error) {
        Some(found) if found.id() == FailureId::CommandFailed && found.seen().iter().any(unreachable) => {
            not_running(&found.seen().join("\n"))
        }
        Some(found) if found.id() == FailureId::CommandDeadline => {
            Failure::new(FailureId::DockerNotRunning, "docker does not answer").evidence(found.summary()).into()
        }
        _ => error,
    }
}
