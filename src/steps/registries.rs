//! Registry mirrors inside the Kubernetes nodes: containerd's `hosts.toml` files.
//!
//! They are written when the nodes run, through docker: a mount would need docker to be on this machine.

use std::collections::BTreeSet;

use anyhow::Result;
use bootstrap_fetch::download::Authorities;
use bootstrap_fetch::download::RegistryMirror;
use bootstrap_run::wait::Polling;

use crate::context::Context;
use crate::patience;
use crate::tools::docker::Container;

/// Where containerd looks for the mirrors of a registry (its `hosts.toml`); read anew at every pull.
pub(super) const FOLDER: &str = "/etc/containerd/certs.d";

fn hosts_file(mirror: &RegistryMirror, has_authority: bool) -> String {
    let authority = if has_authority { format!("  ca = \"{FOLDER}/{}/ca.crt\"\n", mirror.host) } else { String::new() };
    format!(
        "server = \"https://{}\"\n\n[host.\"{}\"]\n  capabilities = [\"pull\", \"resolve\"]\n{authority}",
        mirror.host, mirror.url
    )
}

/// Why the mirrors that a Kubernetes node uses are not those of the options.
pub(super) async fn differ(context: &Context, container: &Container) -> Result<Option<String>> {
    if context.options.registry_mirrors.is_empty() {
        return Ok(None);
    }
    let authority = authority(context)?;
    let mut command = vec!["sh".to_owned(), "-c".to_owned(), READ.to_owned(), "sh".to_owned()];
    let mut wanted = Vec::new();
    for mirror in &context.options.registry_mirrors {
        for (name, content) in files(mirror, authority) {
            command.push(format!("{FOLDER}/{}/{name}", mirror.host));
            wanted.push(content + "\0");
        }
    }
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let found = context.docker.try_exec(&container.name, &command, patience::NODE_ANSWERS).await?;
    let same = found.stdout == wanted.concat().as_bytes();
    Ok((!same).then(|| format!("Kubernetes node {} does not use the registry mirrors", container.name)))
}

/// All files in one go, each with a zero byte behind it: every program that docker starts in a container takes a tenth
/// of a second.
const READ: &str = r#"for file; do cat "$file" 2>/dev/null; printf '\0'; done"#;

/// The files of a mirror in the order in which they must come: containerd reads them at every pull.
fn files(mirror: &RegistryMirror, authority: Option<&str>) -> Vec<(&'static str, String)> {
    let hosts = hosts_file(mirror, authority.is_some());
    let authority = authority.map(|authority| ("ca.crt", authority.to_owned()));
    authority.into_iter().chain([("hosts.toml", hosts)]).collect()
}

fn authority(context: &Context) -> Result<Option<&str>> {
    Ok(context.authorities()?.map(Authorities::text))
}

pub(super) async fn write(context: &Context, containers: &[Container]) -> Result<()> {
    let authority = authority(context)?;
    for container in containers {
        for mirror in &context.options.registry_mirrors {
            let folder = format!("{FOLDER}/{}", mirror.host);
            for (name, content) in files(mirror, authority) {
                write_file(context, container, &folder, name, &content).await?;
            }
        }
    }
    Ok(())
}

/// Writes the mirrors into each of so many Kubernetes nodes as soon as kind has started it, long before kind is done: what pulls
/// early needs them. Never returns; what could not be written is written again, and told, when kind is done.
pub(super) async fn write_as_nodes_start(context: &Context, number: usize) -> std::convert::Infallible {
    let mut done = BTreeSet::new();
    let mut polling = Polling::every(patience::POLL_NODE_STARTS);
    while !context.options.registry_mirrors.is_empty() && done.len() < number {
        polling.turn().await;
        let nodes = super::cluster::containers(context).await.unwrap_or_default();
        for node in nodes.into_iter().filter(Container::is_running) {
            if !done.contains(&node.name) && write(context, std::slice::from_ref(&node)).await.is_ok() {
                done.insert(node.name);
            }
        }
    }
    std::future::pending().await
}

async fn write_file(context: &Context, container: &Container, folder: &str, name: &str, content: &str) -> Result<()> {
    // The names reach the shell as arguments, not as part of its text. A docker that is killed ends the input early, and
    // half a file must not take the place of a whole one.
    let script =
        r#"mkdir -p "$1" && cat > "$1/$2.$$" && [ "$(wc -c < "$1/$2.$$")" -eq "$3" ] && mv "$1/$2.$$" "$1/$2""#;
    let length = content.len().to_string();
    let command = ["sh", "-c", script, "sh", folder, name, &length];
    context.docker.exec(&container.name, &command, content, patience::NODE_ANSWERS).await.map(drop)
}
