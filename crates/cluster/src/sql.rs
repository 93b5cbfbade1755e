//! SQL on a pgEdge node: psql in the pod of its primary, as `kubectl cnpg psql` does it.

use std::time::Duration;

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, DynamicObject, LogParams};

use crate::kubernetes;

/// The container of a CloudNativePG pod in which PostgreSQL runs.
const CONTAINER: &str = "postgres";

/// The database that the chart makes, and its owner.
const DATABASE: &str = "app";

/// As whom to speak. The chart lets the pod's own `postgres` user be any of them.
#[derive(Debug, Clone, Copy)]
pub enum Role {
    /// The owner of the database: what an application is.
    Application,
    /// The superuser: Spock's own tables are not for everyone.
    Superuser,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Superuser => "postgres",
        }
    }
}

/// One pgEdge node as a place to run SQL.
#[derive(Debug, Clone)]
pub struct Database {
    /// The name of the pgEdge node: `n1`.
    pub node: String,
    pods: Api<Pod>,
    primary: String,
}

impl Database {
    /// The database of the node whose CloudNativePG Cluster is `cluster`.
    ///
    /// # Errors
    /// [`FailureId::NodeMissing`] if there is no such Cluster, or it has no primary; [`FailureId::KubernetesAway`] and
    /// [`FailureId::KubernetesRefused`].
    pub async fn find(client: &Client, namespace: &str, node: &str, cluster: &str) -> Result<Self> {
        let clusters: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), namespace, &kubernetes::cluster_resource());
        let found = clusters
            .get_opt(cluster)
            .await
            .map_err(|error| kubernetes::refused(format!("cannot read cluster {cluster}"), &error))?;
        let found = found.ok_or_else(|| Failure::new(FailureId::NodeMissing, format!("there is no node {node}")))?;
        let primary = found.data["status"]["currentPrimary"].as_str();
        let primary =
            primary.ok_or_else(|| Failure::new(FailureId::NodeMissing, format!("node {node} has no primary yet")))?;
        Ok(Self {
            node: node.to_owned(),
            pods: Api::namespaced(client.clone(), namespace),
            primary: primary.to_owned(),
        })
    }

    /// The pod of the primary.
    pub fn pod(&self) -> &str {
        &self.primary
    }

    /// The newest lines of the server's log, none of them older than so many seconds.
    ///
    /// # Errors
    /// [`FailureId::KubernetesAway`] and [`FailureId::KubernetesRefused`] if the Kubernetes API does not give it.
    pub async fn log(&self, lines: i64, seconds: i64) -> Result<String> {
        let parameters = LogParams {
            container: Some(CONTAINER.to_owned()),
            tail_lines: Some(lines),
            since_seconds: Some(seconds),
            ..LogParams::default()
        };
        let log = self.pods.logs(&self.primary, &parameters).await;
        log.map_err(|error| kubernetes::refused(format!("cannot read the log of pod {}", self.primary), &error))
    }

    /// Runs statements in one session and returns the rows of the last ones, fields separated by tabs.
    ///
    /// # Errors
    /// [`FailureId::SqlFailed`] with the server's words.
    pub async fn run(&self, role: Role, sql: &str, deadline: Duration) -> Result<Vec<Vec<String>>> {
        let command = [
            "psql",
            "--username",
            role.as_str(),
            "--dbname",
            DATABASE,
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--field-separator",
            "\t",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            sql,
        ];
        let failed = |seen: String| {
            Failure::new(FailureId::SqlFailed, format!("a statement failed on {}", self.node)).evidence(seen)
        };
        let ran = kubernetes::run_in_pod(&self.pods, &self.primary, CONTAINER, &command, deadline).await;
        let ran = ran.map_err(|error| failed(format!("{error:#}")))?;
        if !ran.succeeded {
            return Err(failed(if ran.stderr.trim().is_empty() { ran.stdout } else { ran.stderr }).into());
        }
        let rows = ran.stdout.lines().filter(|line| !line.is_empty());
        Ok(rows.map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }
}

#[cfg(test)]
mod tests;
