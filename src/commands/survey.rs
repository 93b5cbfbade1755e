//! What `verify`, `up --dry-run` and the preparation of a lesson print: what a survey of a plan finds.

use anyhow::Result;
use bootstrap_engine::{self as engine, Sight};

use super::finding::Finding;
use crate::context::Context;
use crate::plan::Plan;
use crate::step_id::StepId;

/// Looks at the steps of a plan, each after those that a look at it goes through. What stands behind one that does not hold is
/// [blocked](Finding::blocked): the cause is found once.
///
/// # Errors
/// What is not an expected failure.
pub(super) async fn survey(context: &Context, plan: &Plan) -> Result<Vec<(StepId, Finding)>> {
    let found = engine::survey(plan, |step| Finding::of(context, step), Finding::holds).await?;
    let finding = |sight| match sight {
        Sight::Seen(finding) => finding,
        Sight::Blocked(by) => Finding::blocked(by),
    };
    Ok(found.into_iter().map(|(step, sight)| (step, finding(sight))).collect())
}
