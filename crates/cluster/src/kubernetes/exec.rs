//! Running a program in a container of a pod, as `kubectl exec` does.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams};
use tokio::io::AsyncReadExt as _;

/// The most that is read of what a program prints: far more than any that is run here prints.
const MOST: u64 = 16 << 20;

/// What the program printed, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The standard output. What is not UTF-8 in it is replaced.
    pub(crate) stdout: String,
    /// The error output, likewise.
    pub(crate) stderr: String,
    /// Whether the exit code was 0. One that the kubelet did not tell counts as another.
    pub(crate) succeeded: bool,
}

/// Runs `command` in a container and returns what it printed.
///
/// # Errors
/// If the pod cannot be reached, or the program is still running at the deadline (it is left to itself then).
pub(crate) async fn run_in_pod(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    command: &[&str],
    deadline: Duration,
) -> Result<Ran> {
    let run = async {
        let parameters = AttachParams::default().container(container).stdin(false).stdout(true).stderr(true);
        let mut process = pods.exec(pod, command.iter().copied(), &parameters).await?;
        let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
        let status = async {
            Ok(match status {
                Some(status) => status.await,
                None => None,
            })
        };
        // What floods ends the wait at once: it would write for ever.
        let (stdout, stderr, status) = tokio::try_join!(read_all(stdout), read_all(stderr), status)?;
        let succeeded = status.and_then(|status| status.status).as_deref() == Some("Success");
        Ok::<_, anyhow::Error>(Ran { stdout, stderr, succeeded })
    };
    let ran = tokio::time::timeout(deadline, run).await;
    ran.with_context(|| format!("no answer after {} s", deadline.as_secs()))
        .and_then(|ran| ran)
        .with_context(|| format!("cannot run {} in pod {pod}", command.first().unwrap_or(&"")))
}

async fn read_all(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let read = stream.take(MOST + 1).read_to_end(&mut bytes).await?;
        anyhow::ensure!(read as u64 <= MOST, "it printed more than {} MiB", MOST >> 20);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
