//! How a run looks. The only place that writes to the terminal, and the only one that knows indicatif.

mod failure;
mod journal;
mod json;
mod plain;
mod status_file;
mod terminal;
mod timeline;

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::event::{Event, Reporter, Stamped};
use crate::run_state::{HEARTBEAT, RunState};

/// For people: lines that move on a terminal, lines that stay elsewhere. On the standard error.
pub(crate) fn text() -> Arc<dyn Reporter> {
    if console::Term::stderr().features().is_attended() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
        Arc::new(terminal::Terminal::new())
    } else {
        Arc::new(plain::Plain::new())
    }
}

/// For programs: one JSON object per event, on the standard output.
pub(crate) fn json() -> Arc<dyn Reporter> {
    Arc::new(json::Json)
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
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderWentAway.into()),
        written => written.map_err(crate::failure::from_io),
    }
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
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Tells a failure, of this run or of another one.
pub(crate) fn say_failure(id: &str, summary: &str, evidence: &[String], hint: &str) {
    say(&failure::lines(id, summary, evidence, hint));
}

/// Tells an error that ended the program, where no reporter has told it.
pub(crate) fn say_error(error: &anyhow::Error) {
    match crate::failure::of(error) {
        Some(found) => say_failure(found.id().as_str(), found.summary(), found.seen(), &found.advice()),
        None => say(&failure::lines(
            "unexpected",
            &format!("{error:#}"),
            &[],
            "this is a defect of pgedge-bootstrap: please report it with this output",
        )),
    }
}

/// Tells a panic: a defect, with the place in the source that a report needs.
pub(crate) fn say_defect(panic: &std::panic::PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(|place| format!("at {place}"));
    say(&failure::lines(
        "defect",
        &format!("pgedge-bootstrap {} broke down: {what}", env!("CARGO_PKG_VERSION")),
        place.as_slice(),
        "please report this with the output above; running the same command again continues from here",
    ));
}
