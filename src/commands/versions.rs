//! `versions`: every pin, where it is from, and how it is verified.

use anyhow::Result;
use bootstrap_fetch::platform::Platform;
use bootstrap_fetch::sum::Sha256;
use bootstrap_screen::ui;

use super::Verdict;
use crate::cli::{Common, Output};
use crate::stack::Pins;

pub(super) fn run(common: &Common) -> Result<Verdict> {
    let ((stack, _), platform) = (super::stack(common)?, super::platform()?);
    let pins = &stack.pins;
    match common.output {
        Output::Json => {
            // What is printed can be edited and given to --pins.
            ui::print(&format!("{}\n", serde_json::to_string_pretty(pins)?))?;
        }
        Output::Text => ui::print(&text(pins, platform))?,
    }
    Ok(Verdict::Good)
}

fn text(pins: &Pins, platform: Platform) -> String {
    let mut lines = Vec::new();
    let mut line = |what: &str, version: &str, how: &str, source: &str| {
        lines.push(format!("{what:<30} {version:<30} {how:<24} {source}\n"));
    };
    line("WHAT", "VERSION", "VERIFIED BY", "SOURCE");
    let short = |sum: Option<&Sha256>| {
        sum.map_or_else(|| "nothing yet".to_owned(), |sum| format!("sha256 {}…", &sum.as_str()[..12]))
    };
    for (name, pin) in &pins.tools {
        let how = match pin.platforms.get(&platform) {
            Some(file) => short(file.sha256.as_ref()),
            None => format!("not for {platform}"),
        };
        line(name.as_str(), &pin.version, &how, &pin.source);
    }
    for (name, pin) in &pins.manifests {
        line(name.as_str(), &pin.version, &short(pin.sha256.as_ref()), &pin.source);
    }
    if let Some(chart) = &pins.chart {
        let how = match chart.files.iter().any(|file| file.sha256.is_none()) {
            true => "nothing yet".to_owned(),
            false => format!("sha256 of {} files", chart.files.len()),
        };
        line(&format!("chart {}", chart.name), &chart.version, &how, &chart.source);
    }
    for pin in &pins.node_images {
        let how = if pin.digest.is_some() { "digest" } else { "nothing yet" };
        line("node image", pin.image.tag(), how, &pin.image.to_string());
    }
    for (role, pin) in &pins.images {
        let how = if pin.digest.is_some() { "digest" } else { "immutable tag" };
        line(&format!("image {role}"), pin.image.tag(), how, &pin.source);
    }
    lines.concat()
}
