//! How a run looks. The only place that writes to the terminal, and the only one that knows console.

mod amount;
mod board;
mod failure;
mod fit;
mod journal;
mod json;
mod kept;
mod look;
#[cfg(test)]
mod made_up;
mod moving;
mod page;
mod plain;
mod quiet;
mod status_file;
mod terminal;
mod timeline;
mod words;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Result;

use self::look::Paint;
use crate::event::{Event, Reporter, Stamped};
use crate::lesson::Content;
use crate::run_state::{HEARTBEAT, RunState};

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

/// For those who ask where the time went: a page at `path`, written when the run has ended.
///
/// # Errors
/// Those of a place where no file can be made, before anything is done.
pub(crate) fn timeline(path: &Path) -> Result<Arc<dyn Reporter>> {
    Ok(Arc::new(timeline::Page::new(path)?))
}

/// Reports to each, in this order.
pub(crate) fn fan(reporters: Vec<Arc<dyn Reporter>>) -> Arc<dyn Reporter> {
    struct Fan(Vec<Arc<dyn Reporter>>);
    impl Reporter for Fan {
        fn report(&self, event: &Event) {
            self.0.iter().for_each(|reporter| reporter.report(event));
        }

        fn replay(&self, stamped: &Stamped) {
            self.0.iter().for_each(|reporter| reporter.replay(stamped));
        }
    }
    Arc::new(Fan(reporters))
}

/// For other processes and for later: the log of this run, and the file that tells what it does now. If they cannot be
/// written the person is told once, and the run goes on. `has_lock`: no other run may be the one that is told of.
pub(crate) fn record(logs: &Path, status: &Path, cluster: &str, command: &str, has_lock: bool) -> Arc<dyn Reporter> {
    let journal = journal::Journal::begin(logs, cluster);
    if let Err(error) = &journal {
        say(&format!("warning: this run has no log, and goes on: {error:#}\n"));
    }
    let journal = journal.ok();
    if let Some(journal) = &journal {
        // A process has one run.
        let _ = LOG.set(journal.path().to_owned());
    }
    let run = RunState::new(cluster, command, journal.as_ref().map(|journal| journal.path().to_owned()));
    let status = status_file::StatusFile::begin(status, run, HEARTBEAT, has_lock, journal.is_none());
    // The log first: whoever reads in the status file that the run has ended finds the end in the log.
    let mut reporters: Vec<Arc<dyn Reporter>> = Vec::new();
    reporters.extend(journal.map(|journal| Arc::new(journal) as Arc<dyn Reporter>));
    reporters.push(Arc::new(status));
    fan(reporters)
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

/// Writes lines that hold words of others to the standard output, without anything that a terminal would obey.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_lines(text: &str) -> Result<()> {
    print(&(fit::clean_lines(text).join("\n") + "\n"))
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

/// Writes a paragraph for a person to the standard error, in lines that fit the terminal.
pub(crate) fn say_paragraph(text: &str) {
    let (_, columns) = look::terminal_size();
    say(&(fit::wrap(text, columns).join("\n") + "\n"));
}

/// Whether there is a person who sees the standard error and can answer.
pub(crate) fn somebody_is_there() -> bool {
    look::attended() && io::stdin().is_terminal()
}

/// Writes the title of a page of a lesson to the standard error.
pub(crate) fn say_title(text: &str) {
    let (_, columns) = look::terminal_size();
    say(&format!("\n{}\n\n", page::heading(text, columns, look::here())));
}

/// Writes a piece of a lesson to the standard error.
pub(crate) fn say_content(content: &Content) {
    let ((_, columns), look) = (look::terminal_size(), look::here());
    let mut lines = match content {
        Content::Prose(markdown) => page::prose(markdown, columns, look),
        Content::Run(command) => page::command(command, look),
        Content::Show { text, .. } | Content::Output(text) => page::verbatim(text, look),
    };
    if matches!(content, Content::Show { .. } | Content::Output(_)) {
        lines.push(String::new());
    }
    say(&(lines.join("\n") + "\n"));
}

/// Writes one line about something that holds, or does not, to the standard error.
pub(crate) fn say_marked(good: bool, text: &str) {
    let look = look::here();
    let mark = if good { look.paint(Paint::Good, look.good()) } else { look.paint(Paint::Bad, look.bad()) };
    say(&format!("  {mark} {}\n", fit::clean(text)));
}

/// Asks a person, on the standard error; the answer is read from the standard input.
pub(crate) fn say_question(text: &str) {
    say(&format!("  {} ", look::here().paint(Paint::Hint, text)));
}

/// Removes what moves on the terminal and shows the cursor again, if a run has hidden it: for a panic, and before a hard
/// exit. May be called from any thread.
pub(crate) fn restore_terminal() {
    terminal::restore();
}

/// Tells a failure, of this run or of another one.
pub(crate) fn say_failure(id: &str, summary: &str, evidence: &[String], hint: &str) {
    let (id, summary) = (id.to_owned(), summary.to_owned());
    say_told(&board::Told { id, summary, evidence: evidence.to_vec(), hint: hint.to_owned() });
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
    say_told(&told);
}

/// The log of this process's run: what a report of a defect needs.
static LOG: OnceLock<PathBuf> = OnceLock::new();

/// Tells a panic: a defect, with the place in the source and the log that a report needs.
pub(crate) fn say_defect(panic: &std::panic::PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(|place| format!("at {place}"));
    let log = LOG.get().map(|log| format!("the log of this run: {}", log.display()));
    say_told(&board::Told {
        id: "defect".to_owned(),
        summary: format!("pgedge-bootstrap {} broke down: {what}", env!("CARGO_PKG_VERSION")),
        evidence: place.into_iter().chain(log).collect(),
        hint: "please report this with the log; running the same command again continues from here".to_owned(),
    });
}

fn say_told(told: &board::Told) {
    say(&(failure::lines(told, None, look::here()).join("\n") + "\n"));
}
