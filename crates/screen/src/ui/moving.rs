//! The lines that move while a run goes on, as the board has them, in a width and a height.

use std::time::Duration;

use super::amount;
use super::board::{Board, Doing, Running, Transfer};
use super::look::{Look, Paint};
use super::words::{names, plural};
use super::{fit, kept};

/// A full turn of the spinner takes a second.
const TURN: Duration = Duration::from_millis(100);

/// A reason is given its time after so long.
const SAID: Duration = Duration::from_secs(1);

/// In less room than this, what a step does is left out.
const LEGIBLE: usize = 4;

/// A bar is as wide as what is left of the line, within these.
const BAR: std::ops::RangeInclusive<usize> = 8..=30;

/// The columns of the amounts and the rates beside bars: `100.0/999.9 MB`, `999.9 kB/s`.
const AMOUNT: usize = 14;
const RATE: usize = 10;

/// The lines that move, at most `rows` of at most `width` columns each.
pub(super) fn lines(board: &Board, now: Duration, (rows, width): (usize, usize), look: Look) -> Vec<String> {
    // Whoever follows the run of another process has nothing to show before it has heard of it.
    if board.progress().1 == 0 {
        return Vec::new();
    }
    let footer = look.paint(Paint::Dim, &fit::fit(&footer(board, now), width, look.ellipsis()));
    let mut last: Vec<String> = later(board, width, look).into_iter().chain([footer]).collect();
    let held: Vec<String> = board.held().map(|(stage, steps)| kept::held_so_far(stage, steps, width, look)).collect();
    let running: Vec<&Running> = board.running().collect();
    if rows <= last.len() {
        return last.split_off(last.len() - rows.min(1));
    }
    let room = rows - last.len();
    let mut lines = if held.len() + running.len() <= room { held } else { Vec::new() };
    let shown = if running.len() <= room { running.len() } else { room - 1 };
    let widest = running.iter().map(|running| running.step.as_str().len()).max().unwrap_or(0);
    let label = if width < kept::WIDE { 0 } else { widest };
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
            let text = format!("checking whether {}", running.title);
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

/// What is waited for was told whole when it began: saying it again every few seconds is to be short.
const TOLD_ALREADY: usize = 60;

/// What a running step does, in words: for the lines of the plain form that say it again.
pub(super) fn in_words(running: &Running, now: Duration) -> String {
    let time = amount::duration(now.saturating_sub(running.since));
    let words = match (&running.doing, running.transfer()) {
        (_, Some(transfer)) => [vec![amount_of(transfer)], pace(transfer, now)].concat().join(", "),
        (Doing::Waiting { reason, since }, _) => {
            let reason = fit::fit(&fit::clean(reason), TOLD_ALREADY, "...");
            format!("{reason} (since {})", amount::duration(now.saturating_sub(*since)))
        }
        (Doing::Queued { behind }, _) => format!("later, after {}", names(behind)),
        _ => "looking".to_owned(),
    };
    format!("{} for {time}: {words}", running.step)
}

#[cfg(test)]
mod tests;
