//! `tools`: the four verified tools, and nothing else.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use super::run::Run;
use crate::cli::{Common, Output};
use crate::plan::Plan;
use crate::stop::Stop;
use crate::ui;

pub(super) async fn run(common: &Common, stop: &Stop) -> Result<Verdict> {
    let context = Arc::new(super::context(common, None)?);
    let run = Run { context: &context, plan: Plan::tools(), deadline: None, reporter: super::reporter(common), stop };
    let verdict = run.verdict().await?;
    if verdict == Verdict::Good && common.output == Output::Text {
        ui::print(&format!("{}\n", context.places.bin.display()))?;
    }
    Ok(verdict)
}
