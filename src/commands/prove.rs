//! `prove`: the replication proof on what is there.

use std::sync::Arc;

use anyhow::Result;
use bootstrap_run::event::RunEnd;
use bootstrap_run::failure::Invocation;
use bootstrap_run::lock::RunLock;
use bootstrap_run::stop::{Interrupted, Stop};
use bootstrap_screen::ui;

use super::Verdict;
use super::run::Run;
use crate::cli::{Output, Prove};
use crate::plan;

pub(super) async fn run(arguments: &Prove, given: &Invocation, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let begun = async {
        let context = super::own_context(common, Some(&arguments.shape), given).await?;
        let lock = RunLock::take(&context.places.state, "prove", super::say_wait).await?;
        super::say_unwritten(&lock);
        Ok::<_, anyhow::Error>((Arc::new(context), lock))
    };
    let (context, _lock) = tokio::select! {
        begun = begun => begun?,
        () = stop.asked() => return Err(Interrupted.into()),
    };
    // With JSON the one object that is printed is the matrix, and a failure goes where failures go.
    let reporter = if common.output == Output::Json { ui::silent() } else { super::reporter(common) };
    let run = Run { context: &context, plan: plan::proof(&context.stack), deadline: None, reporter, stop };
    match common.output {
        Output::Json => {
            let outcome = run.outcome().await;
            if outcome.end == RunEnd::Interrupted {
                return Err(Interrupted.into());
            }
            outcome.errors.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))?;
        }
        Output::Text => {
            let verdict = run.verdict().await;
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
