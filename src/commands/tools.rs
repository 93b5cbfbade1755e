//! `tools`: the verified tools, and nothing else.

use std::sync::Arc;

use anyhow::Result;
use bootstrap_run::failure::Invocation;
use bootstrap_run::stop::Stop;
use bootstrap_screen::ui;

use super::Verdict;
use super::run::Run;
use crate::cli::{Output, Tools};
use crate::plan;

pub(super) async fn run(arguments: &Tools, given: &Invocation, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let page = arguments.timings.as_deref().map(ui::timeline).transpose()?;
    let context = Arc::new(super::context(common, None, given)?);
    context.fetcher()?;
    if common.bin_dir.is_some() {
        context.places.remember_bin()?;
    }
    let reporter = super::recorded(&context, common, "tools", false, page);
    let run = Run { context: &context, plan: plan::tools(&context.stack), deadline: None, reporter, stop };
    let verdict = run.verdict().await;
    if verdict == Verdict::Good && common.output == Output::Text {
        ui::print(&format!("{}\n", context.places.bin.display()))?;
    }
    Ok(verdict)
}
