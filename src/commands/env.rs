//! `env`: the environment in which the tools reach the cluster, for a shell to evaluate.

use anyhow::Result;

use super::Verdict;
use crate::cli::{Common, Output};
use crate::ui;

pub(super) fn run(common: &Common) -> Result<Verdict> {
    let (places, _) = super::places(common, false)?;
    let chart = crate::steps::chart_folder(&super::pins(common)?.chart, &places);
    let [kubeconfig, bin, chart] = [&places.kubeconfig, &places.bin, &chart].map(|path| path.display().to_string());
    match common.output {
        Output::Json => {
            ui::print(&format!(
                "{}\n",
                serde_json::json!({
                    "schema": 1, "KUBECONFIG": kubeconfig, "PGEDGE_CHART": chart, "bin": bin
                })
            ))?;
        }
        Output::Text => {
            let lines = format!("export KUBECONFIG={}\nexport PGEDGE_CHART={}\n", quoted(&kubeconfig), quoted(&chart));
            ui::print(&format!("{lines}export PATH={}:\"$PATH\"\n", quoted(&bin)))?;
        }
    }
    Ok(Verdict::Good)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
