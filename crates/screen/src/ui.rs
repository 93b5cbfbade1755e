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
mod page;
mod plain;
mod quiet;
mod run_time;
mod terminal;
mod timeline;
mod words;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use bootstrap_run::event::{Adopted, Event, Events, Reporter, SCHEMA, Stamped};
use bootstrap_run::failure::Report;

use self::look::Paint;

/// For people: lines that move on a terminal, lines that stay elsewhere. On the standard error. `verbose` shows the
/// programs that were run, too.
pub fn text(verbose: bool) -> Arc<dyn Reporter> {
    let look = look::here();
    match look::form() {
        look::Form::Terminal => Arc::new(terminal::Terminal::new(look, verbose)),
        look::Form::Plain => Arc::new(plain::Plain::new(look, verbose)),
    }
}

/// For people who want to know only what went wrong, and how it ended.
pub fn quiet() -> Arc<dyn Reporter> {
    Arc::new(quiet::Quiet::new(look::here()))
}

/// For programs: one JSON object per event, on the standard output.
pub fn json() -> Arc<dyn Reporter> {
    Arc::new(json::Json::default())
}

/// For commands whose result says everything.
pub fn silent() -> Arc<dyn Reporter> {
    struct Silent;
    impl Reporter for Silent {
        fn report(&self, _: &Stamped) {}
    }
    Arc::new(Silent)
}

/// For those who ask where the time went: a page at `path`, written when the run has ended.
///
/// # Errors
/// Those of a place where no file can be made, before anything is done.
pub fn timeline(path: &Path) -> Result<Arc<dyn Reporter>> {
    Ok(Arc::new(timeline::Page::new(path)?))
}

/// Writes data to the standard output. A reader that goes away, as in `pgedge-bootstrap versions | head`, stops nothing: the exit code
/// tells how the command ended, whoever reads it.
///
/// # Errors
/// Those of a full disk.
pub fn print(text: &str) -> Result<()> {
    match write(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(bootstrap_run::failure::from_io),
    }
}

/// Writes lines that hold words of others to the standard output, without anything that a terminal would obey.
///
/// # Errors
/// As [`print()`].
pub fn print_lines(text: &str) -> Result<()> {
    print(&(fit::clean_lines(text).join("\n") + "\n"))
}

fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush())
}

/// Writes words for a person to the standard error. If nobody reads them, nothing is lost.
pub fn say(text: &str) {
    let mut output = io::stderr().lock();
    restore_terminal();
    let _ = output.write_all(text.as_bytes());
}

/// Warns a person, on the standard error.
pub fn say_warning(what: &str) {
    say(&format!("warning: {what}\n"));
}

/// Writes a paragraph for a person to the standard error, in lines that fit the terminal.
pub fn say_paragraph(text: &str) {
    let (_, columns) = look::terminal_size();
    say(&(fit::wrap(text, columns).join("\n") + "\n"));
}

/// Whether there is a person who sees the standard error and can answer.
pub fn somebody_is_there() -> bool {
    look::attended() && io::stdin().is_terminal()
}

/// Writes to the standard error which cluster would be adopted, and what would be made in it. `why`: no version is known yet.
pub fn say_adopted(adopted: &Adopted, why: Option<&str>) {
    say(&(words::adopted_lines(adopted, why).join("\n") + "\n\n"));
}

/// Writes the title of a page of a lesson to the standard error.
pub fn say_title(text: &str) {
    let (_, columns) = look::terminal_size();
    say(&format!("\n{}\n\n", page::heading(text, columns, look::here())));
}

/// Writes Markdown that has no blocks of code to the standard error.
pub fn say_prose(markdown: &str) {
    let (_, columns) = look::terminal_size();
    say(&(page::prose(markdown, columns, look::here()).join("\n") + "\n"));
}

/// Writes a command for a person to run to the standard error.
pub fn say_command(command: &str) {
    say(&(page::command(command, look::here()).join("\n") + "\n"));
}

/// Writes text that keeps its lines to the standard error, and an empty line.
pub fn say_verbatim(text: &str) {
    say(&(page::verbatim(text, look::here()).join("\n") + "\n\n"));
}

/// Writes one line about something that holds, or does not, to the standard error.
pub fn say_marked(good: bool, text: &str) {
    let look = look::here();
    let mark = if good { look.paint(Paint::Good, look.good()) } else { look.paint(Paint::Bad, look.bad()) };
    say(&format!("  {mark} {}\n", fit::clean(text)));
}

/// Asks a person, on the standard error; the answer is read from the standard input.
pub fn say_question(text: &str) {
    say(&format!("  {} ", look::here().paint(Paint::Hint, text)));
}

/// Removes what moves on the terminal and shows the cursor again, if a run has hidden it. May be called from any thread.
fn restore_terminal() {
    terminal::restore();
}

/// Tells a failure, of this run or of another one.
pub fn say_failure(report: &Report) {
    say(&(failure::lines(report, None, look::here()).join("\n") + "\n"));
}

/// What the standard output is promised to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Words for people, or nothing.
    Text,
    /// One JSON document.
    Document,
    /// A JSON object for each event.
    Events,
}

/// Gives programs a failure that ended the command before it had an answer, or in the middle of its events.
pub fn answer_failure(report: &Report, answer: Answer) {
    match answer {
        Answer::Text => {}
        // Whoever went away, or has no room for it, has the exit code.
        Answer::Document => {
            let document = serde_json::json!({"schema": SCHEMA, "ok": false, "failure": report});
            let _ = write(&format!("{document}\n"));
        }
        // A run that `wait` has told to its end has told its own.
        Answer::Events if json::has_ended() => {}
        Answer::Events => Events::to(json()).tell(Event::RunFailed { failure: report.clone() }),
    }
}

/// The log of this process's run: what a report of a defect needs.
static LOG: OnceLock<PathBuf> = OnceLock::new();

/// Remembers where the log of this process's run is, for [`say_defect`].
pub fn log_is(path: &Path) {
    // A process has one run.
    let _ = LOG.set(path.to_owned());
}

/// Tells a panic: a defect, with the place in the source and the log that a report needs.
pub fn say_defect(panic: &std::panic::PanicHookInfo<'_>) -> Report {
    let what = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(|place| format!("at {place}"));
    let log = LOG.get().map(|log| format!("the log of this run: {}", log.display()));
    let report = Report::of_panic(what, &place.into_iter().chain(log).collect::<Vec<_>>());
    say_failure(&report);
    report
}
