//! Keeps the events of a run and writes, when it has ended, a page that shows where its time went: one HTML file without
//! anything from outside, whose picture needs no script and whose data programs can read.

mod charts;
mod gantt;
mod page;
mod tables;
mod words;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bootstrap_run::event::{Clock, Event, Reporter, RunEnd, Stamped, between};
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::step::StepName;
use jiff::Timestamp;
use tempfile::NamedTempFile;

use crate::timeline::Timeline;

/// Of one transfer no more samples are kept than one in this time, and its first and its last.
const SAMPLE: Duration = Duration::from_millis(250);

pub(super) struct Page {
    path: PathBuf,
    clock: Clock,
    /// `None` when the page has been written.
    recorder: Mutex<Option<Recorder>>,
}

impl Page {
    /// A page that will be written to `path`.
    ///
    /// # Errors
    /// [`FailureId::DirectoryNotWritable`] or [`FailureId::DiskFull`] if no file can be made there: better said before
    /// the run than after it.
    pub(super) fn new(path: &Path) -> Result<Self> {
        let refused = |why: &str| {
            let summary = format!("the timings cannot be written to {}", path.display());
            let failure = Failure::new(FailureId::DirectoryNotWritable, summary).evidence(why);
            failure.hint("--timings needs the name of a file in a directory that is there and writable")
        };
        if fs_err::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(refused("this is not a file").into());
        }
        // The file itself is made at the end, so that a run that is killed leaves nothing behind.
        if let Err(error) = beside(path) {
            let (why, error) = (error.to_string(), failure::from_io(error));
            let full = failure::of(&error).is_some_and(|failure| failure.id() == FailureId::DiskFull);
            return Err(if full { error } else { refused(&why).into() });
        }
        Ok(Self {
            path: path.to_owned(),
            clock: Clock::starting_now(),
            recorder: Mutex::new(Some(Recorder::default())),
        })
    }

    fn write(&self, recorder: Recorder) {
        let Some(timeline) = Timeline::of(&recorder.finish()) else { return };
        if let Err(error) = self.place(&page::render(&timeline)) {
            super::say(&format!("warning: the timings cannot be written to {}: {error}\n", self.path.display()));
        }
    }

    /// Whole or not at all.
    fn place(&self, page: &str) -> std::io::Result<()> {
        let mut file = beside(&self.path)?;
        file.write_all(page.as_bytes())?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

impl Reporter for Page {
    fn report(&self, stamped: &Stamped) {
        let mut place = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorder) = place.as_mut() {
            recorder.record(stamped.clone());
        }
        if matches!(stamped.event, Event::RunFinished { .. })
            && let Some(recorder) = place.take()
        {
            self.write(recorder);
        }
    }
}

/// A run that was given up does not say how it ended.
impl Drop for Page {
    fn drop(&mut self) {
        if let Some(mut recorder) = self.recorder.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let time = self.clock.now();
            let seconds = between(recorder.events.first().map_or(time, |first| first.time), time).as_secs_f64();
            let event = Event::RunFinished { ok: false, end: RunEnd::Interrupted, changed: 0, seconds };
            recorder.record(Stamped { time, event });
            self.write(recorder);
        }
    }
}

/// A new file in the directory of another, with the permissions that a file has that a person makes.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let usual = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(".timings-").permissions(usual).tempfile_in(parent)
}

/// The events so far.
#[derive(Default)]
struct Recorder {
    events: Vec<Stamped>,
    /// What is known of each transfer beyond the last sample that was kept. A step may have several at once, which
    /// differ in their totals.
    transfers: BTreeMap<(StepName, Option<u64>), Arriving>,
}

struct Arriving {
    kept: Timestamp,
    done: u64,
    newest: Option<Stamped>,
}

impl Arriving {
    /// Fewer bytes than before are another transfer.
    fn goes_on(&self, done: u64) -> bool {
        done >= self.done
    }

    /// Whether nothing came for so long that it would look like slow progress if the last sample before were left out.
    fn had_halted(&self, now: Timestamp) -> bool {
        self.newest.as_ref().is_some_and(|newest| between(newest.time, now) >= 2 * SAMPLE)
    }
}

impl Recorder {
    fn record(&mut self, stamped: Stamped) {
        let now = stamped.time;
        match &stamped.event {
            Event::StepBytes { step, done, total } => {
                let (transfer, done) = ((*step, *total), *done);
                match self.transfers.get_mut(&transfer) {
                    Some(arriving) if arriving.goes_on(done) && between(arriving.kept, now) < SAMPLE => {
                        arriving.done = done;
                        arriving.newest = Some(stamped);
                    }
                    known => {
                        if known.is_some_and(|arriving| !arriving.goes_on(done) || arriving.had_halted(now)) {
                            self.keep_newest(transfer);
                        }
                        self.transfers.insert(transfer, Arriving { kept: now, done, newest: None });
                        self.events.push(stamped);
                    }
                }
            }
            _ => {
                self.keep_all_newest();
                self.events.push(stamped);
            }
        }
    }

    fn finish(mut self) -> Vec<Stamped> {
        self.keep_all_newest();
        // A sample that was held back comes behind those of other transfers that it was earlier than.
        self.events.sort_by_key(|stamped| stamped.time);
        self.events
    }

    fn keep_all_newest(&mut self) {
        let transfers: Vec<(StepName, Option<u64>)> = self.transfers.keys().copied().collect();
        transfers.into_iter().for_each(|transfer| self.keep_newest(transfer));
    }

    /// Its last sample so far, before something else happens.
    fn keep_newest(&mut self, transfer: (StepName, Option<u64>)) {
        let newest = self.transfers.get_mut(&transfer).and_then(|arriving| arriving.newest.take());
        self.events.extend(newest);
    }
}

#[cfg(test)]
mod tests;
