//! The table of the failures: each id, the layer that it is of, and what to do when nothing better is known.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hint::{Hint, Ours, hint};
use crate::step::Stage;

macro_rules! failures {
    ($($(#[$about:meta])* $layer:ident { $($(#[$meaning:meta])* $name:ident $id:literal [$($hint:expr),+])* })*) => {
        /// What a failure is about. The order is that of causes: what is wrong in one layer makes those after it fail, so of
        /// failures of the same moment the one of the first layer is told first. Within a layer the order of the ids means nothing.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Layer {
            $($(#[$about])* $layer,)*
            /// What another version of this program told, which had no such layer.
            #[default]
            #[serde(other)]
            Unknown,
        }

        /// The id of a failure. Each says when it is told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailureId {
            $($($(#[$meaning])* $name,)*)*
        }

        impl FailureId {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$($(Self::$name,)*)*];

            /// As programs read it: an interface.
            pub fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $id,)*)* }
            }

            pub(super) fn layer(self) -> Layer {
                match self { $($(Self::$name => Layer::$layer,)*)* }
            }

            /// What to do when nothing better is known at the place of the failure.
            pub(super) fn hint(self) -> Hint {
                match self { $($(Self::$name => hint![$($hint),+],)*)* }
            }
        }

        #[cfg(test)]
        impl Layer {
            pub(super) const ALL: &[Self] = &[$(Self::$layer,)*];
        }
    };
}

failures! {
    /// What a person gave: options, variables, files that they name.
    Given {
        /// A mistake in the command line, or in a variable in the place of an option. The exit code is 2.
        UsageInvalid "usage-invalid"
            ["`--help` in the place of what is wrong shows what can be typed"]
        /// A file of pins that was given cannot be used.
        PinsInvalid "pins-invalid"
            ["the file must have the layout of ", Ours::Pins]
        /// A stack that was given cannot be used.
        StackInvalid "stack-invalid"
            ["the file must have the layout of ", Ours::Stack]
        /// The checksum of a file that is needed is not pinned yet.
        PinUnknown "pin-unknown"
            [Ours::PinsCheck, " tells what upstream publishes now"]
        /// A variable names a proxy that cannot be used, such as `HTTPS_PROXY`.
        ProxyInvalid "proxy-invalid"
            ["write the proxy like http://proxy.example:3128, or unset its variable"]
        /// The cluster or the release has other numbers than were asked for, and they cannot be changed.
        ShapeDiffers "shape-differs"
            ["give the numbers that the cluster was made with, or another --name"]
        /// The cluster has more than one release of pgEdge, and none was named.
        ReleaseAmbiguous "release-ambiguous"
            ["give --namespace with one of them"]
        /// A command that asks a person has no terminal.
        TerminalMissing "terminal-missing"
            ["run it in a terminal, or add --yes, which runs every command of the lesson without asking"]
    }
    /// This machine: its system, its disks, the directories on them.
    Machine {
        /// This process, or the machine, may not have as many files open as a run needs.
        OpenFilesLimited "open-files-limited"
            ["`ulimit -n` shows how many files a program may have open: raise it and run this again"]
        /// Nothing is pinned for this system and processor.
        PlatformUnsupported "platform-unsupported"
            ["run this on linux or macOS, on an amd64 or arm64 processor"]
        /// `HOME` is not set, and an XDG variable that would do in its place is not set either.
        HomeMissing "home-missing"
            ["set HOME to a directory of yours, or each of XDG_STATE_HOME, XDG_CACHE_HOME and XDG_DATA_HOME"]
        /// A disk, a quota or a limit of the size of files leaves no room.
        DiskFull "disk-full"
            ["free some space and run this again: what is already there is kept and used"]
        /// A file or directory cannot be made or written where it has to be.
        DirectoryNotWritable "directory-not-writable"
            ["make the directory writable, or name another one"]
        /// The file system of a lock has no locks.
        LockUnsupported "lock-unsupported"
            ["name a directory on another file system: XDG_STATE_HOME for clusters, XDG_CACHE_HOME for downloads; some network file systems need to be mounted with locks"]
    }
    /// Docker.
    Engine {
        /// There is no program `docker`.
        DockerMissing "docker-missing"
            ["install docker (https://docs.docker.com/engine/install/) and run this again"]
        /// There is a `docker`, and it cannot be run, or answers nothing that can be read.
        DockerBroken "docker-broken"
            ["see that the first `docker` on the PATH that can be run is docker's own, or install docker (https://docs.docker.com/engine/install/), and run this again"]
        /// `docker` is another engine's, or a wrapper, and not docker's own.
        DockerForeign "docker-foreign"
            ["install docker (https://docs.docker.com/engine/install/), and see that it is the first `docker` on the PATH"]
        /// docker's client is set up so that it cannot ask an engine.
        DockerMisconfigured "docker-misconfigured"
            ["`docker context ls` shows which engine is asked; correct it and run this again"]
        /// No engine answers.
        DockerNotRunning "docker-not-running"
            ["start docker and run this again; `docker info` shows whether it answers"]
        /// This person may not use the engine.
        DockerForbidden "docker-forbidden"
            ["join docker's group (`sudo usermod -aG docker $USER`, then log in again), or use sudo"]
    }
    /// What is fetched, and the way to it.
    Network {
        /// A certificate is not valid at this time, by this machine's clock.
        CertificateDate "certificate-date"
            ["if the clock is wrong, set it (`sudo timedatectl set-ntp true`; in WSL `sudo hwclock -s`) and run this again; if it is right, the server's certificate has run out"]
        /// A certificate is signed by nobody who is trusted here, or the authorities that were given cannot be used.
        CertificateUntrusted "certificate-untrusted"
            ["if your network inspects TLS, give its certificate authority with --ca-file FILE or SSL_CERT_FILE"]
        /// An address answered with a web page, or with something that does not end.
        DownloadNotAFile "download-not-a-file"
            ["a proxy or a login page answered in the place of the server: set HTTPS_PROXY, or name a --mirror"]
        /// An address did not give what was asked for, however often it was asked.
        DownloadFailed "download-failed"
            ["check the network and the proxy (HTTPS_PROXY, NO_PROXY), or name a --mirror; a partial download is kept and resumed"]
        /// A file that was downloaded is not the pinned one.
        ChecksumMismatch "checksum-mismatch"
            ["the file was thrown away and nothing of it was run; a proxy or a mirror may have altered it: try again, or another network or --mirror"]
    }
    /// The programs of others that were put here.
    Tools {
        /// A program cannot be taken out of its archive.
        ArchiveInvalid "archive-invalid"
            ["remove the file that is named above and run this again"]
        /// A file that this program did not write is where one of its own has to be.
        FileForeign "file-foreign"
            ["move it away, or name another --bin-dir: what this program did not place it does not replace"]
        /// A program that was put here cannot be run, or has another version than its pin.
        ToolBroken "tool-broken"
            ["remove the file that is named above and run this again; on a noexec file system, name another --bin-dir"]
    }
    /// The machines of the cluster: whether they are there, whose they are, and who may use them.
    KubernetesNodes {
        /// A cluster, network or volume of this name belongs to somebody else.
        ClusterForeign "cluster-foreign"
            ["choose another --name; if it was yours and that HOME is lost, ", Ours::TakeOver, " shows what it would remove"]
        /// Containers that are not ours keep the network from being removed.
        NetworkInUse "network-in-use"
            ["stop what is named above, or take it off the network (`docker network disconnect`), and run this again"]
        /// A removal that is meant for another owner's cluster finds one that is the person's own.
        RemovalUnconfirmed "removal-unconfirmed"
            [Ours::Down, " removes it, with all data in it"]
        /// There is no cluster of this name.
        ClusterMissing "cluster-missing"
            [Ours::Up, " makes it"]
        /// kind could not make the cluster.
        ClusterCreateFailed "cluster-create-failed"
            ["repair what the message above names; running this again removes what is left and starts over"]
        /// The cluster is there, and something of it does not become ready.
        ClusterNotReady "cluster-not-ready"
            ["run this again, because a busy machine needs longer; `docker logs` of the Kubernetes node may show more, and removing the cluster with `down` loses its data"]
        /// A kubeconfig cannot be used.
        KubeconfigInvalid "kubeconfig-invalid"
            ["correct the file that is named above; one that this program has written may be removed, and is written again"]
        /// What gives the credentials of a kubeconfig does not give them.
        CredentialsFailed "credentials-failed"
            ["log in as the kubeconfig's user does, and see that `kubectl get nodes` works with the same kubeconfig"]
        /// A kubeconfig leads to another cluster than the one that was adopted, or that kind made.
        ClusterChanged "cluster-changed"
            ["put the kubeconfig back as it was; ", Ours::Down, " forgets the adopted cluster and changes nothing in it"]
        /// The kubeconfig's user may not do what the run needs.
        PermissionsMissing "permissions-missing"
            ["use a kubeconfig of an administrator; `kubectl auth can-i --list` shows what this one's user may do"]
    }
    /// What every workload of the cluster needs: its API, and its images.
    ClusterServices {
        /// An image cannot be pulled, or cannot be copied to a Kubernetes node.
        ImagePullFailed "image-pull-failed"
            ["check that the registry can be reached from this machine, or name a --registry-mirror HOST=URL"]
        /// The Kubernetes API does not answer at this moment. The engine repeats what fails with this.
        KubernetesAway "kubernetes-away"
            ["the Kubernetes API may be restarting: ", Ours::Status, " shows what is running, and running this again continues from what is there"]
        /// The Kubernetes API said no.
        KubernetesRefused "kubernetes-refused"
            [Ours::Status, " shows what is running"]
    }
    /// cert-manager and CloudNativePG.
    Operators {
        /// An operator is there that this program did not install, and that cannot be used.
        OperatorForeign "operator-foreign"
            ["use the version that is pinned here, or another cluster"]
        /// An operator that this program did not install does not work.
        OperatorBroken "operator-broken"
            [Ours::Verify, " shows which operator, and what it lacks"]
    }
    /// The release of the chart.
    Release {
        /// helm could not install or upgrade the release, or one that is being uninstalled does not go.
        ReleaseFailed "release-failed"
            [Ours::Status, " shows the nodes; running this again tries the chart again"]
    }
    /// The Postgres nodes.
    Nodes {
        /// A pgEdge node is not there, or has no primary.
        NodeMissing "node-missing"
            [Ours::Status, " shows the nodes; give --nodes and --namespace as the cluster was made with"]
        /// No Kubernetes node has room for a pgEdge node, or may take it.
        NodeUnschedulable "node-unschedulable"
            ["give docker more memory or CPU, or remove other things from the cluster"]
        /// A container of a pgEdge node was ended by its memory limit.
        NodeOutOfMemory "node-out-of-memory"
            ["its memory limit is too low for what it does: raise the limit"]
        /// A pgEdge node, or a pod of it, fails and does not recover by itself.
        NodeBroken "node-broken"
            ["`kubectl cnpg status CLUSTER` shows more; ", Ours::Env, " prints what makes kubectl work here"]
    }
    /// What goes from node to node.
    Replication {
        /// Subscriptions do not replicate, or cannot be read.
        ReplicationDown "replication-down"
            [Ours::Status, " shows the subscriptions; ", Ours::Env, " prints what makes kubectl work here"]
        /// Rows are never sent to a node.
        RowsMissing "rows-missing"
            [Ours::Status, " shows what is not sent, and to which nodes"]
        /// Spock has thrown transactions away, which is a difference between nodes.
        TransactionsDiscarded "transactions-discarded"
            [Ours::Status, " shows what, and on which nodes"]
        /// A statement failed on a pgEdge node.
        SqlFailed "sql-failed"
            [Ours::Status, " shows the nodes"]
    }
    /// The replication proof.
    Proof {
        /// A row that was written on a node was not read on another, or the proof could not come to its end.
        ProofFailed "proof-failed"
            [Ours::Status, " shows the subscriptions; ", Ours::Prove, " tries again"]
    }
    /// A lesson.
    Lesson {
        /// The cluster lacks what the lesson begins with.
        LessonNotPrepared "lesson-not-prepared"
            [Ours::UpUntil(Stage::Operators), " prepares a cluster for it"]
        /// A command of the lesson failed, or what its step makes true does not hold.
        LessonFailed "lesson-failed"
            [Ours::Guide, " continues where this stopped"]
    }
    /// The run as a whole: its time, its process, another run.
    Run {
        /// A program could not be started, ended badly, or printed what is no answer.
        CommandFailed "command-failed"
            ["the command that is shown can be run by hand"]
        /// A program was still running at its deadline.
        CommandDeadline "command-deadline"
            ["the machine may be overloaded; running this again continues where it stopped"]
        /// A step was not true at its deadline.
        StepDeadline "step-deadline"
            ["running this again continues where it stopped"]
        /// The deadline of the run has passed, whatever it waited for.
        RunDeadline "run-deadline"
            ["running this again continues where it stopped; give a longer --deadline, or none"]
        /// A step does not hold: after everything was done for it, or where a command needs it and does not make it true.
        StepDoesNotHold "step-does-not-hold"
            [Ours::Up, " makes it true"]
        /// Another run has the lock of the cluster, or what an earlier one started has it.
        RunInProgress "run-in-progress"
            ["wait for it to end, or stop that process"]
        /// A person, or the system, stopped the run.
        RunInterrupted "run-interrupted"
            [Ours::Up, " continues from what is there"]
        /// The process of the run that is waited for is gone.
        RunLost "run-lost"
            [Ours::Up, " continues from what is there"]
        /// The process of the run that is waited for is there, and gives no sign of life.
        RunSilent "run-silent"
            [Ours::Status, " shows what is running; if the process does not continue, end it and run ", Ours::Up, " again"]
        /// There is no run to wait for.
        RunMissing "run-missing"
            [Ours::Up, " starts one"]
        /// The run that is waited for goes on, and the time to wait is over.
        WaitDeadline "wait-deadline"
            ["the run continues: ", Ours::Wait, " waits for it again"]
    }
    /// This program itself.
    Program {
        /// An error that is no [`Failure`](super::Failure) reached the end of a command or step.
        Unexpected "unexpected"
            ["this is a defect of pgedge-bootstrap: please report it with this output"]
        /// This program panicked.
        Defect "defect"
            ["please report this with the log; running the same command again continues from here"]
    }
}

impl fmt::Display for FailureId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FailureId::*;
    use super::*;
    use crate::failure::Invocation;

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
            let hint = id.hint().in_words(&Invocation::default());
            assert!(!hint.is_empty() && !hint.ends_with('.'), "{id}: {hint}");
        }
    }

    #[test]
    fn a_cause_is_of_an_earlier_layer_than_what_it_makes_fail() {
        for (cause, effect) in [
            (PinsInvalid, ChecksumMismatch),
            (ProxyInvalid, DownloadFailed),
            (DiskFull, DockerNotRunning),
            (DiskFull, DownloadFailed),
            (DiskFull, ToolBroken),
            (DirectoryNotWritable, DownloadFailed),
            (DockerMissing, ClusterMissing),
            (DockerNotRunning, ClusterNotReady),
            (DockerNotRunning, KubernetesAway),
            (DockerForbidden, ClusterCreateFailed),
            (CertificateUntrusted, ToolBroken),
            (DownloadFailed, ImagePullFailed),
            (ChecksumMismatch, ToolBroken),
            (ToolBroken, ClusterCreateFailed),
            (ClusterForeign, KubernetesAway),
            (ClusterNotReady, KubernetesAway),
            (ClusterNotReady, ImagePullFailed),
            (CredentialsFailed, KubernetesRefused),
            (PermissionsMissing, KubernetesRefused),
            (ImagePullFailed, OperatorBroken),
            (KubernetesAway, OperatorBroken),
            (KubernetesRefused, ReleaseFailed),
            (OperatorBroken, ReleaseFailed),
            (ReleaseFailed, NodeMissing),
            (NodeUnschedulable, ReplicationDown),
            (NodeOutOfMemory, SqlFailed),
            (NodeBroken, ReplicationDown),
            (ReplicationDown, ProofFailed),
            (TransactionsDiscarded, ProofFailed),
            (ProofFailed, LessonFailed),
            // A deadline is where somebody waited, not why.
            (DockerNotRunning, CommandDeadline),
            (NodeBroken, StepDeadline),
            (DownloadFailed, RunDeadline),
            // What nobody expected is often the echo of what somebody did.
            (RunDeadline, Unexpected),
        ] {
            assert!(cause.layer() < effect.layer(), "{cause} ({:?}), {effect} ({:?})", cause.layer(), effect.layer());
        }
    }

    #[test]
    fn the_layers_are_documented_in_their_order() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
        let document = fs_err::read_to_string(document).unwrap_or_default();
        let names: Vec<String> = Layer::ALL.iter().map(|layer| format!("`{}`", word(*layer))).collect();
        assert!(document.contains(&names.join(", ")), "docs/events.md does not list {}", names.join(", "));
    }

    #[test]
    fn a_layer_of_another_version_is_read() {
        let read = |text: &str| serde_json::from_str::<Layer>(text).ok();
        assert_eq!((read("\"engine\""), read("\"orbit\"")), (Some(Layer::Engine), Some(Layer::Unknown)));
    }

    fn word(layer: Layer) -> String {
        serde_json::to_value(layer).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }
}
