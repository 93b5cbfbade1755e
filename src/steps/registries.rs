//! Registry mirrors inside the Kubernetes nodes: containerd's `hosts.toml` files.
//!
//! They are written when the nodes run, through docker: a mount would need docker to be on this machine.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::options::RegistryMirror;
use crate::tools::docker::Container;

const QUESTION: Duration = Duration::from_secs(30);

/// Where containerd looks for the mirrors of a registry (its `hosts.toml`); read anew at every pull.
const REGISTRIES: &str = "/etc/containerd/certs.d";

fn hosts_file(context: &Context, mirror: &RegistryMirror) -> String {
    let authority = if context.options.ca_file.is_some() {
        format!("  ca = \"{REGISTRIES}/{}/ca.crt\"\n", mirror.host)
    } else {
        String::new()
    };
    format!(
        "server = \"https://{}\"\n\n[host.\"{}\"]\n  capabilities = [\"pull\", \"resolve\"]\n{authority}",
        mirror.host, mirror.url
    )
}

/// Why the mirrors that a Kubernetes node uses are not those of the options.
pub(super) async fn differ(context: &Context, container: &Container) -> Result<Option<String>> {
    for mirror in &context.options.registry_mirrors {
        let file = format!("{REGISTRIES}/{}/hosts.toml", mirror.host);
        let found = context.docker.try_exec(&container.name, &["cat", &file], QUESTION).await?;
        if found.stdout != hosts_file(context, mirror).as_bytes() {
            return Ok(Some(format!("Kubernetes node {} does not use the mirror of {}", container.name, mirror.host)));
        }
    }
    Ok(None)
}

pub(super) async fn write(context: &Context, containers: &[Container]) -> Result<()> {
    let authority =
        context.options.ca_file.as_deref().map(fs_err::read_to_string).transpose().context("cannot read --ca-file")?;
    for container in containers {
        for mirror in &context.options.registry_mirrors {
            let folder = format!("{REGISTRIES}/{}", mirror.host);
            if let Some(authority) = &authority {
                write_file(context, container, &folder, "ca.crt", authority).await?;
            }
            write_file(context, container, &folder, "hosts.toml", &hosts_file(context, mirror)).await?;
        }
    }
    Ok(())
}

async fn write_file(context: &Context, container: &Container, folder: &str, name: &str, content: &str) -> Result<()> {
    // The names reach the shell as arguments, not as part of its text.
    let script = r#"mkdir -p "$1" && cat > "$1/$2.part" && mv "$1/$2.part" "$1/$2""#;
    context.docker.exec(&container.name, &["sh", "-c", script, "sh", folder, name], content, QUESTION).await.map(drop)
}
