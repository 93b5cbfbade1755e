//! Deployments and Kubernetes nodes.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Node;

/// Whether a Deployment has all its replicas available in its newest version.
///
/// # Errors
/// How far it is, in words.
pub fn deployment(deployment: &Deployment) -> Result<(), String> {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let generation = deployment.metadata.generation.unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation.unwrap_or_default() < generation {
        return Err("its controller has not seen it yet".to_owned());
    }
    // Kubernetes calls a Deployment of no pods available; nothing that is waited for works without one.
    if wanted == 0 {
        return Err("it is scaled to zero".to_owned());
    }
    let (updated, available) = (status.updated_replicas.unwrap_or(0), status.available_replicas.unwrap_or(0));
    if updated >= wanted && available >= wanted {
        return Ok(());
    }
    Err(format!("{} of {wanted} pods available", updated.min(available)))
}

/// Whether a Kubernetes node is ready. Of a kubelet that died this is told fifty seconds later.
///
/// # Errors
/// What the node says of itself, in words.
pub fn node(node: &Node) -> Result<(), String> {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == "Ready") {
        Some(ready) if ready.status == "True" => Ok(()),
        Some(ready) => {
            let message = ready.message.as_deref().unwrap_or_default();
            Err(message.split(". ").next().unwrap_or(message).to_owned())
        }
        None => Err("its kubelet has not reported yet".to_owned()),
    }
}

#[cfg(test)]
mod tests;
