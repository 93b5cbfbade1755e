//! `prove`: the replication proof on what is there.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use super::run::Run;
use crate::cli::{Output, Prove};
use crate::event::RunEnd;
use crate::lock::RunLock;
use crate::plan::Plan;
use crate::stop::Stop;
use crate::ui;

pub(super) async fn run(arguments: &Prove, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let context = Arc::new(super::context(common, Some(&arguments.shape))?);
    let _lock = RunLock::take(&context.places.state, "prove").await?;
    // With JSON the one object that is printed is the matrix, and a failure goes where failures go.
    let reporter = if common.output == Output::Json { ui::silent() } else { super::reporter(common) };
    let run = Run { context: &context, plan: Plan::proof(), deadline: None, reporter, stop };
    match common.output {
        Output::Json => {
            let outcome = run.outcome().await;
            if outcome.end == RunEnd::Interrupted {
                return Ok(Verdict::Interrupted);
            }
            outcome.errors.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))?;
        }
        Output::Text => {
            let verdict = run.verdict().await?;
            if verdict != Verdict::Good {
                return Ok(verdict);
            }
        }
    }
    if let Some(matrix) = context.proof.get() {
        match common.output {
            Output::Json => ui::print(&format!("{}\n", serde_json::to_string(matrix)?))?,
            Output::Text => ui::print(&matrix.table())?,
        }
    }
    Ok(Verdict::Good)
}
