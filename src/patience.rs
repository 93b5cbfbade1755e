//! How long is waited for what, named by what it bounds; and the pace of polls (`POLL_…`), for what cannot be watched.

use std::time::Duration;

// ---- What a person waits for ----

/// A look must not take longer than a person, or a script that asks for it, waits.
pub(crate) const LOOK_OF_A_COMMAND: Duration = Duration::from_secs(9);

/// How long a command waits to be told where the release is, before it does without. A busy machine answers in a second or
/// two; one that cannot answer refuses at once.
pub(crate) const LOCATE_RELEASE: Duration = Duration::from_secs(3);

/// A command that takes longer than any of a lesson should is stopped.
pub(crate) const LESSON_COMMAND: Duration = Duration::from_secs(20 * 60);

/// Rows arrive on the other nodes within a fraction of a second, and a statement waits for nothing.
pub(crate) const LESSON_STATEMENT: Duration = Duration::from_secs(8);

/// Between two looks at a run that tells nothing of itself, such as `down`.
pub(crate) const POLL_OTHER_RUN: Duration = Duration::from_millis(500);

/// The longest that another run is waited for, if no shorter `--deadline` is given. No run of ours is that long.
pub(crate) const OTHER_RUN_ENDS: Duration = Duration::from_secs(2 * 60 * 60);

/// Between two looks for a run that has not begun: nothing can be watched before it is there.
pub(crate) const POLL_RUN_BEGINS: Duration = Duration::from_millis(200);

/// How long a thread that writes a file may go on when the run has ended.
pub(crate) const THREADS_END: Duration = Duration::from_secs(5);

/// The same when the end was asked for twice: the time that it takes to end the programs that were started.
pub(crate) const THREADS_END_AT_ONCE: Duration = Duration::from_millis(300);

// ---- Programs ----

/// A healthy engine answers questions in milliseconds, a busy one in seconds.
pub(crate) const DOCKER_ANSWERS: Duration = Duration::from_secs(30);

/// Removing a node with gigabytes in its volume takes a while.
pub(crate) const DOCKER_REMOVES: Duration = Duration::from_secs(120);

/// How long a docker that is being started is waited for. In dev containers it took up to a minute, with five attempts.
pub(crate) const DOCKER_STARTS: Duration = Duration::from_secs(3 * 60);

/// Between two questions: an engine that is not there yet tells nobody when it comes.
pub(crate) const POLL_DOCKER: Duration = Duration::from_millis(500);

/// A run that has ended does not wait longer for docker.
pub(crate) const RUN_IS_UNMARKED: Duration = Duration::from_secs(3);

/// Nor, beyond its deadline, than this.
pub(crate) const BEYOND_THE_DEADLINE: Duration = Duration::from_millis(500);

/// A Go program of a hundred megabytes on a cold disk.
pub(crate) const TOOL_TELLS_VERSION: Duration = Duration::from_secs(30);

/// How long before the deadline of its step helm's own time-out comes, or helm's words would be lost. That time-out begins when the
/// chart's hook does.
pub(crate) const HELM_ENDS_BEFORE: Duration = Duration::from_secs(60);

/// It asks nobody.
pub(crate) const GPG_VERIFIES: Duration = Duration::from_secs(60);

/// It asks a registry, or sigstore for the certificates of its authorities.
pub(crate) const COSIGN_VERIFIES: Duration = Duration::from_secs(180);

// ---- The cluster and its Kubernetes nodes ----

/// kind took 10 to 20 s here; a slow disk takes minutes.
pub(crate) const KIND_CREATES: Duration = Duration::from_secs(5 * 60);

/// A program that docker starts in a Kubernetes node; a busy machine takes seconds.
pub(crate) const NODE_ANSWERS: Duration = Duration::from_secs(30);

/// Between two looks into a cluster whose API server may not be there yet, which cannot be watched.
pub(crate) const POLL_CLUSTER: Duration = Duration::from_millis(500);

/// How long a cluster that exists gets to become ready before it counts as half-made. Starting a stopped one took
/// 10 to 20 s.
pub(crate) const CLUSTER_IS_READY: Duration = Duration::from_secs(90);

/// A virtual machine that has just been started sets its cluster up meanwhile. Shorter than the step's deadline, so that
/// what is lacking is told.
pub(crate) const ADOPTED_CLUSTER_IS_READY: Duration = Duration::from_secs(9 * 60);

/// Between two questions: an API server that is not there yet cannot be watched.
pub(crate) const POLL_API: Duration = Duration::from_millis(250);

/// A healthy API server answers in milliseconds, one that has just started in seconds.
pub(crate) const API_ANSWERS: Duration = Duration::from_secs(10);

/// How long an adopted cluster may refuse its administrator: while kubeadm is at work, it does so for a few seconds.
pub(crate) const ADOPTED_API_REFUSES: Duration = Duration::from_secs(20);

/// Between two looks whether kind has started a node.
pub(crate) const POLL_NODE_STARTS: Duration = Duration::from_millis(200);

/// Between two looks at nodes that are being made. What is looked for happens inside of them and cannot be watched.
pub(crate) const POLL_RUNTIME: Duration = Duration::from_millis(300);

/// How long a node that has answered before may be silent.
pub(crate) const BUSY_NODE_ANSWERS: Duration = Duration::from_secs(30);

/// Between two questions to kube-proxy's health check.
pub(crate) const POLL_SERVICES: Duration = Duration::from_millis(250);

/// kubeadm applies a dozen objects.
pub(crate) const KUBEADM_APPLIES_ADDON: Duration = Duration::from_secs(60);

/// Between a failure and its cause a person waits no longer.
pub(crate) const CAUSE_IS_FOUND: Duration = Duration::from_secs(5);

/// A pod that fails may come up by itself, as at the start of a cluster.
pub(crate) const ADDON_COMES_BY_ITSELF: Duration = Duration::from_secs(10);

/// After it was mended an addon has its first ready pod within this time, or a second run would see the same.
pub(crate) const ADDON_COMES_AFTER_REPAIR: Duration = Duration::from_secs(15);

// ---- Operators ----

/// Between two questions to a webhook, or looks at what is being removed.
pub(crate) const POLL_OPERATOR: Duration = Duration::from_millis(250);

/// Within this time a running operator tells its certificate to the API server by itself, if it does that at all: measured 4 s.
pub(crate) const WEBHOOK_COMES_BY_ITSELF: Duration = Duration::from_secs(10);

/// From when the operator is available. Within it a webhook has answered on every machine that was tried; beyond it a second
/// run would see the same.
pub(crate) const WEBHOOK_ANSWERS: Duration = Duration::from_secs(90);

/// For an operator that is not ours to mend: it may be starting.
pub(crate) const FOREIGN_OPERATOR_STARTS: Duration = Duration::from_secs(30);

// ---- Replication ----

/// Between two looks at the subscriptions: Spock shows its state in a function, which cannot be watched.
pub(crate) const POLL_SUBSCRIPTIONS: Duration = Duration::from_millis(500);

/// A statement that waits for nothing.
pub(crate) const STATEMENT: Duration = Duration::from_secs(30);

/// Subscriptions that are not up by now have a reason: a server that refuses Spock's plugin tries every five seconds.
pub(crate) const SUBSCRIPTIONS_START: Duration = Duration::from_secs(60);

/// What is left at least after the chart's job has run, however late that was: a worker is tried every five seconds.
pub(crate) const SUBSCRIPTIONS_START_AFTER_THE_CHART: Duration = Duration::from_secs(10);

/// How long a lack that could be of a moment must be seen before it counts: a worker makes its slot when it starts.
pub(crate) const LACK_IS_LASTING: Duration = Duration::from_secs(2);

/// How long the proof may take until every row has arrived. Measured lags are below 100 ms.
pub(crate) const ROWS_ARRIVE: Duration = Duration::from_secs(30);

/// What a statement that waits for rows may need beside that: a session, on a busy machine.
pub(crate) const SESSION_OPENS: Duration = Duration::from_secs(20);

/// How long is looked for why rows have not arrived: what was said is that it takes no longer.
pub(crate) const LATE_ROWS_ARE_EXPLAINED: Duration = Duration::from_secs(5);

/// How long a server is waited for of which the Kubernetes API says that it runs: after a restart that may be of before it.
pub(crate) const SERVER_ANSWERS: Duration = Duration::from_secs(10);
