//! The Kubernetes API: it answers long before the cluster is ready, and what the operators need can be told it then.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};

use crate::context::Context;
use crate::event::StepReporter;
use crate::file;
use crate::kubernetes;
use crate::step::Observation;

/// Between two questions: an API server that is not there yet cannot be watched.
const PAUSE: Duration = Duration::from_millis(250);

/// A healthy API server answers in milliseconds, one that has just started in seconds.
const ANSWER: Duration = Duration::from_secs(10);

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    if !context.is_adopted() {
        if super::cluster::containers(context).await?.is_empty() {
            return Ok(Observation::Missing("there is no cluster".to_owned()));
        }
        if super::cluster::may_be_removed(context) {
            return Ok(Observation::Missing("the cluster was never finished".to_owned()));
        }
    }
    if !context.places.kubeconfig.exists() {
        return Ok(Observation::Missing("its kubeconfig is not here".to_owned()));
    }
    Ok(match ask(context).await {
        Ok(version) => Observation::Done(version),
        Err(why) => Observation::Waiting(why),
    })
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    if !context.is_adopted() {
        context.settled_nodes().await?;
    }
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        // kind's words for what it does not have yet are stack traces: nothing that helps a person to wait.
        if !context.is_adopted() && ensure_kubeconfig(context).await?.is_err() {
            reporter.waiting("kubeadm sets up the control plane");
            continue;
        }
        match ask(context).await {
            Ok(_) => return Ok(()),
            Err(why) => reporter.waiting(why),
        }
    }
}

/// Writes the kubeconfig if it is not there, or was cut short. Returns kind's words if it does not have it yet.
pub(super) async fn ensure_kubeconfig(context: &Context) -> Result<Result<(), String>> {
    let path = &context.places.kubeconfig;
    if kubernetes::client(path).await.is_ok() {
        return Ok(Ok(()));
    }
    let asked = context.kind().kubeconfig(context.options.name.as_str()).await?;
    if !asked.status.success() {
        return Ok(Err(asked.tail()));
    }
    file::replace(path, &asked.stdout, file::PRIVATE).context("cannot write the kubeconfig")?;
    Ok(Ok(()))
}

/// The version of an API server that lets us in: while kubeadm is at work, there is a time when it answers and does not
/// know us yet. One that hangs has not answered.
async fn ask(context: &Context) -> Result<String, String> {
    let question = async {
        let client = kubernetes::client(&context.places.kubeconfig).await.map_err(|error| format!("{error:#}"))?;
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.list_metadata(&ListParams::default().limit(1)).await.map_err(|error| why(&error))?;
        let version = client.apiserver_version().await.map_err(|error| why(&error))?;
        Ok(version.git_version)
    };
    let answer = tokio::time::timeout(ANSWER, question).await;
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER.as_secs())));
    answer.map_err(|why: String| format!("the Kubernetes API does not answer: {why}"))
}

/// A server that comes up refuses, resets and cuts off connections in turns: to a person that is all one.
fn why(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        _ if kubernetes::words(error).contains("refused") => "connection refused".to_owned(),
        _ => "the connection is cut off".to_owned(),
    }
}
