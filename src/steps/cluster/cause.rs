//! Why kind could not create a cluster: what stands behind its command, and what helps.

use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::process::reasons;

use crate::tools::docker;

/// What kept kind from creating a cluster, as far as its words tell.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// Another container has the name of a node.
    NameTaken(String),
    /// Another program has the port that was chosen.
    PortTaken,
    /// The image is for another processor than the engine's.
    Platform,
    DiskFull,
    OutOfMemory,
    /// The node's systemd cannot watch files: a limit of the whole machine.
    Watches,
    /// The node's systemd never said that it had started.
    NotBooted,
    Cgroups,
    /// Nodes are privileged containers.
    Privileges,
    AddressPools,
    Pull,
    /// Something was not ready in time.
    Slow,
    Unknown,
}

/// A failed creation.
#[derive(Debug)]
pub(super) struct Told {
    cause: Cause,
    evidence: Vec<String>,
    /// Docker itself failed.
    docker: Option<Failure>,
}

/// Reads what kind printed on its standard error.
pub(super) fn of(words: &str) -> Told {
    let error = words.lines().find_map(|line| line.strip_prefix("ERROR: ")).map(without_command);
    let output = words.split_once("Command Output:").map(|(_, behind)| behind).unwrap_or_default();
    let output: Vec<&str> = output
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Stack Trace:"))
        // docker prints the id of a container that it could not start.
        .filter(|line| !(line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit())))
        .collect();
    // Of kubeadm's hundred lines of progress, those of its checks say it all.
    let checks: Vec<&str> = output.iter().copied().filter(|line| line.contains("[ERROR ")).collect();
    let told = if checks.is_empty() { reasons(&output.join("\n")) } else { checks.join("\n") };
    let mut evidence: Vec<String> = told.lines().map(str::to_owned).collect();
    match error {
        Some(error) => evidence.push(format!("kind: {error}")),
        None if evidence.is_empty() => evidence.extend(reasons(words).lines().map(str::to_owned)),
        None => {}
    }
    let text = evidence.join("\n");
    Told { cause: Cause::of(&text), docker: docker::told(&text), evidence }
}

/// `failed to create cluster: command "docker run --name … (700 letters)" failed with error: exit status 125` without what
/// was typed.
fn without_command(error: &str) -> String {
    let parts = error.split_once("command \"").and_then(|(before, rest)| {
        let (command, after) = rest.split_once("\" failed with error: ")?;
        Some((before, command, after))
    });
    let Some((before, command, after)) = parts else { return error.to_owned() };
    let words: Vec<&str> = command.split_whitespace().collect();
    let program = match words.iter().position(|word| *word == "kubeadm") {
        Some(kubeadm) => &words[kubeadm..words.len().min(kubeadm + 2)],
        None => &words[..words.len().min(2)],
    };
    format!("{before}`{}` failed: {after}", program.join(" "))
}

impl Cause {
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let any = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        if any(&["is already in use by container", "already exist for a cluster with the name"]) {
            let name = text.split_once("container name \"/").and_then(|(_, rest)| rest.split('"').next());
            Self::NameTaken(name.unwrap_or_default().to_owned())
        } else if any(&["no space left on device", "disk quota exceeded"]) {
            Self::DiskFull
        } else if any(&["port is already allocated", "address already in use", "ports are not available"]) {
            Self::PortTaken
        } else if any(&["specified platform", "no match for platform", "no matching manifest", "exec format error"]) {
            Self::Platform
        } else if any(&["all predefined address pools", "non-overlapping ipv4 address pool"]) {
            Self::AddressPools
        } else if any(&["too many open files"]) {
            Self::Watches
        } else if any(&["reached target .*multi-user"]) {
            Self::NotBooted
        } else if any(&[
            "privileged mode is incompatible",
            "requires setting systemd property",
            "operation not permitted",
        ]) {
            Self::Privileges
        } else if any(&["cgroup"]) {
            Self::Cgroups
        } else if any(&["cannot allocate memory", "exit status 137", "signal: killed", "[error mem]"]) {
            Self::OutOfMemory
        } else if any(&["failed to pull image", "toomanyrequests"]) {
            Self::Pull
        } else if any(&["timed out", "deadline exceeded", "is not healthy", "could not find a log line"]) {
            Self::Slow
        } else {
            Self::Unknown
        }
    }

    fn id(&self) -> FailureId {
        match self {
            Self::DiskFull => FailureId::DiskFull,
            Self::Pull => FailureId::ImagePullFailed,
            _ => FailureId::ClusterCreateFailed,
        }
    }

    /// What helps; `None` where the id's own advice does.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NameTaken(name) if name.is_empty() => "choose another --name".to_owned(),
            Self::NameTaken(name) => format!(
                "choose another --name; or, if nobody needs that container, `docker rm --force --volumes {name}` removes it with \
                 its data"
            ),
            Self::PortTaken => "another program took the port in that moment: running this again takes another one".to_owned(),
            Self::Platform => "docker must run on an amd64 or arm64 processor of its own kind; if the image was pulled for another \
                               one, `docker image rm` removes it, and running this again pulls it again"
                .to_owned(),
            Self::AddressPools => "docker has no addresses left for a network: remove networks that nobody needs (`docker network \
                                   ls`), then run this again"
                .to_owned(),
            Self::NotBooted => "the Kubernetes node did not start up: its container's `docker logs` shows why; where that says too \
                                many open files, `sudo sysctl fs.inotify.max_user_instances=512 \
                                fs.inotify.max_user_watches=524288` helps, otherwise look at the node image in --pins"
                .to_owned(),
            Self::Watches => "raise the machine's limits, `sudo sysctl fs.inotify.max_user_instances=512 \
                              fs.inotify.max_user_watches=524288`, then run this again"
                .to_owned(),
            Self::Cgroups => "the engine's machine lacks the control groups that Kubernetes needs: `docker info` shows their \
                              version; update docker, or boot with cgroup v2, then run this again"
                .to_owned(),
            Self::Privileges => "Kubernetes nodes are privileged containers: the engine must allow them (no userns-remap; rootless \
                                 docker needs what https://kind.sigs.k8s.io/docs/user/rootless/ says), then run this again"
                .to_owned(),
            Self::OutOfMemory => "give docker more memory, or stop other things, then run this again".to_owned(),
            Self::Slow => "running this again removes what is left and starts over; a busy machine needs longer".to_owned(),
            Self::DiskFull | Self::Pull | Self::Unknown => return None,
        };
        Some(hint)
    }
}

impl Told {
    pub(super) fn into_failure(self) -> Failure {
        if let Some(failure) = self.docker {
            return failure;
        }
        let failure =
            Failure::new(self.cause.id(), "kind could not create the cluster").evidence(self.evidence.join("\n"));
        match self.cause.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests;
