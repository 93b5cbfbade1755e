//! How the page writes what it shows: text that may hold anything, times, bytes, names.

use bootstrap_run::event::RunEnd;

use crate::timeline::{Outcome, Seconds};

/// Text as it may stand in an element and in an attribute's quotes. Control characters, which no browser shows, become
/// the sign for what cannot be shown.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            _ if letter.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// JSON as it may stand in a script element: what could end the element, or begin a comment in it, is written as JSON's
/// own escapes, which mean the same.
pub(super) fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// `14.8 s`, and `12 ms` where that would be nothing.
pub(super) fn time(seconds: Seconds) -> String {
    match seconds.as_f64() {
        0.0 => "0 s".to_owned(),
        short if short < 0.0995 => format!("{:.0} ms", (short * 1000.0).max(1.0)),
        long => format!("{long:.1} s"),
    }
}

/// `82.4 MB`, in powers of ten as the terminal does.
pub(super) fn bytes(count: f64) -> String {
    match count {
        _ if count >= 1e9 => format!("{:.1} GB", count / 1e9),
        _ if count >= 1e6 => format!("{:.1} MB", count / 1e6),
        _ if count >= 1e3 => format!("{:.0} kB", count / 1e3),
        _ => format!("{count:.0} B"),
    }
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "was there",
        Outcome::Changed => "changed",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "given up",
        Outcome::NeverStarted => "never started",
    }
}

/// A sign that tells the outcome without colour.
pub(super) fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done | Outcome::Changed => "✓",
        Outcome::Failed => "✗",
        Outcome::Cancelled => "–",
        Outcome::NeverStarted => "·",
    }
}

pub(super) fn end(end: Option<RunEnd>) -> &'static str {
    match end {
        Some(RunEnd::Done) => "done",
        Some(RunEnd::Failed) => "failed",
        Some(RunEnd::Interrupted) => "interrupted",
        None => "not ended",
    }
}
