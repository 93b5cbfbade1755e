//! The numbers behind the picture: every step, and the programs that took longest.

use std::fmt::Write as _;

use super::words::{bytes, escape, mark, outcome, time};
use crate::timeline::{CommandTrack, Outcome, Seconds, Timeline, Track};

/// More are in the data.
const SLOWEST: usize = 12;

pub(super) fn steps(timeline: &Timeline) -> String {
    let mut rows = String::new();
    for step in &timeline.steps {
        let rate = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!("{}/s", bytes(rate)));
        let transfer = step.bytes.as_ref();
        let cells = [
            step.start.map_or_else(String::new, time),
            step.end.map_or_else(String::new, |_| time(step.own)),
            sum(step.queue().into_iter()),
            sum(step.waits.iter().map(|wait| (wait.from, wait.to))),
            transfer.map_or_else(String::new, |transfer| bytes(transfer.done as f64)),
            rate(transfer.and_then(|transfer| transfer.mean)),
            rate(transfer.and_then(|transfer| transfer.peak)),
        ];
        let _ = writeln!(
            rows,
            "<tr class=\"{class}\"><th scope=\"row\">{id}</th><td class=\"words\">{mark} {outcome}</td>{cells}</tr>",
            class = class(step),
            id = step.id,
            mark = mark(step.outcome),
            outcome = outcome(step.outcome),
            cells = cells.map(|cell| format!("<td>{cell}</td>")).concat(),
        );
    }
    let numbers = ["start", "own time", "queued", "waited", "bytes", "mean", "peak"];
    table("The steps", &["step", "end"], &numbers, &rows)
}

/// Empty if no program was started.
pub(super) fn commands(timeline: &Timeline) -> String {
    let mut slowest: Vec<&CommandTrack> = timeline.commands.iter().collect();
    if slowest.is_empty() {
        return String::new();
    }
    slowest.sort_by_key(|command| std::cmp::Reverse(command.to - command.from));
    let mut rows = String::new();
    for command in slowest.iter().take(SLOWEST) {
        let _ = writeln!(
            rows,
            "<tr><td class=\"words\"><code>{}</code></td><td class=\"words\">{}</td><td>{}</td><td>{}</td></tr>",
            escape(&command.command),
            command.step.map_or("", |step| step.as_str()),
            time(command.to - command.from),
            command.exit.map_or_else(|| "none".to_owned(), |exit| exit.to_string()),
        );
    }
    let heading = match slowest.len() {
        count if count > SLOWEST => format!("The {SLOWEST} slowest of {count} commands"),
        _ => "The commands, slowest first".to_owned(),
    };
    let table = table(&heading, &["command", "step"], &["time", "exit"], &rows);
    format!("<section>\n<h2>{heading}</h2>\n{table}</section>\n")
}

/// A table that may be wider than the window, and is moved with the keyboard then.
fn table(name: &str, words: &[&str], numbers: &[&str], rows: &str) -> String {
    let words = words.iter().map(|column| format!("<th scope=\"col\" class=\"words\">{column}</th>"));
    let numbers = numbers.iter().map(|column| format!("<th scope=\"col\">{column}</th>"));
    let head: String = words.chain(numbers).collect();
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\">\n<table>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn sum(stretches: impl Iterator<Item = (Seconds, Seconds)>) -> String {
    match stretches.map(|(from, to)| to - from).sum() {
        Seconds::ZERO => String::new(),
        sum => time(sum),
    }
}

fn class(step: &Track) -> &'static str {
    match step.outcome {
        Outcome::Failed => "failed",
        Outcome::NeverStarted => "never",
        Outcome::Done | Outcome::Changed | Outcome::Cancelled => "",
    }
}
