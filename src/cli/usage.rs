//! A mistake in the command line, told to programs: what they asked for is read from the words, for nothing was understood.

use std::ffi::OsString;

use bootstrap_run::failure::{Failure, FailureId, Invocation, Report};
use bootstrap_screen::ui::Answer;
use clap::CommandFactory as _;

use super::Cli;

/// What the standard output is to hold, by these words, which begin with the name of the program.
pub(crate) fn answer(words: &[OsString]) -> Answer {
    let words: Vec<&str> = words.iter().skip(1).map(|word| word.to_str().unwrap_or_default()).collect();
    let words = words.split(|word| *word == "--").next().unwrap_or_default();
    let asks = |pair: &[&str]| pair == ["--output", "json"];
    if !words.contains(&"--output=json") && !words.windows(2).any(asks) {
        return Answer::Text;
    }
    let is_look = words.contains(&"--dry-run");
    match words.first().copied().unwrap_or_default() {
        "tools" | "prefetch" | "wait" => Answer::Events,
        // Without the name of a command it is `up`.
        first if (first == "up" || first.starts_with('-')) && !is_look => Answer::Events,
        _ => Answer::Document,
    }
}

/// The mistake in the form in which failures are told. `words`: as of [`answer`].
pub(crate) fn report(mistake: &clap::Error, words: &[OsString]) -> Report {
    let text = mistake.render().to_string();
    let told = text.split("\n\nUsage:").next().unwrap_or_default();
    let told = told.split("\n\nFor more information").next().unwrap_or_default();
    let mut lines = told.lines().map(str::trim).filter(|line| !line.is_empty());
    let summary = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(':');
    let failure = Failure::new(FailureId::UsageInvalid, summary).evidence(lines.collect::<Vec<_>>().join("\n"));
    let command = words.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    let is_known = Cli::command().get_subcommands().any(|known| known.get_name() == command);
    let command = if is_known { format!("{command} ") } else { String::new() };
    let hint = format!("`pgedge-bootstrap {command}--help` shows what can be typed");
    Report::of_failure(&failure.hint(hint), &Invocation::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_from_the_words() {
        for (line, wanted) in [
            ("", Answer::Text),
            ("verify --output text", Answer::Text),
            ("verify --output", Answer::Text),
            ("verify --output json", Answer::Document),
            ("verify --output=json x", Answer::Document),
            ("verify -- --output json", Answer::Text),
            ("--local --output json", Answer::Events),
            ("up --output json", Answer::Events),
            ("up --dry-run --output json", Answer::Document),
            ("wait --output json", Answer::Events),
            ("nothing --output json", Answer::Document),
        ] {
            let words: Vec<OsString> = std::iter::once("program").chain(line.split(' ')).map(Into::into).collect();
            assert_eq!(answer(&words), wanted, "{line}");
        }
    }
}
