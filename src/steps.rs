//! The steps, one file a subject: how each is looked at and made true.

mod api;
mod chart;
mod cluster;
mod host;
mod images;
mod node_image;
mod nodes;
mod operators;
mod registries;
mod release;
mod replication;
mod room;
mod tools;

use anyhow::Result;

use crate::context::Context;
use crate::converge::World;
use crate::event::StepReporter;
use crate::step::{Observation, StepId};

pub(crate) use chart::folder as chart_folder;
pub(crate) use cluster::remains as remains_of_cluster;
pub(crate) use cluster::remove as remove_cluster;
pub(crate) use nodes::{NodeHealth, health as node_health};
pub(crate) use release::values as release_values;
pub(crate) use replication::{databases, subscriptions};
pub(crate) use tools::{mark as mark_of_tool, may_replace as may_replace_tool};

impl World for Context {
    async fn observe(&self, step: StepId) -> Result<Observation> {
        match step {
            StepId::Docker => host::observe(self).await,
            StepId::Tool(tool) => tools::observe(self, tool).await,
            StepId::NodeImage => node_image::observe(self).await,
            StepId::Manifest(operator) => operators::observe_manifest(self, operator).await,
            StepId::Chart => chart::observe(self).await,
            StepId::Api => api::observe(self).await,
            StepId::Cluster => cluster::observe(self).await,
            StepId::Images => images::observe(self).await,
            StepId::Operator(operator) => operators::observe(self, operator).await,
            StepId::Room => Ok(room::observe(self)),
            StepId::Release => release::observe(self).await,
            StepId::Nodes => nodes::observe(self).await,
            StepId::Replication => replication::observe(self).await,
            StepId::Proof => Ok(replication::observe_proof(self)),
        }
    }

    async fn apply(&self, step: StepId, reporter: &StepReporter) -> Result<()> {
        #[cfg(debug_assertions)]
        break_down_if_told(step);
        match step {
            StepId::Docker => host::apply(self, reporter).await,
            StepId::Tool(tool) => tools::apply(self, tool, reporter).await,
            StepId::NodeImage => node_image::apply(self, reporter).await,
            StepId::Manifest(operator) => operators::fetch_manifest(self, operator, reporter).await,
            StepId::Chart => chart::apply(self, reporter).await,
            StepId::Api => api::apply(self, reporter).await,
            StepId::Cluster => cluster::apply(self, reporter).await,
            StepId::Images => images::apply(self, reporter).await,
            StepId::Operator(operator) => operators::apply(self, operator, reporter).await,
            StepId::Room => room::apply(self).await,
            StepId::Release => release::apply(self, reporter).await,
            StepId::Nodes => nodes::apply(self, reporter).await,
            StepId::Replication => replication::apply(self, reporter).await,
            StepId::Proof => replication::prove(self, reporter).await,
        }
    }
}

/// What a defect looks like to a person is tested with one that is made on purpose, in builds for development only.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "to panic is what it is for")]
fn break_down_if_told(step: StepId) {
    if std::env::var("PGEDGE_BOOTSTRAP_BREAK_DOWN_AT").is_ok_and(|wanted| wanted == step.as_str()) {
        panic!("told to break down at {step}");
    }
}
