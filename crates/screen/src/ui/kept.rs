//! The lines that stay on a terminal when they have been said.

use bootstrap_run::step::Stage;

use super::board::{Held, Kept};
use super::look::{Look, Paint};
use super::words::{adopted_lines, closing, command_lines, heading, names};
use super::{amount, failure, fit};

/// Where names stand in a column of their own.
pub(super) const WIDE: usize = 60;

/// The column of the stage's name.
const STAGE: usize = 11;

/// The lines that stay, of at most `width` columns each. What may be long is wrapped if it is evidence, and cut if the
/// other forms tell it in full.
pub(super) fn lines(kept: &Kept, width: usize, look: Look) -> Vec<String> {
    let cut = |text: &str| fit::fit(text, width, look.ellipsis());
    match kept {
        Kept::Heading { version, cluster } => {
            vec![look.paint(Paint::Bold, &cut(&heading(version, cluster)))]
        }
        Kept::Adopted(adopted) => adopted_lines(adopted, None).iter().map(|line| cut(&format!("  {line}"))).collect(),
        Kept::Done { title, detail, seconds } => {
            let time = seconds.map_or_else(String::new, |seconds| format!(" ({})", amount::took(seconds)));
            vec![marked(&look.paint(Paint::Good, look.good()), title, &fit::clean(detail), &time, width, look)]
        }
        Kept::Held { stage, steps } => held(*stage, steps, width, look),
        Kept::Failed { title, seconds } => {
            let time = format!(" ({})", amount::took(*seconds));
            vec![marked(&look.paint(Paint::Bad, look.bad()), title, "", &time, width, look)]
        }
        Kept::Cancelled { steps } => vec![look.paint(Paint::Dim, &cut(&format!("- stopped: {}", names(steps))))],
        Kept::Command { command, exit, seconds, output } => command_lines(command, *exit, *seconds, output)
            .iter()
            .map(|line| look.paint(Paint::Dim, &cut(line)))
            .collect(),
        Kept::Closing { end, changed, seconds } => fit::wrap(&closing(*end, *changed, *seconds), width),
        Kept::Failure(told) => failure::lines(told, Some(width), look),
    }
}

/// `✓ helm is installed and verified: 4.3.0 (1.2 s)`; where there is no room, the detail is cut before the time.
fn marked(mark: &str, title: &str, detail: &str, time: &str, width: usize, look: Look) -> String {
    let room = width.saturating_sub(2);
    let title = fit::fit(title, room, look.ellipsis());
    let colon = if detail.is_empty() { "" } else { ": " };
    let room = room.saturating_sub(fit::columns(&title) + colon.len());
    let time = if room >= time.len() { time } else { "" };
    let detail = fit::fit(detail, room - time.len(), look.ellipsis());
    let colon = if detail.is_empty() { "" } else { colon };
    format!("{mark} {title}{colon}{}", look.paint(Paint::Dim, &format!("{detail}{time}")))
}

/// `✓ tools      kind 0.33.0; helm 4.3.0; …`: a stage's steps that held already, in the order of the plan.
fn held(stage: Stage, steps: &[Held], width: usize, look: Look) -> Vec<String> {
    let items: Vec<String> = steps.iter().map(item).collect();
    let narrow = width < WIDE;
    let label = if narrow { format!("{} ", stage.as_str()) } else { format!("{:<STAGE$}", stage.as_str()) };
    let indent = if narrow { 2 } else { 2 + STAGE };
    let rows = fit::wrap_items(&items, width.saturating_sub(2 + label.len()), width.saturating_sub(indent));
    let lines = rows.iter().enumerate().map(|(place, row)| {
        let row = look.paint(Paint::Dim, row);
        match place {
            0 => format!("{} {}", look.paint(Paint::Good, look.good()), format!("{label}{row}").trim_end()),
            _ => format!("{:indent$}{row}", ""),
        }
    });
    lines.collect()
}

/// The same in one line, while there are more to come.
pub(super) fn held_so_far(stage: Stage, steps: &[Held], width: usize, look: Look) -> String {
    let mark = look.paint(Paint::Good, look.good());
    if width <= 2 {
        return mark;
    }
    let items = steps.iter().map(item).collect::<Vec<_>>().join("; ");
    let label = format!("{:<STAGE$}", stage.as_str());
    let items = fit::fit(&items, width.saturating_sub(2 + label.len()), look.ellipsis());
    let label = fit::fit(&label, width.saturating_sub(2), "");
    format!("{mark} {label}{}", look.paint(Paint::Dim, &items))
}

fn item(held: &Held) -> String {
    format!("{} {}", held.step, fit::clean(&held.detail)).trim_end().to_owned()
}

#[cfg(test)]
mod tests;
