//! helm installs the chart. It does not wait for what it installs, except for the chart's hook.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use bootstrap_run::process::{Command, Finished};
use serde_json::Value;

use crate::patience;
use crate::tools::program;

#[derive(Debug, Clone)]
pub(crate) struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// In the place of the user's own: helm keeps its settings, plugins and what it has learned of clusters there.
    home: PathBuf,
}

impl Helm {
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf, home: PathBuf) -> Self {
        Self { program, kubeconfig, home }
    }

    /// `helm upgrade --install` with the values on the standard input. Ends when the chart's hook has ended.
    pub(crate) async fn upgrade(&self, upgrade: &Upgrade<'_>, deadline: Duration) -> Result<Finished> {
        let timeout = format!("{}s", deadline.saturating_sub(patience::HELM_ENDS_BEFORE).as_secs());
        self.command(deadline)
            .args(["upgrade", "--install", upgrade.name])
            .args([upgrade.chart])
            .args(["--namespace", upgrade.namespace, "--create-namespace", "--values", "-", "--timeout", &timeout])
            .args(["--description", upgrade.description])
            .input(upgrade.values.to_string())
            .finish()
            .await
            .map_err(|error| program::tool_told_apart(&self.program, error))
    }

    fn command(&self, deadline: Duration) -> Command {
        program::helm(&self.program, &self.home, deadline).args([Path::new("--kubeconfig"), &self.kubeconfig])
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use bootstrap_run::failure::{self, FailureId};

    #[tokio::test]
    async fn a_helm_that_cannot_be_run_is_a_broken_tool() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("helm");
        let helm = Helm::new(place.clone(), PathBuf::new(), folder.path().to_owned());
        let values = Value::Null;
        let upgrade = Upgrade { name: "a", namespace: "b", chart: folder.path(), values: &values, description: "c" };
        for (bytes, words) in [("#!/nonexistent/sh\n", "is not executable"), ("", "is not executable")] {
            fs_err::write(&place, bytes).unwrap();
            let error = helm.upgrade(&upgrade, Duration::from_secs(20)).await.unwrap_err();
            let found = failure::of(&error).unwrap();
            assert_eq!(found.id(), FailureId::ToolBroken, "{error:?}");
            assert!(found.summary().contains("helm cannot be run") && found.seen()[0].ends_with(words), "{found:?}");
        }
        fs_err::remove_file(&place).unwrap();
        let error = helm.upgrade(&upgrade, Duration::from_secs(20)).await.unwrap_err();
        assert_eq!(failure::of(&error).map(failure::Failure::id), Some(FailureId::ToolBroken), "{error:?}");
    }
}
