//! The failures that we expect: each with a stable id, what was seen, and what to do about it.
//!
//! A [`Failure`] travels as an ordinary error (`anyhow` carries it upwards); what is not a `Failure` when it reaches
//! `main` is a defect of this program. The ids are an interface: scripts match on them, documentation names them.

use std::fmt;
use std::sync::OnceLock;

/// An expected way to fail.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    id: FailureId,
    summary: String,
    evidence: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// `summary`: what failed, in lower case, without a full stop.
    pub(crate) fn new(id: FailureId, summary: impl Into<String>) -> Self {
        Self { id, summary: summary.into(), evidence: Vec::new(), hint: None }
    }

    /// Adds what was seen: the words of a tool, a field of an object. Several lines become several pieces of evidence.
    #[must_use]
    pub(crate) fn evidence(mut self, seen: impl AsRef<str>) -> Self {
        self.evidence
            .extend(seen.as_ref().lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned));
        self
    }

    /// Replaces the id's general advice by one that fits better here.
    #[must_use]
    pub(crate) fn hint(mut self, advice: impl Into<String>) -> Self {
        self.hint = Some(advice.into());
        self
    }

    pub(crate) fn id(&self) -> FailureId {
        self.id
    }

    pub(crate) fn summary(&self) -> &str {
        &self.summary
    }

    pub(crate) fn seen(&self) -> &[String] {
        &self.evidence
    }

    /// What to do, with the commands as they must be typed for this run's cluster.
    pub(crate) fn advice(&self) -> String {
        let advice = self.hint.as_deref().unwrap_or_else(|| self.id.hint());
        let (mode, flag) = RUN_FLAGS.get().map_or((LOCAL, ""), |(mode, flag)| (*mode, flag.as_str()));
        let mut parts = advice.split('`');
        let mut shown = parts.next().unwrap_or_default().to_owned();
        for (number, part) in parts.enumerate() {
            let ours = number % 2 == 0 && part.starts_with("pgedge-bootstrap ") && !part.contains("versions");
            let part = if ours { part.replace(LOCAL, mode) } else { part.to_owned() };
            shown.push_str(&format!("`{part}{}", if ours { flag } else { "" }));
        }
        shown
    }
}

/// How the hints are written: as of a cluster that kind makes.
const LOCAL: &str = "--local";

/// What makes a cluster (`--local`), and ` --name NAME` if the run is not about the default cluster: hints would otherwise
/// send the person to another one.
static RUN_FLAGS: OnceLock<(&str, String)> = OnceLock::new();

/// Tells once what the person typed to name the cluster, for the commands in hints.
pub(crate) fn name_the_run(mode: &'static str, cluster: String) {
    // A second call in one process could only say the same.
    let _ = RUN_FLAGS.set((mode, cluster));
}

/// The summary: what an error chain shows. Id, evidence and hint are the reporters' to lay out.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.summary)
    }
}

impl std::error::Error for Failure {}

macro_rules! failures {
    ($($name:ident $id:literal $hint:literal)*) => {
        /// The id of an expected failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum FailureId { $($name),* }

        impl FailureId {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id),* }
            }

            /// What to do when nothing better is known at the place of the failure.
            fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint),* }
            }
        }
    };
}

failures! {
    // The machine.
    PlatformUnsupported "platform-unsupported"
        "run this on linux or macOS, on an amd64 or arm64 processor"
    DockerMissing "docker-missing"
        "install docker (https://docs.docker.com/engine/install/) and run this again"
    DockerNotRunning "docker-not-running"
        "start docker and run this again; `docker info` shows whether it answers"
    DockerForbidden "docker-forbidden"
        "join docker's group (`sudo usermod -aG docker $USER`, then log in again), or use sudo"
    DiskFull "disk-full"
        "free some space and run this again: what is already there is kept and used"
    DirectoryNotWritable "directory-not-writable"
        "make the directory writable, or name another one"
    FileForeign "file-foreign"
        "move it away, or name another --bin-dir: what this program did not place it does not replace"
    // Bytes.
    PinsInvalid "pins-invalid"
        "the file must have the layout of `pgedge-bootstrap versions --output json`"
    ChecksumMismatch "checksum-mismatch"
        "the file was thrown away and nothing of it was run; a proxy or a mirror may have altered it: try again, or another network or --mirror"
    DownloadFailed "download-failed"
        "check the network and the proxy (HTTPS_PROXY, NO_PROXY), or name a --mirror; a partial download is kept and resumed"
    DownloadNotAFile "download-not-a-file"
        "a proxy or a login page answered in the place of the server: set HTTPS_PROXY, or name a --mirror"
    CertificateUntrusted "certificate-untrusted"
        "if your network inspects TLS, give its certificate authority with --ca-file FILE or SSL_CERT_FILE"
    ArchiveInvalid "archive-invalid"
        "remove the file that is named above and run this again"
    ToolBroken "tool-broken"
        "remove the file that is named above and run this again; on a noexec file system, name another --bin-dir"
    // The cluster.
    ClusterCreateFailed "cluster-create-failed"
        "running this again removes what is left and tries anew"
    ClusterForeign "cluster-foreign"
        "choose another --name; this program never changes a cluster that it did not make"
    ClusterNotReady "cluster-not-ready"
        "run this again, for a machine that is busy needs longer; `docker logs` of the Kubernetes node may tell more, and removing the cluster with `down` loses its data"
    ShapeDiffers "shape-differs"
        "give the numbers that the cluster was made with, or another --name"
    KubeconfigInvalid "kubeconfig-invalid"
        "correct the file that is named above; one that this program has written may be removed, and is written again"
    ClusterMissing "cluster-missing"
        "`pgedge-bootstrap --local` makes it"
    ImagePullFailed "image-pull-failed"
        "check that the registry can be reached from this machine, or name a --registry-mirror HOST=URL"
    // What runs in the cluster.
    KubernetesAway "kubernetes-away"
        "the Kubernetes API may be restarting: `pgedge-bootstrap status` shows what is running, and running this again continues from what is there"
    KubernetesRefused "kubernetes-refused"
        "`pgedge-bootstrap status` shows what is running"
    OperatorForeign "operator-foreign"
        "use the version that is pinned here, or another cluster"
    ReleaseFailed "release-failed"
        "`pgedge-bootstrap status` shows the nodes; running this again tries the chart again"
    NodeMissing "node-missing"
        "`pgedge-bootstrap status` shows the nodes; give --nodes and --namespace as the cluster was made with"
    NodeBroken "node-broken"
        "`kubectl cnpg status CLUSTER` shows more; `pgedge-bootstrap env` prints what makes kubectl work here"
    NodeUnschedulable "node-unschedulable"
        "give docker more memory or CPU, or remove other things from the cluster"
    NodeOutOfMemory "node-out-of-memory"
        "its memory limit is too low for what it does: raise the limit"
    ReplicationDown "replication-down"
        "the log of the pod shows why: `kubectl logs CLUSTER-1`; `pgedge-bootstrap env` prints what makes kubectl work here"
    ProofFailed "proof-failed"
        "`pgedge-bootstrap status` shows the subscriptions; `pgedge-bootstrap prove` tries again"
    SqlFailed "sql-failed"
        "`pgedge-bootstrap status` shows the nodes"
    // Lessons.
    TerminalMissing "terminal-missing"
        "run it in a terminal, or add --yes, which runs every command of the lesson without asking"
    LessonNotPrepared "lesson-not-prepared"
        "`pgedge-bootstrap --local --until operators` prepares a cluster for it"
    LessonFailed "lesson-failed"
        "`pgedge-bootstrap guide` goes on where this stopped"
    // The run itself.
    CommandFailed "command-failed"
        "the command that is shown can be run by hand"
    CommandDeadline "command-deadline"
        "the machine may be overloaded; running this again continues where it stopped"
    StepDeadline "step-deadline"
        "running this again continues where it stopped"
    RunDeadline "run-deadline"
        "running this again continues where it stopped; give a longer --deadline, or none"
    StepDoesNotHold "step-does-not-hold"
        "`pgedge-bootstrap --local` makes it true"
    RunInProgress "run-in-progress"
        "wait for it to end, or stop that process"
    RunInterrupted "run-interrupted"
        "`pgedge-bootstrap --local` continues from what is there"
    RunLost "run-lost"
        "`pgedge-bootstrap --local` continues from what is there"
    RunSilent "run-silent"
        "`pgedge-bootstrap status` shows what is running; if the process does not go on, end it and run `pgedge-bootstrap --local` again"
    RunMissing "run-missing"
        "`pgedge-bootstrap --local` starts one"
    WaitDeadline "wait-deadline"
        "the run goes on: `pgedge-bootstrap wait` waits for it again"
}

impl fmt::Display for FailureId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The failure in an error's chain, if it has one.
pub(crate) fn of(error: &anyhow::Error) -> Option<&Failure> {
    error.downcast_ref::<Failure>()
}

/// What is not there need not be removed.
pub(crate) fn ignore_missing(removed: std::io::Result<()>) -> anyhow::Result<()> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(from_io(error)),
        _ => Ok(()),
    }
}

/// Turns "no space left on device", wherever it strikes, into the failure that says so; other errors pass unchanged.
pub(crate) fn from_io(error: std::io::Error) -> anyhow::Error {
    use std::io::ErrorKind;
    let id = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FailureId::DiskFull,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureId::DirectoryNotWritable,
        _ => return error.into(),
    };
    let summary = match id {
        FailureId::DiskFull => "no space is left on the disk",
        _ => "a file cannot be written",
    };
    Failure::new(id, summary).evidence(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_spelt_alike() {
        let ids: BTreeSet<&str> = FailureId::ALL.iter().map(|id| id.as_str()).collect();
        assert_eq!(ids.len(), FailureId::ALL.len());
        for id in ids {
            assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        }
    }

    #[test]
    fn a_hint_is_advice_and_no_sentence_end() {
        for id in FailureId::ALL {
            assert!(!id.hint().is_empty() && !id.hint().ends_with('.'), "{id}: {}", id.hint());
        }
    }

    #[test]
    fn a_full_disk_is_recognised_in_an_io_error() {
        let error = from_io(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(of(&error).map(Failure::id), Some(FailureId::DiskFull));
    }

    #[test]
    fn a_failure_is_found_under_its_context() {
        let error = anyhow::Error::new(Failure::new(FailureId::DiskFull, "full")).context("while writing");
        assert_eq!(of(&error).map(Failure::id), Some(FailureId::DiskFull));
    }
}
