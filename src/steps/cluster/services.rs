//! Services work some seconds after a node is Ready, and what starts in between crashes.

use crate::patience;
use anyhow::Result;
use bootstrap_cluster::kubernetes;
use bootstrap_cluster::verdict::pod;
use bootstrap_run::event::StepReporter;
use bootstrap_run::wait::Polling;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, ResourceExt as _};

/// Asks until Services work. The step's deadline ends this.
pub(in crate::steps) async fn services_work(client: &Client, reporter: &StepReporter) {
    let mut polling = Polling::every(patience::POLL_SERVICES);
    loop {
        polling.turn().await;
        match kubernetes::services_late(client).await {
            None => return,
            Some(why) => reporter.waiting(format!("Services do not work yet: {why}")),
        }
    }
}

/// Starts anew what kind has started too early, as its provisioner of volumes: once Services work nothing keeps it from
/// running but a back-off of ten seconds, then twenty, which is that of its pod. To be called for a cluster that was just
/// made, in which nothing has anything to lose.
pub(super) async fn restart_what_crashed(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::all(client.clone());
    let listed = pods.list(&ListParams::default()).await;
    let listed = listed.map_err(|error| kubernetes::refused("cannot list the pods of the new cluster", &error))?;
    for crashed in listed.items.iter().filter(|found| pod::is_backing_off(found)) {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &crashed.namespace().unwrap_or_default());
        match pods.delete(&crashed.name_any(), &DeleteParams::default().grace_period(0)).await {
            Ok(_) => {}
            // Its controller was quicker.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(kubernetes::refused(format!("cannot restart {}", crashed.name_any()), &error)),
        }
    }
    Ok(())
}
