//! `tools`: the four verified tools, and nothing else.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use crate::cli::{Common, Output};
use crate::converge::converge;
use crate::plan::Plan;
use crate::ui;

pub(super) async fn run(common: &Common) -> Result<Verdict> {
    let context = Arc::new(super::context(common, None)?);
    let reporter = super::recorded(&context, common, "tools", false);
    let outcome = converge(Arc::clone(&context), &Plan::tools(), common.name.as_str(), reporter).await;
    let verdict = super::concluded(outcome)?;
    if verdict == Verdict::Good && common.output == Output::Text {
        ui::print(&format!("{}\n", context.places.bin.display()))?;
    }
    Ok(verdict)
}
