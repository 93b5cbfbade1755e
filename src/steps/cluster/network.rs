//! The docker network of the Kubernetes nodes, and its repair.
//!
//! `docker network prune` removes it while the nodes are stopped, and docker does not start a container whose network id is
//! gone. So the network is recreated, with other addresses, and the nodes are disconnected from the old one and connected to
//! it. That works because Kubernetes nodes find each other by name, and a node corrects its own address when it starts.

use std::collections::BTreeMap;

use anyhow::Result;
use bootstrap_run::event::StepReporter;

use super::own::{ensure_network, network};
use crate::context::Context;
use crate::tools::docker::Container;

/// Whether a node that runs is on its network, as the list of containers shows it.
pub(super) fn is_on(context: &Context, container: &Container) -> bool {
    container.networks.contains(&network(context))
}

/// Makes the network anew if it is gone, and connects the nodes that are not on it. Those that run are started anew, for a
/// node learns its address and its resolver when it starts.
pub(super) async fn mend(context: &Context, containers: &[Container], reporter: &StepReporter) -> Result<()> {
    ensure_network(context).await?;
    let (name, docker) = (network(context), &context.docker);
    let Some(network) = docker.networks(&name).await?.into_iter().next() else { return Ok(()) };
    let attached = docker.attached(containers, &name).await?;
    let strays = strays(containers, &attached, &network.id);
    for container in &strays {
        reporter.waiting(format!("connecting {} to the network {name}", container.name));
        if attached.contains_key(&container.id) {
            docker.disconnect(&name, container).await?;
        }
        docker.connect(&network, container).await?;
    }
    let running: Vec<&Container> = strays.into_iter().filter(|container| container.is_running()).collect();
    if running.is_empty() { Ok(()) } else { docker.restart(&running).await }
}

/// The containers that are not on this network: on none of its name, or on one that is no more.
fn strays<'a>(containers: &'a [Container], attached: &BTreeMap<String, String>, network: &str) -> Vec<&'a Container> {
    let is_there = |container: &&Container| attached.get(&container.id).is_some_and(|id| id == network);
    containers.iter().filter(|container| !is_there(container)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_on_a_network_that_is_no_more_is_a_stray_like_one_on_none() {
        let container = |id: &str| Container {
            id: id.to_owned(),
            name: id.to_owned(),
            state: "exited".to_owned(),
            networks: vec!["n".to_owned()],
            maker: None,
        };
        let containers = ["there", "pruned", "taken-off"].map(container);
        let attached = [("there", "new"), ("pruned", "old")].map(|(id, network)| (id.to_owned(), network.to_owned()));
        let strays = strays(&containers, &BTreeMap::from(attached), "new");
        let names: Vec<&str> = strays.iter().map(|container| container.name.as_str()).collect();
        assert_eq!(names, ["pruned", "taken-off"]);
    }
}
