//! The board in lines that fit a width: those that move while the run goes on, and those that stay.

use std::time::Duration;

use super::amount;
use super::board::{Board, Doing, Held, Kept, Running, Transfer};
use super::fit;
use super::look::{Look, Paint};
use crate::event::RunEnd;
use crate::step::{Stage, StepId};

/// A full turn of the spinner takes a second.
const TURN: Duration = Duration::from_millis(100);

/// Where the ids of the steps stand in a column of their own.
const WIDE: usize = 60;

/// A reason is given its time after so long.
const SAID: Duration = Duration::from_secs(1);

/// In less room than this, what a step does is left out.
const LEGIBLE: usize = 4;

/// A bar is as wide as what is left of the line, within these.
const BAR: std::ops::RangeInclusive<usize> = 8..=30;

/// The columns of the amounts and the rates beside bars: `100.0/999.9 MB`, `999.9 kB/s`.
const AMOUNT: usize = 14;
const RATE: usize = 10;

/// The column of the stage's name.
const STAGE: usize = 11;

/// The lines that move, at most `rows` of at most `width` columns each.
pub(super) fn moving(board: &Board, now: Duration, (rows, width): (usize, usize), look: Look) -> Vec<String> {
    let footer = look.paint(Paint::Dim, &fit::fit(&footer(board, now), width, look.ellipsis()));
    let mut last: Vec<String> = later(board, width, look).into_iter().chain([footer]).collect();
    let held: Vec<String> = board.held().map(|(stage, steps)| held_so_far(stage, steps, width, look)).collect();
    let running: Vec<&Running> = board.running().collect();
    if rows <= last.len() {
        return last.split_off(last.len() - rows.min(1));
    }
    let room = rows - last.len();
    let mut lines = if held.len() + running.len() <= room { held } else { Vec::new() };
    let shown = if running.len() <= room { running.len() } else { room - 1 };
    let widest = running.iter().map(|running| running.step.as_str().len()).max().unwrap_or(0);
    let label = if width < WIDE { 0 } else { widest };
    lines.extend(running[..shown].iter().map(|running| running_line(running, now, label, width, look)));
    if shown < running.len() {
        let more = format!("  +{} more", running.len() - shown);
        lines.push(look.paint(Paint::Dim, &fit::fit(&more, width, "")));
    }
    lines.extend(last);
    lines
}

fn footer(board: &Board, now: Duration) -> String {
    let (ended, planned) = board.progress();
    format!("  {ended} of {planned} step{}, {}", plural(planned), amount::duration(now))
}

/// `later: kubectl, kubectl-cnpg (after node-image)`
fn later(board: &Board, width: usize, look: Look) -> Option<String> {
    let groups = board.queued();
    let words = groups.iter().map(|(behind, steps)| match behind.is_empty() {
        true => names(steps),
        false => format!("{} (after {})", names(steps), names(behind)),
    });
    let text = format!("  later: {}", words.collect::<Vec<_>>().join("; "));
    (!groups.is_empty()).then(|| look.paint(Paint::Dim, &fit::fit(&text, width, look.ellipsis())))
}

/// A mark, the id, what it does, and its whole time at the end of the line, as far as there is room.
fn running_line(running: &Running, now: Duration, label: usize, width: usize, look: Look) -> String {
    if width <= 2 {
        return look.spinner(now.as_millis() / TURN.as_millis()).to_owned();
    }
    let id = fit::fit(running.step.as_str(), width.saturating_sub(2), look.ellipsis());
    let elapsed = amount::duration(now.saturating_sub(running.since));
    let spinner = look.paint(Paint::Busy, look.spinner(now.as_millis() / TURN.as_millis()));
    let start = 2 + fit::columns(&id).max(label);
    let Some(room) = width.checked_sub(start + 2 + elapsed.len()) else { return format!("{spinner} {id}") };
    let (middle, used) = match room.checked_sub(2) {
        Some(room) if room >= LEGIBLE => doing(running, now, room, look),
        _ => Default::default(),
    };
    let gap = (room + 2).saturating_sub(if used == 0 { 0 } else { 2 + used });
    let between = if used == 0 { "" } else { "  " };
    format!("{spinner} {id:<label$}{between}{middle}{:gap$}{}", "", look.paint(Paint::Dim, &elapsed))
}

/// What a step does, in at most `room` columns, and how many they are.
fn doing(running: &Running, now: Duration, room: usize, look: Look) -> (String, usize) {
    let since = |since: Duration| format!(" ({})", amount::duration(now.saturating_sub(since)));
    match (&running.doing, running.transfer()) {
        (_, Some(transfer)) => transferring(transfer, now, room, look),
        (Doing::Waiting { reason, since: begun }, _) => {
            let (reason, since) = (fit::clean(reason), since(*begun));
            // What has just begun needs no number, and half a word with one says less than the words alone.
            let since =
                if now.saturating_sub(*begun) >= SAID && room >= since.len() + 12 { since } else { String::new() };
            let reason = fit::fit_both_ends(&reason, room - since.len(), look.ellipsis());
            let used = fit::columns(&reason) + since.len();
            (reason + &look.paint(Paint::Dim, &since), used)
        }
        _ => {
            let text = format!("looking whether {}", running.step.title());
            let text = fit::fit(&text, room, look.ellipsis());
            let used = fit::columns(&text);
            (look.paint(Paint::Dim, &text), used)
        }
    }
}

/// The richest of a few ways to tell it that fits.
fn transferring(transfer: &Transfer, now: Duration, room: usize, look: Look) -> (String, usize) {
    let amount = amount_of(transfer);
    let pace = pace(transfer, now);
    let full = [vec![amount.clone()], pace.clone()].concat().join("  ");
    // With a bar there is room for columns, in which amounts and rates of several lines stand below each other.
    let rate = pace.first().map_or("", String::as_str);
    let aligned =
        format!("{amount:>AMOUNT$}  {rate:>RATE$}{}", pace.get(1).map_or(String::new(), |left| format!("  {left}")));
    let aligned = aligned.trim_end();
    if let Some(total) = transfer.total
        && let Some(space) = room.checked_sub(aligned.len() + 2)
        && space >= *BAR.start()
    {
        let width = space.min(*BAR.end());
        let (done, left) = look.bar(transfer.done, total, width);
        let text = format!("{}{}  {aligned}", look.paint(Paint::Busy, &done), look.paint(Paint::Dim, &left));
        return (text, width + 2 + aligned.len());
    }
    let percent = transfer.total.map(|total| format!("{} %", percent(transfer.done, total)));
    let first_pace = pace.into_iter().next();
    let shorter = [percent.clone(), first_pace].into_iter().flatten().collect::<Vec<_>>().join("  ");
    let ways = [full, shorter, amount, percent.unwrap_or_default()];
    let text = ways.into_iter().find(|text| text.len() <= room).unwrap_or_default();
    let used = text.len();
    (text, used)
}

/// `12.3/18.9 MB`, or what has arrived where the sender does not say how much there is.
fn amount_of(transfer: &Transfer) -> String {
    transfer.total.map_or_else(|| amount::bytes(transfer.done), |total| amount::bytes_of(transfer.done, total))
}

/// The rate and the time that is left, or for how long nothing has come.
fn pace(transfer: &Transfer, now: Duration) -> Vec<String> {
    if let Some(silent) = transfer.stalled(now) {
        return vec![format!("no bytes for {}", amount::duration(silent))];
    }
    let left = transfer.left(now).map(|left| format!("{} left", amount::duration(left)));
    transfer.rate(now).map(amount::rate).into_iter().chain(left).collect()
}

fn percent(done: u64, total: u64) -> u128 {
    if total == 0 { 0 } else { u128::from(done.min(total)) * 100 / u128::from(total) }
}

/// What a running step does, in words without a limit: for the lines of the plain form.
pub(super) fn in_words(running: &Running, now: Duration) -> String {
    let time = amount::duration(now.saturating_sub(running.since));
    let words = match (&running.doing, running.transfer()) {
        (_, Some(transfer)) => [vec![amount_of(transfer)], pace(transfer, now)].concat().join(", "),
        (Doing::Waiting { reason, since }, _) => {
            format!("{} (since {})", fit::clean(reason), amount::duration(now.saturating_sub(*since)))
        }
        (Doing::Queued { behind }, _) => format!("later, after {}", names(behind)),
        _ => "looking".to_owned(),
    };
    format!("{} for {time}: {words}", running.step)
}

/// The lines that stay, of at most `width` columns each. What may be long is wrapped if it is evidence, and cut if the
/// other forms tell it in full.
pub(super) fn kept(kept: &Kept, width: usize, look: Look) -> Vec<String> {
    let cut = |text: &str| fit::fit(text, width, look.ellipsis());
    match kept {
        Kept::Heading { version, cluster } => {
            vec![look.paint(Paint::Bold, &cut(&heading(version, cluster)))]
        }
        Kept::Done { step, detail, seconds } => {
            let time = seconds.map_or_else(String::new, |seconds| format!(" ({})", amount::took(seconds)));
            vec![marked(&look.paint(Paint::Good, look.good()), step.title(), &fit::clean(detail), &time, width, look)]
        }
        Kept::Held { stage, steps } => held(*stage, steps, width, look),
        Kept::Failed { step, seconds } => {
            let time = format!(" ({})", amount::took(*seconds));
            vec![marked(&look.paint(Paint::Bad, look.bad()), step.title(), "", &time, width, look)]
        }
        Kept::Cancelled { steps } => vec![look.paint(Paint::Dim, &cut(&format!("- stopped: {}", names(steps))))],
        Kept::Command { command, exit, seconds, output } => command_lines(command, *exit, *seconds, output)
            .iter()
            .map(|line| look.paint(Paint::Dim, &cut(line)))
            .collect(),
        Kept::Closing { end, changed, seconds } => fit::wrap(&closing(*end, *changed, *seconds), width),
        Kept::Failure(told) => super::failure::lines(told, Some(width), look),
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

/// `✓ tools      helm 4.3.0; kind 0.33.0; …`: a stage's steps that held already.
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
fn held_so_far(stage: Stage, steps: &[Held], width: usize, look: Look) -> String {
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

/// A command as it was run, and what it printed if it did not end well.
pub(super) fn command_lines(command: &str, exit: Option<i32>, seconds: f64, output: &[String]) -> Vec<String> {
    let end = match exit {
        Some(0) => String::new(),
        Some(code) => format!("exit {code}, "),
        None => "killed, ".to_owned(),
    };
    let first = format!("$ {} ({end}{})", fit::clean(command), amount::took(seconds));
    let output = if exit == Some(0) { &[] } else { output };
    let rest = output.iter().flat_map(|line| fit::clean_lines(line)).map(|line| format!("    {line}"));
    std::iter::once(first).chain(rest).collect()
}

pub(super) fn heading(version: &str, cluster: &str) -> String {
    format!("pgedge-bootstrap {version}, cluster {cluster:?}")
}

/// The last line of a run.
pub(super) fn closing(end: RunEnd, changed: usize, seconds: f64) -> String {
    let time = amount::took(seconds);
    match (end, changed) {
        (RunEnd::Done, 0) => format!("everything was there already ({time})"),
        (RunEnd::Done, _) => {
            format!("done, {changed} step{} made true ({time})", if changed == 1 { " was" } else { "s were" })
        }
        (RunEnd::Failed, _) => format!("stopped after {time}; running this again continues from here"),
        (RunEnd::Interrupted, _) => format!("interrupted after {time}; running this again continues from here"),
    }
}

pub(super) fn names(steps: &[StepId]) -> String {
    steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests;
