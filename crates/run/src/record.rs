//! What a run leaves for other processes and for later: its log, and the file that tells what it does now.

mod journal;
mod status_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::journal::Journal;
use self::status_file::StatusFile;
use crate::event::{self, Reporter};
use crate::patience::HEARTBEAT;
use crate::run_state::RunState;

/// How a person is told that something of the record cannot be written.
pub type Warn = fn(&str);

/// The record of a run that begins.
pub struct Record {
    /// To be told every event of the run: it writes the log and the status file.
    pub reporter: Arc<dyn Reporter>,
    /// `None` if there can be no log.
    pub log: Option<PathBuf>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Record").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Begins the record of a run. If it cannot be written the person is warned once, and the run goes on. `has_lock`: no other run
/// may be the one that is told of.
pub fn begin(logs: &Path, status: &Path, cluster: &str, command: &str, has_lock: bool, warn: Warn) -> Record {
    let journal = Journal::begin(logs, cluster, warn);
    if let Err(error) = &journal {
        let seen = crate::failure::of(error).and_then(|failure| failure.seen().first()).map(|seen| format!(": {seen}"));
        warn(&format!("this run has no log, and continues: {error:#}{}", seen.unwrap_or_default()));
    }
    let journal = journal.ok();
    let log = journal.as_ref().map(|journal| journal.path().to_owned());
    let run = RunState::new(cluster, command, log.clone());
    let warn = log.is_some().then_some(warn);
    let status = StatusFile::begin(status, run, HEARTBEAT, has_lock, warn);
    // The log first: whoever reads in the status file that the run has ended finds the end in the log.
    let mut reporters: Vec<Arc<dyn Reporter>> = Vec::new();
    reporters.extend(journal.map(|journal| Arc::new(journal) as Arc<dyn Reporter>));
    reporters.push(Arc::new(status));
    Record { reporter: event::fan(reporters), log }
}
