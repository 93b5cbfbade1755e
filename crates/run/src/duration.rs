//! Lengths of time, as people say and write them.

use std::time::Duration;

/// A length of time as people say it: `90 s`, `20 min`, `1 h 30 min`.
pub fn in_words(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let words: Vec<String> =
        parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}")).collect();
    if words.is_empty() { format!("{} ms", length.as_millis()) } else { words.join(" ") }
}

/// The longest time that may be asked for: whoever waits longer than this has forgotten it.
const LONGEST_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// `90s`, `30m`, `1h30m`.
///
/// # Errors
/// What is not a time, not positive, or longer than a day.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|parsed| Duration::try_from(parsed).ok());
    match parsed {
        Some(duration) if !duration.is_zero() && duration <= LONGEST_DURATION => Ok(duration),
        _ => Err("a time is written like 90s, 30m or 1h30m, and is at most a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_positive_and_at_most_a_day() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1h 30m", 5400), ("24h", 86_400)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "5", "0s", "-1m", "1m ago", "25h", "soon", "1d", "99999999999999999999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
