//! `prefetch`: everything that can be had before there is a cluster, as the prebuild of a Codespace wants it.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use super::run::Run;
use crate::cli::Prefetch;
use crate::plan::Plan;
use crate::stop::Stop;

pub(super) async fn run(arguments: &Prefetch, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let context = super::context_of(common, None, super::places(common, arguments.codespace)?, arguments.codespace)?;
    let context = Arc::new(context);
    let reporter = super::recorded(&context, common, "prefetch", false, None);
    Run { context: &context, plan: Plan::prefetch(), deadline: None, reporter, stop }.verdict().await
}
