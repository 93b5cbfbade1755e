//! The log of a run: every event, stamped, one JSON object a line, in a file that only its owner reads. Secrets are
//! taken out before anything is written.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use jiff::Timestamp;
use serde_json::Value;

use super::Warn;
use crate::event::{Event, Reporter, Stamped};
use crate::failure;
use crate::logs;
use crate::step::StepName;

/// How many logs of a cluster stay, the new one among them.
const KEPT: usize = 20;

/// Between two lines that say how many bytes of a step have arrived.
const BYTES_PAUSE: Duration = Duration::from_millis(500);

/// From this length in bytes on, only how steps and the run end is added.
const LONGEST_LOG: u64 = 20_000_000;

/// In bytes. A program that prints a novel gets the first pages of it into the log.
const LONGEST_TEXT: usize = 16_384;

pub(super) struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    warn: Warn,
    /// `None` from the moment when it could not be written.
    file: Option<fs_err::File>,
    length: u64,
    longest: u64,
    /// The newest bytes of each step that moves some; `None` if the log tells of them.
    bytes: BTreeMap<StepName, Option<Stamped>>,
    /// When the log last told of bytes.
    told: Instant,
}

impl Journal {
    /// Begins a log in the folder, which is made if it is missing, and removes the oldest ones of the cluster.
    ///
    /// # Errors
    /// Those of the disk. The run needs no log: whoever called goes on without.
    pub(super) fn begin(folder: &Path, cluster: &str, warn: Warn) -> Result<Self> {
        make_private(folder)?;
        let path = folder.join(logs::name(cluster, Timestamp::now(), std::process::id()));
        let file = fs_err::OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(failure::from_io)?;
        // Tells that the run goes on. Where files cannot be locked, the log is merely removed as early as others.
        let _ = file.try_lock();
        // An old log that cannot be removed stays for a later run.
        let _ = logs::remove_all_but(KEPT, folder, cluster);
        let state = State {
            warn,
            file: Some(file),
            length: 0,
            longest: LONGEST_LOG,
            bytes: BTreeMap::new(),
            told: Instant::now(),
        };
        Ok(Self { path, state: Mutex::new(state) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Journal {
    fn report(&self, stamped: &Stamped) {
        self.state().add(stamped.clone());
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.state().tell_bytes();
    }
}

impl State {
    fn add(&mut self, stamped: Stamped) {
        if let Event::StepBytes { step, .. } = stamped.event {
            let is_first = self.bytes.insert(step, Some(stamped)).is_none();
            if is_first || self.told.elapsed() >= BYTES_PAUSE {
                self.tell_bytes();
            }
            return;
        }
        self.tell_bytes();
        if let Event::StepDone { step, .. } | Event::StepFailed { step, .. } | Event::StepCancelled { step, .. } =
            stamped.event
        {
            self.bytes.remove(&step);
        }
        self.write(&stamped);
    }

    /// Writes the bytes of all steps at once, so that the log stays in the order of time.
    fn tell_bytes(&mut self) {
        let mut untold: Vec<Stamped> = self.bytes.values_mut().filter_map(Option::take).collect();
        untold.sort_by_key(|stamped| stamped.time);
        for stamped in &untold {
            self.write(stamped);
        }
        self.told = Instant::now();
    }

    fn write(&mut self, stamped: &Stamped) {
        if self.length >= self.longest && !is_an_end(&stamped.event) {
            return;
        }
        let Some(file) = &mut self.file else { return };
        // One write: a reader that comes in the middle sees no line that is none.
        let line = line(stamped);
        match file.write_all(line.as_bytes()) {
            Ok(()) => self.length += line.len() as u64,
            Err(error) => {
                // The last line may be half a one now, so nothing may follow it.
                self.file = None;
                (self.warn)(&format!("the log of this run ends here, and the run continues: {error}"));
            }
        }
    }
}

fn is_an_end(event: &Event) -> bool {
    matches!(
        event,
        Event::StepDone { .. }
            | Event::StepFailed { .. }
            | Event::StepCancelled { .. }
            | Event::Proof { .. }
            | Event::ClusterAdopted { .. }
            | Event::SlotRenewed { .. }
            | Event::RunFailed { .. }
            | Event::RunFinished { .. }
    )
}

fn line(stamped: &Stamped) -> String {
    // An event is plain data, so this cannot fail; an empty line is none to its readers.
    let mut document = serde_json::to_value(stamped).unwrap_or_default();
    shorten(&mut document);
    format!("{document}\n")
}

fn shorten(document: &mut Value) {
    match document {
        Value::String(text) if text.len() > LONGEST_TEXT => {
            let end = text.floor_char_boundary(LONGEST_TEXT);
            *text = format!("{}… and {} more bytes", &text[..end], text.len() - end);
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

/// A folder that only its owner may look into. One that is there already is the owner's to open or close.
fn make_private(folder: &Path) -> Result<()> {
    if !folder.exists() {
        fs_err::create_dir_all(folder).map_err(failure::from_io)?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs_err::set_permissions(folder, private).map_err(failure::from_io)?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const STEP: StepName = StepName::fixed("cluster");

    fn lines(journal: &Journal) -> Vec<Stamped> {
        let text = fs_err::read_to_string(journal.path()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn begun() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::begin(&folder.path().join("logs"), "pgedge", |_| {}).unwrap();
        (folder, journal)
    }

    fn waiting(reason: &str) -> Event {
        Event::StepWaiting { step: STEP, reason: reason.to_owned() }
    }

    #[test]
    fn only_the_owner_reads_it() {
        let (folder, journal) = begun();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(journal.path()), mode(&folder.path().join("logs"))), (0o600, 0o700));
    }

    #[test]
    fn bytes_are_told_twice_a_second_and_the_last_ones_always() {
        let (_folder, journal) = begun();
        journal.report(&Stamped::now(&Event::StepStarted { step: STEP }));
        for done in 0..1000 {
            for step in [StepName::fixed("images"), STEP] {
                journal.report(&Stamped::now(&Event::StepBytes { step, done, total: None }));
            }
        }
        journal.report(&Stamped::now(&waiting("the mirror")));
        let told = lines(&journal);
        assert!(told.len() < 12, "{told:?}");
        assert_eq!(told[told.len() - 2].event, Event::StepBytes { step: STEP, done: 999, total: None });
        assert!(told.is_sorted_by_key(|stamped| stamped.time));
    }

    #[test]
    fn a_log_that_is_long_enough_tells_ends_only() {
        let (_folder, journal) = begun();
        journal.state().longest = 300;
        journal.report(&Stamped::now(&waiting(&"x".repeat(LONGEST_TEXT * 2))));
        journal.report(&Stamped::now(&waiting("more")));
        journal.report(&Stamped::now(&Event::StepCancelled { step: STEP, seconds: 1.0 }));
        let told = lines(&journal);
        assert_eq!(told.len(), 2, "{told:?}");
        let Event::StepWaiting { reason, .. } = &told[0].event else { unreachable!("{told:?}") };
        assert!(reason.len() < LONGEST_TEXT + 50 && reason.ends_with("… and 16384 more bytes"));
    }

    #[test]
    fn twenty_logs_stay() {
        let folder = tempfile::tempdir().unwrap();
        for day in 1..=25 {
            fs_err::write(folder.path().join(format!("pgedge-202601{day:02}T000000Z-1.ndjson")), "").unwrap();
        }
        let journal = Journal::begin(folder.path(), "pgedge", |_| {}).unwrap();
        let logs = logs::of_cluster(folder.path(), "pgedge").unwrap();
        assert_eq!((logs.len(), logs.last().unwrap().as_path()), (KEPT, journal.path()));
        assert!(logs[0].ends_with("pgedge-20260107T000000Z-1.ndjson"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_ends_the_log_and_not_the_run() {
        let (_folder, journal) = begun();
        journal.report(&Stamped::now(&waiting("one")));
        journal.state().file = Some(fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap());
        journal.report(&Stamped::now(&waiting("two")));
        assert!(journal.state().file.is_none());
        journal.report(&Stamped::now(&waiting("three")));
        assert_eq!(lines(&journal).len(), 1);
    }
}
