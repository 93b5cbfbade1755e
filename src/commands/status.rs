//! `status`: what is running, and how to connect to it.

use anyhow::Result;
use bootstrap_cluster::verdict::Verdict as Health;
use bootstrap_run::failure::{Failure, FailureId, Invocation, Report, first_cause};
use bootstrap_run::run_state::RunState;
use bootstrap_screen::ui;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::Verdict;
use super::finding::Finding;
use super::last_run::LastRun;
use super::look;
use crate::cli::{Output, Status};
use crate::context::Context;
use crate::options::Options;
use crate::patience;
use crate::replication::{Mesh, Subscription, in_megabytes};
use crate::stack::OperatorName;
use crate::step_id::StepId;
use crate::steps::{self, NodeHealth};

pub(super) async fn run(arguments: &Status, given: &Invocation) -> Result<Verdict> {
    let context = super::located_context(&arguments.common, Some(&arguments.shape), given).await?;
    // A file of another form, which another version of this program wrote, tells nothing here.
    let last = RunState::read(&context.places.status).ok().flatten().map(LastRun::new);
    let seen = Seen::look(&context).await?;
    match arguments.common.output {
        Output::Json => {
            let document = json!({
                "schema": 1,
                "ok": seen.is_good(&context),
                "run": last.as_ref().map(LastRun::json),
                "name": context.options.name.as_str(),
                "kubeconfig": context.places.kubeconfig.display().to_string(),
                "cluster": seen.cluster,
                "operators": seen.operators,
                "nodes": seen.nodes().iter().map(|node| node_json(&context, node)).collect::<Vec<_>>(),
                "subscriptions": seen.subscriptions(),
                "discarded": seen.mesh.as_ref().map(|mesh| &mesh.discarded[..]).unwrap_or_default(),
                "unsent": seen.mesh.as_ref().map(|mesh| &mesh.unsent[..]).unwrap_or_default(),
                "unknown": seen.unknown(),
                "failure": seen.failure(&context).or_else(|| seen.lack(&context)),
            });
            ui::print(&format!("{document}\n"))?;
        }
        Output::Text => {
            let last = last.as_ref().and_then(LastRun::text).unwrap_or_default();
            ui::print(&(last + &seen.text(&context)))?;
        }
    }
    Ok(if seen.is_good(&context) { Verdict::Good } else { Verdict::Bad })
}

/// What could be seen, and of the rest why not: what cannot be asked is not missing.
struct Seen {
    cluster: Finding,
    operators: IndexMap<OperatorName, Finding>,
    nodes: Result<Vec<NodeHealth>, Finding>,
    mesh: Result<Mesh, Finding>,
    /// What keeps the nodes from replicating, is never sent or was thrown away.
    replication: Option<Failure>,
}

impl Seen {
    async fn look(context: &Context) -> Result<Self> {
        let operators = context.stack.operator_names().map(async |name| {
            let finding = Finding::of(context, StepId::Operator(name)).await?;
            Ok::<_, anyhow::Error>((name, finding))
        });
        let (cluster, operators, nodes, mesh) = tokio::try_join!(
            Finding::of(context, StepId::Cluster),
            futures::future::try_join_all(operators),
            asked(context, StepId::Nodes, steps::node_health(context)),
            asked(context, StepId::Replication, steps::replication_mesh(context)),
        )?;
        // Whoever asks a cluster that is not there, or not ours, learns less than that.
        let cause = match &cluster {
            cluster if cluster.is_missing() => Some(Finding::missing("there is no cluster")),
            cluster if cluster.failed() && (nodes.is_err() || is_anothers(cluster)) => Some(cluster.clone()),
            _ => None,
        };
        let nodes = match &cause {
            Some(cause) => Err(cause.clone()),
            None => nodes,
        };
        let (mesh, replication) = match (cause, mesh) {
            (Some(cause), _) => (Err(cause), None),
            (None, Ok((mesh, failure))) => (Ok(mesh), failure),
            (None, Err(why)) => (Err(why), None),
        };
        Ok(Self { cluster, operators: operators.into_iter().collect(), nodes, mesh, replication })
    }

    fn nodes(&self) -> &[NodeHealth] {
        self.nodes.as_deref().unwrap_or_default()
    }

    fn subscriptions(&self) -> &[Subscription] {
        self.mesh.as_ref().map(|mesh| &mesh.subscriptions[..]).unwrap_or_default()
    }

    fn replicating(&self) -> usize {
        self.subscriptions().iter().filter(|subscription| subscription.replicates()).count()
    }

    fn is_good(&self, context: &Context) -> bool {
        self.cluster.holds()
            && self.operators.values().all(Finding::holds)
            && !self.nodes().is_empty()
            && self.nodes().iter().all(|node| matches!(node.verdict, Health::Ready(_)))
            && self.replicating() == context.ordered_pairs()
            && self.mesh.as_ref().is_ok_and(|mesh| mesh.discarded.is_empty() && mesh.unsent.is_empty())
    }

    /// Why the nodes and the subscriptions are not shown: a finding of each, null where they are known.
    fn unknown(&self) -> Value {
        json!({"nodes": self.nodes.as_ref().err(), "subscriptions": self.mesh.as_ref().err()})
    }

    /// The first that is wrong, in the order of causes.
    fn failure(&self, context: &Context) -> Option<Report> {
        if self.cluster.is_missing() {
            let what = format!("there is no cluster {:?}", context.options.name.as_str());
            return Some(Report::of_failure(&Failure::new(FailureId::ClusterMissing, what), &context.invocation));
        }
        let findings = std::iter::once(&self.cluster).chain(self.operators.values());
        let findings = findings.chain(self.nodes.as_ref().err()).filter_map(Finding::failure).cloned();
        let broken = self.nodes().iter().filter_map(|node| match &node.verdict {
            Health::Broken(found) => Some(found),
            _ => None,
        });
        let last = self.mesh.as_ref().err().and_then(Finding::failure).cloned();
        let all: Vec<Report> = findings
            .chain(broken.chain(&self.replication).map(|found| Report::of_failure(found, &context.invocation)))
            .chain(last)
            .collect();
        first_cause(&all).cloned()
    }

    /// What is not as it should be where nothing has failed: what is missing, or not ready yet.
    fn lack(&self, context: &Context) -> Option<Report> {
        if self.is_good(context) {
            return None;
        }
        let operators = self.operators.iter().map(|(name, finding)| (name.as_str(), finding));
        let findings = std::iter::once(("cluster", &self.cluster)).chain(operators);
        let unknown = [("nodes", self.nodes.as_ref().err()), ("subscriptions", self.mesh.as_ref().err())];
        let unknown = unknown.into_iter().filter_map(|(what, why)| Some((what, why?)));
        let open = findings.filter(|(_, finding)| !finding.holds()).chain(unknown).next();
        let waiting = self.nodes().iter().find_map(|node| match &node.verdict {
            Health::Waiting(why) => Some((Options::cluster_of(&node.node), why.clone())),
            _ => None,
        });
        let (what, seen) = match (open, waiting) {
            (Some((what, finding)), _) => (what.to_owned(), finding.detail().to_owned()),
            (None, Some(waiting)) => waiting,
            (None, None) if self.nodes().is_empty() => ("nodes".to_owned(), "there are none".to_owned()),
            (None, None) => {
                let (replicating, pairs) = (self.replicating(), context.ordered_pairs());
                ("subscriptions".to_owned(), format!("{replicating} of {pairs} replicating"))
            }
        };
        let failure = Failure::new(FailureId::StepDoesNotHold, format!("not ready: {what}")).evidence(seen);
        Some(Report::of_failure(&failure, &context.invocation))
    }

    fn text(&self, context: &Context) -> String {
        let failure = self.failure(context);
        let failure = failure.as_ref();
        let mut text = line("cluster", &in_words(&self.cluster, None));
        for (name, finding) in &self.operators {
            let title = context.stack.operators.get(name).map_or(name.as_str(), |operator| &operator.title);
            text.push_str(&line(title, &in_words(finding, failure)));
        }
        if let Err(why) = &self.nodes {
            text.push_str(&line("nodes", &in_words(why, failure)));
        }
        for node in self.nodes() {
            text.push_str(&line(&Options::cluster_of(&node.node), &health_in_words(&node.verdict)));
        }
        match &self.mesh {
            Ok(mesh) => {
                let (replicating, pairs) = (self.replicating(), context.ordered_pairs());
                text.push_str(&line("subscriptions", &format!("{replicating} of {pairs} replicating")));
                text.push_str(&mesh.subscriptions.iter().filter_map(behind_line).collect::<String>());
                for way in &mesh.unsent {
                    text.push_str(&line("not sent", &way.in_words()));
                }
                for node in &mesh.discarded {
                    text.push_str(&line("discarded", &node.in_words()));
                }
            }
            Err(why) => text.push_str(&line("subscriptions", &in_words(why, failure))),
        }
        let stands_above = self.cluster.is_missing() || self.cluster.failed();
        text.extend(failure.map(|failure| failure_lines(failure, stands_above)));
        if self.cluster.holds() {
            text.push_str(&line("kubeconfig", &context.places.kubeconfig.display().to_string()));
        }
        text
    }
}

/// Whether the cluster of this name is not ours: then what answers by a kubeconfig of ours is not told as what is in it.
fn is_anothers(cluster: &Finding) -> bool {
    cluster.failed_by(FailureId::ClusterForeign)
}

/// Asks what is in the cluster, for as long as a person waits. The inner error says why it could not be asked.
/// `step`: what the question is about.
async fn asked<T>(
    context: &Context,
    step: StepId,
    question: impl Future<Output = Result<T>>,
) -> Result<Result<T, Finding>> {
    let look = match tokio::time::timeout(patience::LOOK_OF_A_COMMAND, question).await {
        Ok(Ok(known)) => return Ok(Ok(known)),
        Ok(Err(error)) => Err(error),
        Err(_) => look::silence(context, step),
    };
    Finding::from_look(look, &context.invocation).map(Err)
}

fn line(name: &str, words: &str) -> String {
    format!("{name:<15} {words}\n")
}

/// `told`: the failure that is told below, which need not stand in each line that it keeps from being known.
fn in_words(finding: &Finding, told: Option<&Report>) -> String {
    let is_told = |found: &Report| told.is_some_and(|told| (&told.id, &told.summary) == (&found.id, &found.summary));
    match (finding.state(), finding.failure()) {
        ("done", _) => format!("ready    {}", finding.detail()),
        ("failed", Some(found)) if is_told(found) => "unknown".to_owned(),
        ("failed", Some(found)) => format!("failed   {} ({})", found.summary, found.id),
        (state, _) => format!("{state:<8} {}", finding.detail()),
    }
}

fn health_in_words(verdict: &Health) -> String {
    match verdict {
        Health::Ready(detail) => format!("healthy  {detail}"),
        Health::Waiting(why) => format!("waiting  {why}"),
        Health::Broken(found) => format!("broken   {found}"),
    }
}

/// Less is on its way at any time.
const BEHIND: i64 = 16_000_000;

fn behind_line(found: &Subscription) -> Option<String> {
    let bytes = found.behind_bytes.filter(|bytes| found.replicates() && *bytes >= BEHIND)?;
    let (node, provider) = (&found.node, &found.provider);
    Some(format!("                {node} from {provider}: {} of WAL behind\n", in_megabytes(bytes)))
}

/// What is wrong, why, and what to do. `stands_above`: a line says already what is wrong.
fn failure_lines(failure: &Report, stands_above: bool) -> String {
    let indented = |line: &str| format!("                {line}\n");
    let mut lines = String::new();
    // What was discarded, or is missing, has lines of its own already.
    if ![FailureId::RowsMissing, FailureId::TransactionsDiscarded].iter().any(|id| failure.is(*id)) {
        lines.extend(failure.evidence.iter().map(|line| indented(line)));
    }
    if !stands_above {
        lines.push_str(&indented(&format!("{} ({})", failure.summary, failure.id)));
    }
    lines + &indented(&format!("hint: {}", failure.hint))
}

fn node_json(context: &Context, node: &NodeHealth) -> Value {
    let (state, detail) = match &node.verdict {
        Health::Ready(detail) => ("healthy", detail.clone()),
        Health::Waiting(why) => ("waiting", why.clone()),
        Health::Broken(found) => ("broken", found.to_string()),
    };
    json!({
        "name": node.node, "cluster": Options::cluster_of(&node.node), "namespace": context.namespace(),
        "state": state, "detail": detail, "service": format!("{}-rw", Options::cluster_of(&node.node)),
    })
}
