//! `up`: everything, to the proof.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use crate::cli::{Output, Up};
use crate::converge::converge;
use crate::lock::RunLock;
use crate::plan::Plan;
use crate::step::Stage;
use crate::ui;

pub(super) async fn run(arguments: &Up) -> Result<Verdict> {
    let common = &arguments.common;
    let context = Arc::new(super::context(common, Some(&arguments.shape))?);
    let _lock = RunLock::take(&context.places.state, "up")?;
    let plan = Plan::until(arguments.until);
    let outcome = converge(Arc::clone(&context), &plan, common.name.as_str(), super::reporter(common)).await;
    let verdict = super::concluded(outcome)?;
    if verdict == Verdict::Good && common.output == Output::Text {
        if let Some(matrix) = context.proof.get() {
            ui::print(&matrix.table())?;
        }
        if !common.quiet {
            ui::say(&next(arguments.until, &super::cluster_flag(common)));
        }
    }
    Ok(verdict)
}

/// What a person may want to do now.
fn next(until: Stage, flag: &str) -> String {
    let environment = format!("eval \"$(pgedge-bootstrap env{flag})\"");
    match until {
        Stage::Tools => format!("\nthe tools:    {environment}\n"),
        Stage::Cluster | Stage::Operators => {
            format!("\nlook around:  {environment}\n              kubectl get pods --all-namespaces\n")
        }
        Stage::Deploy | Stage::Prove => format!(
            "\nlook around:  {environment}\n              kubectl cnpg status pgedge-n1\n              \
             kubectl cnpg psql pgedge-n1 -- -U app app\nremove it:    pgedge-bootstrap down{flag}\n"
        ),
    }
}
