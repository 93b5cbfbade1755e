//! helm installs the chart. It does not wait for what it installs, except for the chart's hook.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::process::{Command, Finished};

const QUESTION: Duration = Duration::from_secs(60);

/// helm's own time-out begins when the chart's hook does; it comes before ours, or helm's words would be lost.
const MARGIN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// In the place of the user's own: helm keeps its settings, plugins and what it has learned of clusters there.
    home: PathBuf,
}

/// The newest revision of a release.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Release {
    pub(crate) info: ReleaseInfo,
    /// The values that were given, without the chart's defaults.
    #[serde(default)]
    pub(crate) config: Value,
    /// The revision, counted from 1.
    pub(crate) version: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReleaseInfo {
    /// `deployed`, `failed`, `pending-install`, …
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) description: String,
}

impl Helm {
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf, home: PathBuf) -> Self {
        Self { program, kubeconfig, home }
    }

    /// The newest revision of the release, or `None` if there is none.
    ///
    /// # Errors
    /// [`crate::failure::FailureId::CommandFailed`] and [`crate::failure::FailureId::CommandDeadline`] of helm.
    pub(crate) async fn release(&self, name: &str, namespace: &str) -> Result<Option<Release>> {
        let status = self.command(QUESTION).args(["status", name, "--namespace", namespace, "--output", "json"]);
        let line = status.line();
        let asked = status.finish().await?;
        if asked.status.success() {
            return Ok(Some(
                serde_json::from_slice(&asked.stdout)
                    .context("`helm status` answered something that is not understood")?,
            ));
        }
        // helm has no typed answer to "is there such a release": its list has.
        let filter = format!("^{name}$");
        let listed = self
            .command(QUESTION)
            .args(["list", "--namespace", namespace, "--filter", &filter, "--output", "json"])
            .stdout()
            .await?;
        let rows: Vec<Value> =
            serde_json::from_str(&listed).context("`helm list` answered something that is not understood")?;
        if !rows.is_empty() {
            // There is one, so that helm failed for another reason.
            asked.success(&line)?;
        }
        Ok(None)
    }

    /// `helm upgrade --install` with the values on the standard input. Ends when the chart's hook has ended.
    pub(crate) async fn upgrade(&self, upgrade: &Upgrade<'_>, deadline: Duration) -> Result<Finished> {
        let timeout = format!("{}s", deadline.saturating_sub(MARGIN).as_secs());
        self.command(deadline)
            .args(["upgrade", "--install", upgrade.name])
            .args([upgrade.chart])
            .args(["--namespace", upgrade.namespace, "--create-namespace", "--values", "-", "--timeout", &timeout])
            .args(["--description", upgrade.description])
            .input(upgrade.values.to_string())
            .finish()
            .await
    }

    /// Removes a release with all that it made, and returns when that is gone.
    pub(crate) async fn uninstall(&self, name: &str, namespace: &str, deadline: Duration) -> Result<()> {
        let timeout = format!("{}s", deadline.saturating_sub(MARGIN).as_secs());
        let arguments =
            ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--wait", "--timeout", &timeout];
        self.command(deadline).args(arguments).stdout().await.map(drop)
    }

    fn command(&self, deadline: Duration) -> Command {
        let mut command = Command::new(&self.program, deadline)
            .args([Path::new("--kubeconfig"), &self.kubeconfig])
            // HELM_KUBECONTEXT or HELM_KUBEAPISERVER would send the chart to another cluster.
            .hide_env("HELM_");
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "KUBECACHEDIR"] {
            command = command.env(variable, &self.home);
        }
        command
    }
}

/// What to install.
#[derive(Debug)]
pub(crate) struct Upgrade<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) chart: &'a Path,
    pub(crate) values: &'a Value,
    pub(crate) description: &'a str,
}
