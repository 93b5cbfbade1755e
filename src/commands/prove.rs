//! `prove`: the replication proof on what is there.

use anyhow::Result;

use super::Verdict;
use crate::cli::{Output, Prove};
use crate::converge::World as _;
use crate::event::StepReporter;
use crate::lock::RunLock;
use crate::step::StepId;
use crate::ui;

pub(super) async fn run(arguments: &Prove) -> Result<Verdict> {
    let context = super::context(&arguments.common, Some(&arguments.shape))?;
    let _lock = RunLock::take(&context.places.state, "prove")?;
    context.apply(StepId::Proof, &StepReporter::new(StepId::Proof, ui::silent())).await?;
    if let Some(matrix) = context.proof.get() {
        match arguments.common.output {
            Output::Json => ui::print(&format!("{}\n", serde_json::to_string(matrix)?))?,
            Output::Text => ui::print(&matrix.table())?,
        }
    }
    Ok(Verdict::Good)
}
