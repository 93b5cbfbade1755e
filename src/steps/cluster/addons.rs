//! Cluster DNS and kube-proxy: without them pods run and reach nothing by name.
//!
//! - A step that fails in the cluster is reported behind a cluster DNS or a kube-proxy without pods, because that is the
//!   more likely cause.
//! - In a cluster that this program created they are repaired, once, with fifteen seconds until the verdict. In an adopted
//!   cluster neither needs to exist: DNS is what the Service `kube-dns` selects, if there is one.
//! - kubeadm keeps the Corefile that it finds, so one that CoreDNS refuses is moved away first. Only the last line of
//!   CoreDNS's own log decides that: anything else in the Corefile may be a person's work.

use std::time::Instant;

use anyhow::Result;
use bootstrap_cluster::kubernetes::{self, Course, DNS_PODS, Dead, PROXY_PODS};
use bootstrap_cluster::verdict::pod;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

use crate::context::Context;
use crate::patience;

const NAMESPACE: &str = "kube-system";

/// As many as kubeadm makes.
const DNS_REPLICAS: u8 = 2;

/// kind leaves it in its nodes.
const CONFIG_OF_KUBEADM: &str = "/kind/kubeadm.conf";

/// What is to be done about an addon that does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    Mend,
    GiveUp,
}

/// What one wait has seen of addons that do not work.
#[derive(Debug, Default)]
pub(super) struct Mending {
    failing_since: Option<Instant>,
    mended_at: Option<Instant>,
    /// The ConfigMap that the addon's program refused at an earlier observation, until it is set aside: the log that said so may be gone
    /// by the time of the repair.
    rejected: Option<String>,
    has_set_aside: bool,
}

impl Mending {
    /// Completes what was observed by what earlier observations have shown, and decides.
    pub(super) fn next(&mut self, dead: &mut Dead, is_adopted: bool, now: Instant) -> Next {
        match &dead.rejected {
            Some(config) if !self.has_set_aside => self.rejected = Some(config.clone()),
            Some(_) => {}
            None => dead.rejected.clone_from(&self.rejected),
        }
        let lasts = match dead.course {
            Course::Off | Course::Lasting => true,
            Course::Failing => now - *self.failing_since.get_or_insert(now) >= patience::ADDON_COMES_BY_ITSELF,
            Course::Late => {
                self.failing_since = None;
                false
            }
        };
        if !lasts {
            return Next::Wait;
        }
        // A log that was not there yet may tell after the first repair what that could not know.
        let is_known = dead.rejected.is_none() || self.has_set_aside;
        match self.mended_at {
            None if is_adopted => Next::GiveUp,
            Some(at) if is_known && now - at < patience::ADDON_COMES_AFTER_REPAIR => Next::Wait,
            Some(_) if is_known => Next::GiveUp,
            _ => {
                (self.mended_at, self.failing_since) = (Some(now), None);
                self.has_set_aside |= dead.rejected.is_some();
                if self.has_set_aside {
                    self.rejected = None;
                }
                Next::Mend
            }
        }
    }
}

/// Brings back what was scaled to zero, removed or changed, in a cluster that kind made.
pub(super) async fn mend(context: &Context, dead: &Dead, reporter: &StepReporter) -> Result<()> {
    reporter.waiting(dead.in_words());
    let client = context.client().await?;
    // kubeadm keeps the number of pods that it finds, and the configuration of cluster DNS, and makes whole what else is lacking.
    scale_dns_up(&client).await?;
    if let Some(rejected) = &dead.rejected {
        set_aside(&client, rejected, reporter).await?;
    }
    add_addons(context).await?;
    // What waits for its next try, or for a ConfigMap, takes minutes.
    start_anew(&client).await
}

async fn add_addons(context: &Context) -> Result<()> {
    let control_plane = format!("{}-control-plane", context.options.name);
    let arguments = ["kubeadm", "init", "phase", "addon", "all", "--config", CONFIG_OF_KUBEADM];
    context.docker.exec(&control_plane, &arguments, "", patience::KUBEADM_APPLIES_ADDON).await.map(drop)
}

/// Takes a ConfigMap away, for kubeadm to make it anew. What was in it may be somebody's work, and is kept under another name.
async fn set_aside(client: &Client, name: &str, reporter: &StepReporter) -> Result<()> {
    let configs: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let cannot = |error: &kube::Error| kubernetes::refused(format!("cannot replace configmap {name}"), error);
    let Some(found) = configs.get_opt(name).await.map_err(|error| cannot(&error))? else { return Ok(()) };
    let kept = format!("{name}-before-pgedge-bootstrap");
    reporter.waiting(format!("replacing configmap {NAMESPACE}/{name}; what was in it is kept as configmap {kept}"));
    let copy = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": &kept, "namespace": NAMESPACE}, "data": found.data,
    });
    let patch = PatchParams::apply(kubernetes::FIELD_MANAGER).force();
    configs.patch(&kept, &patch, &Patch::Apply(&copy)).await.map_err(|error| cannot(&error))?;
    configs.delete(name, &DeleteParams::default()).await.map(drop).map_err(|error| cannot(&error))
}

/// Removes the pods that do not run; those that come in their place begin at once.
async fn start_anew(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    for label in [PROXY_PODS, DNS_PODS] {
        let listed = pods.list(&ListParams::default().labels(label)).await;
        let listed = listed.map_err(|error| kubernetes::refused("cannot list the pods of the addons", &error))?;
        for pod in listed.items.iter().filter(|found| pod::ready(found).is_err()) {
            match pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await {
                Ok(_) => {}
                // Its controller was quicker.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(kubernetes::refused(format!("cannot restart {}", pod.name_any()), &error)),
            }
        }
    }
    Ok(())
}

/// Gives cluster DNS its pods back if it was scaled to zero.
async fn scale_dns_up(client: &Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let listed = deployments.list(&ListParams::default().labels(DNS_PODS)).await;
    let listed = listed.map_err(|error| kubernetes::refused("cannot list the deployments of cluster DNS", &error))?;
    let is_zero = |deployment: &&Deployment| deployment.spec.as_ref().and_then(|spec| spec.replicas) == Some(0);
    let Some(scaled) = listed.items.iter().find(is_zero) else { return Ok(()) };
    let patch = Patch::Merge(json!({"spec": {"replicas": DNS_REPLICAS}}));
    let name = scaled.name_any();
    match deployments.patch(&name, &PatchParams::default(), &patch).await {
        Ok(_) => Ok(()),
        Err(error) => Err(kubernetes::refused(format!("cannot scale deployment {name}"), &error)),
    }
}

/// What is told of an addon that could not be brought back.
pub(super) fn not_mended(dead: &Dead, error: &anyhow::Error) -> String {
    let seen = bootstrap_run::failure::of(error).map(|found| found.seen().join("; ")).unwrap_or_default();
    format!("{}, and the repair failed: {error:#}: {seen}", dead.in_words())
}

/// The failure of a cluster whose addon does not work.
pub(super) fn failure(context: &Context, dead: Dead) -> Failure {
    let what = format!("the cluster {:?} does not work inside", context.options.name.as_str());
    let hint = match (&dead.rejected, dead.course) {
        (Some(config), _) if context.is_adopted() => hint![format!(
            "correct it with `kubectl --namespace kube-system edit configmap {config}`, then run this again after `kubectl --namespace kube-system delete pods --selector {DNS_PODS}`"
        )],
        _ if dead.details.iter().any(|detail| detail.contains("were unschedulable")) => {
            "`kubectl get nodes` shows which Kubernetes node takes no pods, and `kubectl uncordon NODE` lets it take them again; then run this again".into()
        }
        _ if context.is_adopted() => "repair that the way the cluster was set up, and run this again; `kubectl --namespace kube-system get deployments,daemonsets,pods` shows what is there".into(),
        (_, Course::Late) => hint!["`kubectl --namespace kube-system get pods` and `kubectl --namespace kube-system describe pods` may show why; ", Ours::Env, " prints what makes kubectl work here"],
        _ => hint![Ours::Up, " repairs that, unless it has just tried; `kubectl --namespace kube-system describe pods` shows more, and ", Ours::Env, " prints what makes kubectl work here"],
    };
    let failure = Failure::new(FailureId::ClusterNotReady, what).evidence(dead.why).hint(hint);
    dead.details.iter().fold(failure, Failure::evidence)
}

/// What made a step fail that lives in the cluster: the cluster's own network if that does not work, with the symptom behind
/// the cause.
pub(in crate::steps) async fn blamed(context: &Context, symptom: anyhow::Error) -> anyhow::Error {
    let Some(found) = bootstrap_run::failure::of(&symptom).cloned() else { return symptom };
    let Ok(client) = context.client().await else { return symptom };
    match tokio::time::timeout(patience::CAUSE_IS_FOUND, kubernetes::dead_addon(&client, !context.is_adopted())).await {
        Ok(Ok(Some(dead))) => {
            let cause = failure(context, dead).evidence(found.summary());
            found.seen().iter().fold(cause, Failure::evidence).into()
        }
        // A cluster that cannot be asked tells nothing more.
        Ok(Ok(None) | Err(_)) | Err(_) => symptom,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
