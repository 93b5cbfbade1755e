//! The chart: the pinned files, laid out as the folder that helm reads.

use std::path::PathBuf;

use anyhow::Result;
use bootstrap_fetch::download::sum_of_file;
use bootstrap_fetch::sum::Sha256;
use bootstrap_run::event::StepReporter;
use bootstrap_run::step::Observation;
use bootstrap_run::work::heavy;
use bootstrap_run::{failure, file};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::context::Context;
use crate::places::Places;
use crate::stack::ChartPin;

/// One sum for the whole chart: of the lines `<sum>  <path>`, as `sha256sum` would print them.
///
/// # Errors
/// [`FailureId::PinUnknown`](failure::FailureId::PinUnknown).
pub(super) fn sum(chart: &ChartPin) -> Result<Sha256> {
    let mut hasher = Hasher::new();
    for file in &chart.files {
        hasher.update(format!("{}  {}\n", file.sum()?, file.path));
    }
    Ok(Sha256::from_bytes(&hasher.finalize()))
}

/// The folder is named by the chart's sum, so that two editions never mix.
///
/// # Errors
/// Those of [`sum`].
pub(crate) fn folder(chart: &ChartPin, places: &Places) -> Result<PathBuf> {
    Ok(places.cache.join("charts").join(sum(chart)?.as_str()).join(&chart.name))
}

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let chart = context.stack.pins.chart()?.clone();
    let folder = folder(&chart, &context.places)?;
    let look = heavy(move || {
        for file in &chart.files {
            match sum_of_file(&folder.join(&file.path))? {
                None => return Ok(Observation::Missing(format!("{} is not here yet", file.path))),
                Some(found) if Some(&found) != file.sha256.as_ref() => {
                    return Ok(Observation::Wrong(format!("{} was changed", file.path)));
                }
                Some(_) => {}
            }
        }
        Ok(Observation::Done(chart.version))
    });
    look.await
}

pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let (chart, fetcher) = (context.stack.pins.chart()?, context.fetcher()?);
    let fetches = chart.files.iter().map(async |file| fetcher.fetch(&file.url, file.sum()?, reporter).await);
    let sources = futures::future::try_join_all(fetches).await?;
    let folder = folder(chart, &context.places)?;
    for (pin, source) in chart.files.iter().zip(sources) {
        let bytes = fs_err::read(source).map_err(failure::from_io)?;
        file::replace(&folder.join(&pin.path), &bytes, file::PUBLIC)?;
    }
    Ok(())
}
