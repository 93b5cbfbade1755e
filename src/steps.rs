//! The steps, one file a subject: how each is observed and applied.

mod announcement;
mod api;
mod chart;
mod cluster;
mod host;
mod images;
mod node_image;
mod nodes;
mod operators;
mod permissions;
mod registries;
mod release;
mod replication;
mod room;
#[cfg(test)]
pub(crate) mod test_run;
mod tools;
mod unsent;

use std::future::ready;

use anyhow::Result;
use bootstrap_engine::World;
use bootstrap_run::event::StepReporter;
use bootstrap_run::step::Observation;
use futures::future::{BoxFuture, FutureExt as _};

use crate::context::Context;
use crate::step_id::StepId;

pub(crate) use announcement::{announcement, refuse_forbidden};
pub(crate) use api::version_of_adopted;
pub(crate) use chart::folder as chart_folder;
pub(crate) use cluster::remains as remains_of_cluster;
pub(crate) use cluster::remove as remove_cluster;
pub(crate) use cluster::{Scope, cause_in_docker, halted as halted_cluster, lead_home, refuse_foreign};
pub(crate) use cluster::{claim as claim_cluster, end_work};
pub(crate) use nodes::{NodeHealth, health as node_health};
pub(crate) use release::{ensure_namespace, locate as locate_release, values as release_values};
pub(crate) use replication::{databases, mesh as replication_mesh, replication_failure};
pub(crate) use tools::{mark as mark_of_tool, may_replace as may_replace_tool};

impl World for Context {
    type Step = StepId;

    async fn observe(&self, step: StepId) -> Result<Observation> {
        observing(self, step).await
    }

    async fn apply(&self, step: StepId, reporter: &StepReporter) -> Result<()> {
        #[cfg(debug_assertions)]
        break_down_if_told(step)?;
        match applying(self, step, reporter).await {
            // What runs in the cluster finds the rest of it by names.
            Err(symptom) if matches!(step, StepId::Release | StepId::Nodes | StepId::Replication | StepId::Proof) => {
                Err(cluster::blamed(self, symptom).await)
            }
            applied => applied,
        }
    }
}

/// On the heap, and made outside of what waits for it: a future that may be any step's has room for all of them, and so has
/// each frame of the stack that it goes through. A thread's stack is too small for that.
fn observing(context: &Context, step: StepId) -> BoxFuture<'_, Result<Observation>> {
    match step {
        StepId::Docker => host::observe(context).boxed(),
        StepId::Tool(tool) => tools::observe(context, tool).boxed(),
        StepId::NodeImage => node_image::observe(context).boxed(),
        StepId::Manifest(operator) => operators::observe_manifest(context, operator).boxed(),
        StepId::Chart => chart::observe(context).boxed(),
        StepId::Api => api::observe(context).boxed(),
        StepId::Cluster => cluster::observe(context).boxed(),
        StepId::Images => images::observe(context).boxed(),
        StepId::Operator(operator) => operators::observe(context, operator).boxed(),
        StepId::Room => ready(Ok(room::observe(context))).boxed(),
        StepId::Release => release::observe(context).boxed(),
        StepId::Nodes => nodes::observe(context).boxed(),
        StepId::Replication => replication::observe(context).boxed(),
        StepId::Proof => ready(Ok(replication::observe_proof(context))).boxed(),
    }
}

/// As [`observing`].
fn applying<'a>(context: &'a Context, step: StepId, reporter: &'a StepReporter) -> BoxFuture<'a, Result<()>> {
    match step {
        StepId::Docker => host::apply(context, reporter).boxed(),
        StepId::Tool(tool) => tools::apply(context, tool, reporter).boxed(),
        StepId::NodeImage => node_image::apply(context, reporter).boxed(),
        StepId::Manifest(operator) => operators::fetch_manifest(context, operator, reporter).boxed(),
        StepId::Chart => chart::apply(context, reporter).boxed(),
        StepId::Api => api::apply(context, reporter).boxed(),
        StepId::Cluster => cluster::apply(context, reporter).boxed(),
        StepId::Images => images::apply(context, reporter).boxed(),
        StepId::Operator(operator) => operators::apply(context, operator, reporter).boxed(),
        StepId::Room => room::apply(context).boxed(),
        StepId::Release => release::apply(context, reporter).boxed(),
        StepId::Nodes => nodes::apply(context, reporter).boxed(),
        StepId::Replication => replication::apply(context, reporter).boxed(),
        StepId::Proof => replication::prove(context, reporter).boxed(),
    }
}

/// What a defect looks like to a person is tested with one that is made on purpose, in builds for development only.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "to panic is what it is for")]
fn break_down_if_told(step: StepId) -> Result<()> {
    let is_told = |variable| std::env::var(variable).is_ok_and(|wanted| wanted == step.as_str());
    if is_told("PGEDGE_BOOTSTRAP_BREAK_DOWN_AT") {
        panic!("told to break down at {step}");
    }
    anyhow::ensure!(!is_told("PGEDGE_BOOTSTRAP_FAIL_AT"), "told to fail at {step}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::test_run::TestRun;
    use super::*;

    /// A run that overflows its stack ends without a word.
    #[tokio::test]
    async fn the_future_of_a_step_does_not_hold_every_other_step() {
        let run = TestRun::new();
        let reporter = run.reporter(StepId::Replication);
        let apply = size_of_val(&World::apply(&run.context, StepId::Replication, &reporter));
        let observe = size_of_val(&World::observe(&run.context, StepId::Replication));
        assert!(apply < 16 << 10 && observe < 1 << 10, "{apply} and {observe} bytes");
    }
}
