//! `prove`: the replication proof on what is there.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use crate::cli::{Output, Prove};
use crate::converge::converge;
use crate::lock::RunLock;
use crate::plan::Plan;
use crate::ui;

pub(super) async fn run(arguments: &Prove) -> Result<Verdict> {
    let common = &arguments.common;
    let context = Arc::new(super::context(common, Some(&arguments.shape))?);
    let _lock = RunLock::take(&context.places.state, "prove")?;
    // With JSON the one object that is printed is the matrix, and a failure goes where failures go.
    let reporter = if common.output == Output::Json { ui::silent() } else { super::reporter(common) };
    let outcome = converge(Arc::clone(&context), &Plan::proof(), common.name.as_str(), reporter).await;
    match common.output {
        Output::Json => outcome.errors.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))?,
        Output::Text => {
            if super::concluded(outcome)? == Verdict::Bad {
                return Ok(Verdict::Bad);
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
