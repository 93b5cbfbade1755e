//! The cluster's end: what we made goes, and nothing else.

use anyhow::Result;

use super::own::{containers, network};
use crate::context::Context;
use crate::failure;
use crate::file;

/// What `down` would remove, in words. Empty if nothing of ours is there.
pub(crate) async fn remains(context: &Context) -> Result<Vec<String>> {
    let mut remains = Vec::new();
    // A cluster that was there before stays, with all that is in it.
    if !context.is_adopted() {
        for container in containers(context).await? {
            remains.push(format!("container {} with its volume", container.name));
        }
        let network = network(context);
        if context.docker.network_is_ours(&network, context.options.name.as_str()).await? == Some(true) {
            remains.push(format!("network {network}"));
        }
    }
    if context.places.state.exists() {
        remains.push(format!("directory {}", context.places.state.display()));
    }
    Ok(remains)
}

/// Removes what [`remains`] names.
pub(crate) async fn remove(context: &Context) -> Result<()> {
    if !context.is_adopted() {
        let containers = containers(context).await?;
        if !containers.is_empty() {
            // What is left if this is interrupted is no cluster that anybody could go on with.
            if context.places.state.exists() {
                file::replace(&context.places.unfinished, b"", file::PUBLIC)?;
            }
            context.docker.remove(&containers).await?;
        }
        let network = network(context);
        if context.docker.network_is_ours(&network, context.options.name.as_str()).await? == Some(true) {
            context.docker.remove_network(&network).await?;
        }
    }
    if context.places.state.exists() {
        fs_err::remove_dir_all(&context.places.state).map_err(failure::from_io)?;
    }
    Ok(())
}
