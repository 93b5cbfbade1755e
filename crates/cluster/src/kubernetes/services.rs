//! Do Services work on the Kubernetes nodes? A node is Ready before kube-proxy has written its rules, and a pod that
//! starts in between cannot reach the API: it crashes, and is started again only after ten seconds.

use crate::patience;
use http::Request;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

/// kube-proxy's own health check. It answers 200 when the rules are written
/// (<https://kubernetes.io/docs/reference/command-line-tools-reference/kube-proxy/>, `--healthz-bind-address`).
const HEALTH_PORT: u16 = 10256;

/// Why Services do not work on all nodes yet; `None` if they do.
pub async fn late(client: &Client) -> Option<String> {
    let question = async {
        let nodes: Api<Node> = Api::all(client.clone());
        let nodes = nodes.list_metadata(&ListParams::default()).await.map_err(|error| super::words(&error))?;
        if nodes.items.is_empty() {
            return Err("no Kubernetes node has registered".to_owned());
        }
        for node in &nodes.items {
            ask(client, &node.name_any()).await?;
        }
        Ok(())
    };
    match tokio::time::timeout(patience::PROXY_ANSWERS, question).await {
        Ok(answer) => answer.err(),
        Err(_) => Some(format!("no answer after {} s", patience::PROXY_ANSWERS.as_secs())),
    }
}

/// Asks by way of the API server, which reaches the nodes wherever they are.
async fn ask(client: &Client, node: &str) -> Result<(), String> {
    let path = format!("/api/v1/nodes/{node}:{HEALTH_PORT}/proxy/healthz");
    let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    match client.request_text(request).await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("kube-proxy of Kubernetes node {node}: {}", super::words(&error))),
    }
}
