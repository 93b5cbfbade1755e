//! `prefetch`: everything that can be had before there is a cluster, as the prebuild of a Codespace wants it.

use std::sync::Arc;

use anyhow::Result;
use bootstrap_run::failure::Invocation;
use bootstrap_run::stop::Stop;

use super::Verdict;
use super::run::Run;
use crate::cli::Prefetch;
use crate::plan;

pub(super) async fn run(arguments: &Prefetch, given: &Invocation, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let context = super::context_of(common, None, super::places(common)?, arguments.codespace, given)?;
    context.fetcher()?;
    let context = Arc::new(context);
    let reporter = super::recorded(&context, common, "prefetch", false, None);
    let plan = plan::prefetch(&context.stack);
    let plan = if context.options.docker_comes { plan } else { plan::behind_docker(plan) };
    Ok(Run { context: &context, plan, deadline: None, reporter, stop }.verdict().await)
}
