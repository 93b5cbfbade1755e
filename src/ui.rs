//! How a run looks. The only place that writes to the terminal, and the only one that knows console.

mod amount;
mod board;
mod failure;
mod fit;
mod json;
mod kept;
mod look;
#[cfg(test)]
mod made_up;
mod moving;
mod plain;
mod quiet;
mod terminal;
mod words;

use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::Result;

use crate::event::{Event, Reporter};

/// For people: lines that move on a terminal, lines that stay elsewhere. On the standard error. `verbose` shows the
/// programs that were run, too.
pub(crate) fn text(verbose: bool) -> Arc<dyn Reporter> {
    let look = look::here();
    match look::form() {
        look::Form::Terminal => Arc::new(terminal::Terminal::new(look, verbose)),
        look::Form::Plain => Arc::new(plain::Plain::new(look, verbose)),
    }
}

/// For people who want to know only what went wrong, and how it ended.
pub(crate) fn quiet() -> Arc<dyn Reporter> {
    Arc::new(quiet::Quiet::new(look::here()))
}

/// For programs: one JSON object per event, on the standard output.
pub(crate) fn json() -> Arc<dyn Reporter> {
    Arc::new(json::Json::default())
}

/// For commands whose result says everything.
pub(crate) fn silent() -> Arc<dyn Reporter> {
    struct Silent;
    impl Reporter for Silent {
        fn report(&self, _: &Event) {}
    }
    Arc::new(Silent)
}

/// Writes data to the standard output.
///
/// # Errors
/// [`ReaderWentAway`], which `main` takes for a good end, and those of a full disk.
pub(crate) fn print(text: &str) -> Result<()> {
    match write(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderWentAway.into()),
        written => written.map_err(crate::failure::from_io),
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush())
}

/// `pgedge-bootstrap versions | head`: nobody reads the rest, which is no error of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReaderWentAway;

impl std::fmt::Display for ReaderWentAway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the reader of the standard output went away")
    }
}

impl std::error::Error for ReaderWentAway {}

/// Writes words for a person to the standard error. If nobody reads them, nothing is lost.
pub(crate) fn say(text: &str) {
    let mut output = io::stderr().lock();
    restore_terminal();
    let _ = output.write_all(text.as_bytes());
}

/// Removes what moves on the terminal and shows the cursor again, if a run has hidden it: for a panic, and before a hard
/// exit. May be called from any thread.
pub(crate) fn restore_terminal() {
    terminal::restore();
}

/// Tells an error that ended the program, where no reporter has told it.
pub(crate) fn say_error(error: &anyhow::Error) {
    let told = match crate::failure::of(error) {
        Some(found) => board::Told {
            id: found.id().as_str().to_owned(),
            summary: found.summary().to_owned(),
            evidence: found.seen().to_vec(),
            hint: found.advice(),
        },
        None => board::Told {
            id: "unexpected".to_owned(),
            summary: format!("{error:#}"),
            evidence: Vec::new(),
            hint: "this is a defect of pgedge-bootstrap: please report it with this output".to_owned(),
        },
    };
    say(&(failure::lines(&told, None, look::here()).join("\n") + "\n"));
}
