//! `values`: what `up` tells the chart, as the file that helm reads.

use anyhow::{Context as _, Result};
use bootstrap_run::failure::Invocation;
use bootstrap_screen::ui;

use super::Verdict;
use crate::cli::{Output, Values};
use crate::steps;

pub(super) async fn run(arguments: &Values, given: &Invocation) -> Result<Verdict> {
    let context = super::located_context(&arguments.common, Some(&arguments.shape), given).await?;
    let values = steps::release_values(&context)?;
    match arguments.common.output {
        Output::Json => ui::print(&format!("{values}\n"))?,
        Output::Text => ui::print(&serde_saphyr::to_string(&values).context("cannot write the values as YAML")?)?,
    }
    Ok(Verdict::Good)
}
