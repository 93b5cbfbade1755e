//! `versions`: every pin, where it is from, and how it is verified.

use anyhow::Result;
use bootstrap_fetch::platform::Platform;
use bootstrap_screen::ui;
use serde_json::Value;

use super::Verdict;
use crate::cli::{Common, Output};
use crate::pins::{ImageRole, Pins, Tool};

pub(super) fn run(common: &Common) -> Result<Verdict> {
    let ((pins, read), platform) = (super::pins(common)?, super::platform()?);
    match common.output {
        Output::Json => {
            // The file itself: what is printed can be edited and given to --pins.
            let document: Value = serde_json::from_str(&read)?;
            ui::print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
        }
        Output::Text => ui::print(&text(&pins, platform)?)?,
    }
    Ok(Verdict::Good)
}

fn text(pins: &Pins, platform: Platform) -> Result<String> {
    let mut lines = Vec::new();
    let mut line = |what: &str, version: &str, how: &str, source: &str| {
        lines.push(format!("{what:<30} {version:<30} {how:<24} {source}\n"));
    };
    line("WHAT", "VERSION", "VERIFIED BY", "SOURCE");
    let short = |sum: &str| format!("sha256 {}…", &sum[..12]);
    for tool in Tool::ALL {
        let pin = pins.tool(tool)?;
        line(tool.as_str(), &pin.version, &short(pins.tool_file(tool, platform)?.sha256.as_str()), &pin.source);
    }
    for (name, pin) in
        [("cert-manager", &pins.manifests.cert_manager), ("cloudnative-pg", &pins.manifests.cloudnative_pg)]
    {
        line(name, &pin.version, &short(pin.sha256.as_str()), &pin.source);
    }
    let chart = &pins.chart;
    line(
        &format!("chart {}", chart.name),
        &chart.version,
        &format!("sha256 of {} files", chart.files.len()),
        &chart.source,
    );
    for pin in &pins.node_images {
        line("node image", pin.image.tag(), "digest", &pin.image.to_string());
    }
    for role in ImageRole::ALL {
        let pin = pins.image(role)?;
        let how = if pin.digest.is_some() { "digest" } else { "immutable tag" };
        line(&format!("image {}", role.as_str()), pin.image.tag(), how, &pin.source);
    }
    Ok(lines.concat())
}
