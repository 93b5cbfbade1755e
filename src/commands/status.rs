//! `status`: what is running, and how to connect to it.

use anyhow::Result;
use serde_json::{Value, json};

use super::Verdict;
use super::last_run::LastRun;
use crate::cli::{Output, Status};
use crate::context::Context;
use crate::failure;
use crate::options::Options;
use crate::replication::Subscription;
use crate::run_state::RunState;
use crate::step::{Observation, Operator, StepId};
use crate::steps::{self, NodeHealth};
use crate::ui;
use crate::verdict::Verdict as Health;

pub(super) async fn run(arguments: &Status) -> Result<Verdict> {
    let context = super::context(&arguments.common, Some(&arguments.shape))?;
    // A file of another form, which another version of this program wrote, tells nothing here.
    let last = RunState::read(&context.places.status).ok().flatten().map(LastRun::new);
    let operators = [Operator::CertManager, Operator::CloudnativePg];
    let (cluster, cert_manager, cloudnative_pg, nodes, subscriptions) = tokio::join!(
        super::look(&context, StepId::Cluster),
        super::look(&context, StepId::Operator(operators[0])),
        super::look(&context, StepId::Operator(operators[1])),
        tokio::time::timeout(super::PATIENCE, steps::node_health(&context)),
        tokio::time::timeout(super::PATIENCE, steps::subscriptions(&context)),
    );
    let (cluster, cert_manager, cloudnative_pg) = (seen(cluster)?, seen(cert_manager)?, seen(cloudnative_pg)?);
    // Without a cluster that answers there are none: that is an answer too, and the lines above it tell why.
    let nodes = nodes.ok().and_then(Result::ok).unwrap_or_default();
    let subscriptions = subscriptions.ok().and_then(Result::ok).unwrap_or_default();
    let pairs = context.ordered_pairs();
    let replicating = subscriptions.iter().filter(|subscription| subscription.status == "replicating").count();
    let good = cluster.is_done()
        && cert_manager.is_done()
        && cloudnative_pg.is_done()
        && !nodes.is_empty()
        && nodes.iter().all(|node| matches!(node.verdict, Health::Ready(_)))
        && replicating == pairs;
    match arguments.common.output {
        Output::Json => {
            let document = json!({
                "schema": 1,
                "ok": good,
                "run": last.as_ref().map(LastRun::json),
                "name": context.options.name.as_str(),
                "kubeconfig": context.places.kubeconfig.display().to_string(),
                "cluster": observation(&cluster),
                "operators": {"cert-manager": observation(&cert_manager), "cloudnative-pg": observation(&cloudnative_pg)},
                "nodes": nodes.iter().map(|node| node_json(&context, node)).collect::<Vec<_>>(),
                "subscriptions": subscriptions,
            });
            ui::print(&format!("{document}\n"))?;
        }
        Output::Text => {
            let mut text = last.as_ref().and_then(LastRun::text).unwrap_or_default();
            text.push_str(&format!("cluster         {}\n", in_words(&cluster)));
            text.push_str(&format!(
                "cert-manager    {}\nCloudNativePG   {}\n",
                in_words(&cert_manager),
                in_words(&cloudnative_pg)
            ));
            for node in &nodes {
                text.push_str(&format!("{:<15} {}\n", Options::cluster_of(&node.node), health_in_words(&node.verdict)));
            }
            text.push_str(&format!("subscriptions   {replicating} of {pairs} replicating\n"));
            text.push_str(&down_lines(&subscriptions));
            if cluster.is_done() {
                text.push_str(&format!("kubeconfig      {}\n", context.places.kubeconfig.display()));
            }
            ui::print(&text)?;
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// What cannot be looked at is a state too, as long as we know the reason.
fn seen(look: Result<Observation>) -> Result<Observation> {
    look.or_else(|error| match failure::of(&error) {
        Some(found) => Ok(Observation::Wrong(format!("{} ({})", found.summary(), found.id()))),
        None => Err(error),
    })
}

fn in_words(observation: &Observation) -> String {
    match observation {
        Observation::Done(detail) => format!("ready    {detail}"),
        other => format!("{:<8} {}", other.word(), other.detail()),
    }
}

fn health_in_words(verdict: &Health) -> String {
    match verdict {
        Health::Ready(detail) => format!("healthy  {detail}"),
        Health::Waiting(why) => format!("waiting  {why}"),
        Health::Broken(found) => format!("broken   {found}"),
    }
}

fn down_lines(subscriptions: &[Subscription]) -> String {
    let down = subscriptions.iter().filter(|subscription| subscription.status != "replicating");
    down.map(|subscription| {
        format!("                {} from {}: {}\n", subscription.node, subscription.provider, subscription.status)
    })
    .collect()
}

fn observation(observation: &Observation) -> Value {
    json!({"state": observation.word(), "detail": observation.detail()})
}

fn node_json(context: &Context, node: &NodeHealth) -> Value {
    let (state, detail) = match &node.verdict {
        Health::Ready(detail) => ("healthy", detail.clone()),
        Health::Waiting(why) => ("waiting", why.clone()),
        Health::Broken(found) => ("broken", found.to_string()),
    };
    json!({
        "name": node.node, "cluster": Options::cluster_of(&node.node), "namespace": context.options.namespace,
        "state": state, "detail": detail, "service": format!("{}-rw", Options::cluster_of(&node.node)),
    })
}
