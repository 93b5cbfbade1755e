//! A failure in lines: what failed, what was seen, what to do.

use bootstrap_run::failure::Report;

use super::fit;
use super::look::{Look, Paint};

/// ```text
/// error: docker does not answer (docker-not-running)
///        Cannot connect to the Docker daemon at unix:///var/run/docker.sock
/// hint: start docker and run this again
/// ```
/// With a `width`, what is longer is wrapped, since all of it counts.
pub(super) fn lines(report: &Report, width: Option<usize>, look: Look) -> Vec<String> {
    let Report { id, summary, evidence, hint, .. } = report;
    let mut lines = block("error: ", Paint::Bad, &format!("{} ({id})", fit::clean(summary)), width, look);
    for seen in evidence.iter().flat_map(|seen| fit::clean_lines(seen)) {
        lines.extend(block("       ", Paint::Dim, &seen, width, look));
    }
    if !hint.is_empty() {
        lines.extend(block("hint: ", Paint::Hint, &fit::clean(hint), width, look));
    }
    lines
}

/// Narrower than this, the indent is given up.
const NARROW: usize = 30;

fn block(label: &str, paint: Paint, text: &str, width: Option<usize>, look: Look) -> Vec<String> {
    let Some(width) = width else { return vec![look.paint(paint, label) + text] };
    let indent = if width < NARROW { 0 } else { label.len() };
    let rows = fit::wrap(text, width.saturating_sub(label.len()));
    rows.iter()
        .enumerate()
        .map(|(row, text)| match row {
            0 => look.paint(paint, label) + text,
            _ => format!("{:indent$}{text}", ""),
        })
        .collect()
}
