//! `env`: the environment in which the tools reach the cluster, for a shell to evaluate.

use anyhow::Result;

use super::Verdict;
use crate::cli::{Common, Output};
use crate::ui;

pub(super) fn run(common: &Common) -> Result<Verdict> {
    let places = super::places(common)?;
    let (kubeconfig, bin) = (places.kubeconfig.display().to_string(), places.bin.display().to_string());
    match common.output {
        Output::Json => {
            ui::print(&format!("{}\n", serde_json::json!({"schema": 1, "KUBECONFIG": kubeconfig, "bin": bin})))?;
        }
        Output::Text => {
            ui::print(&format!("export KUBECONFIG={}\nexport PATH={}:\"$PATH\"\n", quoted(&kubeconfig), quoted(&bin)))?;
        }
    }
    Ok(Verdict::Good)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
