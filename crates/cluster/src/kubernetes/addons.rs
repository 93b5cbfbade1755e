//! What every cluster needs beside its Kubernetes nodes: cluster DNS, and kube-proxy or another implementation of Services.
//! kubeadm calls both addons.
//!
//! An addon is *off* or has *failed* often enough: it is repaired or reported at once. One that is *failing* right now gets
//! ten seconds to recover by itself. One that is *late* gets the step's deadline.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, ResourceExt as _};

use crate::verdict::pod::{self, Trouble};

const NAMESPACE: &str = "kube-system";

/// The Service of cluster DNS has this name whatever program answers.
const DNS_SERVICE: &str = "kube-dns";

/// The label of the pods of cluster DNS, whatever program they run, as a selector.
pub const DNS_PODS: &str = "k8s-app=kube-dns";

const PROXY: &str = "kube-proxy";

/// The label of the pods of kube-proxy, as a selector.
pub const PROXY_PODS: &str = "k8s-app=kube-proxy";

/// How the kubelet says that a container's log is gone.
const NO_LOG: &str = "unable to retrieve container logs for ";

/// The longest line of a log that is shown.
const LONGEST_LINE: usize = 300;

/// An addon that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// What is wrong, in words, with the object to look at.
    pub why: String,
    /// What a pod of it says: which one, how it ended, the last line of its log, and what it is configured by.
    pub details: Vec<String>,
    /// Whether waiting may help.
    pub course: Course,
    /// The ConfigMap that its program does not take.
    pub rejected: Option<String>,
}

/// What time does to an addon that does not work. The gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// Nothing: it was removed, or told to have no pods.
    Off,
    /// Nothing: its pods have tried often enough.
    Lasting,
    /// Its pods do not run, at this look.
    Failing,
    /// It may be starting.
    Late,
}

impl Dead {
    fn new(why: String, course: Course) -> Self {
        Self { why, details: Vec::new(), course, rejected: None }
    }

    fn off(why: String) -> Self {
        Self::new(why, Course::Off)
    }

    fn late(why: String) -> Self {
        Self::new(why, Course::Late)
    }

    /// All in one line.
    pub fn in_words(&self) -> String {
        std::iter::once(&self.why).chain(&self.details).map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

/// The addon that does not work, and of two the one that is worse: kube-proxy before cluster DNS, which needs Services itself.
/// `by_kubeadm`: the cluster was made by kubeadm with its own addons; in another one a name may be resolved, and a Service served,
/// by programs that are not known here.
///
/// # Errors
/// The words of an API server that does not answer.
pub async fn dead_addon(client: &Client, by_kubeadm: bool) -> Result<Option<Dead>, String> {
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), NAMESPACE);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let daemons: Api<DaemonSet> = Api::namespaced(client.clone(), NAMESPACE);
    let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={DNS_SERVICE}"));
    let with_pods = ListParams::default().labels(DNS_PODS);
    let seen = tokio::try_join!(
        services.get_opt(DNS_SERVICE),
        slices.list(&of_service),
        deployments.list(&with_pods),
        daemons.get_opt(PROXY),
    );
    let (service, slices, deployments, proxy) = seen.map_err(|error| super::words(&error))?;
    let proxy = kube_proxy(proxy.as_ref(), by_kubeadm).map(|dead| (PROXY_PODS, dead));
    let dns = dns(service.as_ref(), &slices.items, &deployments.items, by_kubeadm).map(|dead| (DNS_PODS, dead));
    let mut found = Vec::new();
    for (label, dead) in [proxy, dns].into_iter().flatten() {
        found.push(if dead.course == Course::Late { explained(client, label, dead).await? } else { dead });
    }
    Ok(found.into_iter().min_by_key(|dead| dead.course))
}

/// What the pods of an addon say of its being late.
async fn explained(client: &Client, label: &str, mut dead: Dead) -> Result<Dead, String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let listed = pods.list(&ListParams::default().labels(label)).await.map_err(|error| super::words(&error))?;
    // Of those that do not run the first whose log was kept tells most.
    let mut told: Option<(&Pod, Trouble, Option<String>)> = None;
    for (pod, trouble) in listed.items.iter().filter_map(|pod| Some((pod, pod::trouble(pod)?))) {
        let line = match &trouble.ended {
            Some(container) => last_line(&pods, &pod.name_any(), container).await,
            None => None,
        };
        let has_line = line.is_some();
        if told.is_none() || has_line {
            told = Some((pod, trouble, line));
        }
        if has_line {
            break;
        }
    }
    let Some((pod, trouble, line)) = told else {
        // A pod whose ConfigMap is gone says nothing but that it is being made.
        if let Some(gone) = missing_config(client, &listed.items).await? {
            dead.details.push(format!("configmap {NAMESPACE}/{gone} is not there"));
            dead.course = Course::Off;
        }
        return Ok(dead);
    };
    dead.course = if trouble.lasts { Course::Lasting } else { Course::Failing };
    dead.details.push(format!("pod {NAMESPACE}/{}: {}", pod.name_any(), trouble.words));
    if trouble.ended.is_none() {
        return Ok(dead);
    }
    let configs = configs_of(pod);
    if let Some(line) = &line {
        dead.details.push(format!("its last line: {line}"));
        if says_config(line) {
            dead.rejected = configs.first().cloned();
        }
    }
    dead.details.extend(configs.iter().map(|name| format!("configured by configmap {NAMESPACE}/{name}")));
    Ok(dead)
}

async fn missing_config(client: &Client, pods: &[Pod]) -> Result<Option<String>, String> {
    let configs: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let late = pods.iter().filter(|found| pod::ready(found).is_err());
    for name in late.flat_map(configs_of).collect::<BTreeSet<_>>() {
        if configs.get_metadata_opt(&name).await.map_err(|error| super::words(&error))?.is_none() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The ConfigMaps that a pod must have.
fn configs_of(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let configs = volumes.iter().filter_map(|volume| volume.config_map.as_ref());
    configs.filter(|config| config.optional != Some(true)).map(|config| config.name.clone()).collect()
}

/// The last line that a container has written, which has ended. `None` if nobody has kept it.
async fn last_line(pods: &Api<Pod>, pod: &str, container: &str) -> Option<String> {
    let parameters = |previous| LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(20),
        previous,
        ..LogParams::default()
    };
    let mut last = None;
    // One that was just started again has not written why it will end.
    for previous in [true, false] {
        let log = pods.logs(pod, &parameters(previous)).await.unwrap_or_default();
        // The kubelet answers with this line, and status 200, when the runtime has removed the container meanwhile.
        let mut lines =
            log.lines().rev().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(NO_LOG)).peekable();
        if last.is_none() {
            last = lines.peek().map(|line| (*line).to_owned());
        }
        if let Some(line) = lines.find(|line| says_config(line)) {
            last = Some(line.to_owned());
            break;
        }
    }
    last.map(|line| line[..line.floor_char_boundary(LONGEST_LINE)].to_owned())
}

/// Whether CoreDNS says that it cannot use its Corefile: where it cannot be parsed, or what a plugin does not take. (What goes
/// wrong later has a level before it.)
fn says_config(line: &str) -> bool {
    line.contains("Corefile") || line.starts_with("plugin/")
}

fn dns(
    service: Option<&Service>,
    slices: &[EndpointSlice],
    deployments: &[Deployment],
    by_kubeadm: bool,
) -> Option<Dead> {
    if service.is_none() {
        let why = format!("cluster DNS: service {NAMESPACE}/{DNS_SERVICE} is not there");
        return by_kubeadm.then(|| Dead::off(why));
    }
    // An endpoint that does not say whether it is ready is to be taken as ready.
    let is_ready = |slice: &EndpointSlice| {
        let endpoints = &slice.endpoints;
        endpoints.iter().any(|endpoint| endpoint.conditions.as_ref().and_then(|it| it.ready).unwrap_or(true))
    };
    if slices.iter().any(is_ready) {
        return None;
    }
    let Some(deployment) = deployments.first() else {
        let why = format!("cluster DNS has no ready pod, and no deployment in {NAMESPACE} has the label {DNS_PODS}");
        // Elsewhere DNS may be a DaemonSet.
        return Some(if by_kubeadm { Dead::off(why) } else { Dead::late(why) });
    };
    let name = format!("deployment {NAMESPACE}/{}", deployment.name_any());
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    Some(if wanted == 0 {
        Dead::off(format!("cluster DNS has no pod: {name} is scaled to zero"))
    } else {
        Dead::late(format!("cluster DNS has no ready pod: {name}, 0 of {wanted} ready"))
    })
}

/// A cluster may do without kube-proxy: its network then serves Services, and kube-proxy is removed, or told to run nowhere.
fn kube_proxy(daemon: Option<&DaemonSet>, by_kubeadm: bool) -> Option<Dead> {
    let name = format!("daemonset {NAMESPACE}/{PROXY}");
    let Some(daemon) = daemon else {
        return by_kubeadm.then(|| Dead::off(format!("Services do not work: {name} is not there")));
    };
    let status = daemon.status.as_ref();
    let (wanted, ready) = status.map_or((0, 0), |status| (status.desired_number_scheduled, status.number_ready));
    let has_been_seen =
        status.and_then(|status| status.observed_generation).unwrap_or(0) >= daemon.metadata.generation.unwrap_or(0);
    match (wanted, ready) {
        (0, _) if by_kubeadm && has_been_seen => Some(Dead::off(format!("Services do not work: {name} wants no pods"))),
        (0, _) => None,
        (wanted, 0) => Some(Dead::late(format!("Services do not work: {name} has 0 of {wanted} pods ready"))),
        (wanted, ready) if by_kubeadm && ready < wanted => {
            Some(Dead::late(format!("Services do not work everywhere: {name} has {ready} of {wanted} pods ready")))
        }
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
