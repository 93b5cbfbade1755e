//! What of docker is ours, and what is somebody else's.

use anyhow::Result;

use crate::context::Context;
use crate::failure::{Failure, FailureId};
use crate::tools::docker::Container;

/// The docker network of the cluster: ours by its label, and removed with the cluster.
pub(super) fn network(context: &Context) -> String {
    format!("pgedge-bootstrap-{}", context.options.name)
}

/// The Kubernetes nodes of our cluster as docker sees them; none if there is no cluster.
///
/// # Errors
/// [`FailureId::ClusterForeign`] if a cluster of this name is there that we did not make.
pub(crate) async fn containers(context: &Context) -> Result<Vec<Container>> {
    let (name, network) = (context.options.name.as_str(), network(context));
    let containers = context.docker.kind_containers(name).await?;
    if containers.is_empty() {
        refuse_another_engine(context).await?;
        return Ok(containers);
    }
    let ours = context.docker.network_is_ours(&network, name).await? == Some(true);
    // Docker tells no network of a container that it is just creating.
    let elsewhere = |container: &&Container| !container.networks.is_empty() && !container.networks.contains(&network);
    let foreign = containers.iter().find(|container| !ours || elsewhere(container));
    match foreign {
        None => Ok(containers),
        Some(container) => {
            let what = format!("the kind cluster {name:?} was not made by this program");
            let seen = format!("container {} is on network {}", container.name, container.networks.join(", "));
            Err(Failure::new(FailureId::ClusterForeign, what).evidence(seen).into())
        }
    }
}

/// A cluster that is not here may be in another engine, where the person's docker context pointed when it was made.
async fn refuse_another_engine(context: &Context) -> Result<()> {
    let Ok(made_in) = fs_err::read_to_string(&context.places.engine) else { return Ok(()) };
    let here = context.docker.info().await?.id;
    if made_in == here {
        return Ok(());
    }
    let what = format!("the cluster {:?} was made in another docker engine", context.options.name.as_str());
    let failure =
        Failure::new(FailureId::ClusterForeign, what).evidence(format!("made in engine {made_in}, this is {here}"));
    let hint = format!(
        "point docker at that engine (DOCKER_HOST, `docker context use`), or choose another --name; if that engine is no more, remove {}",
        context.places.state.display()
    );
    Err(failure.hint(hint).into())
}
