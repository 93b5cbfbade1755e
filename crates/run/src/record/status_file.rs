//! The status file: what the run does now, for `status` and `wait` in other processes. Written anew at every change and
//! every two seconds, as a sign of life.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use fs_err::os::unix::fs::OpenOptionsExt as _;
use jiff::Timestamp;

use super::Warn;
use crate::event::{Event, Reporter, Stamped};
use crate::failure;
use crate::run_state::{Phase, RunState, liveness, part, remove_parts_of_the_dead};

pub(super) struct StatusFile {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    run: RunState,
    /// Whether the file tells of this run. It tells of one only, and runs of `tools` may go on beside others.
    ours: bool,
    /// Whether this run has the cluster's lock: then the file is always its own.
    has_lock: bool,
    /// How a person is told that it cannot be written; `None` once that was done, or where nobody is to be told.
    warn: Option<Warn>,
    over: bool,
}

impl StatusFile {
    /// Begins to describe a run. One that holds the cluster's lock is more than any other (`takes_over`); another one
    /// leaves the file to a run that lives. Without `warn`, a file that cannot be written is not worth another warning.
    pub(super) fn begin(path: &Path, run: RunState, heartbeat: Duration, takes_over: bool, warn: Option<Warn>) -> Self {
        remove_parts_of_the_dead(path);
        let ours = takes_over || !belongs_to_another(path, &run);
        let mut state = State { run, ours, has_lock: takes_over, warn, over: false };
        if ours && let Err(error) = write(path, &mut state.run) {
            state.warn(&error);
        }
        let shared = Arc::new(Shared { path: path.to_owned(), state: Mutex::new(state), ended: Condvar::new() });
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || beat(&watched, heartbeat));
        Self { shared }
    }
}

impl Reporter for StatusFile {
    fn report(&self, stamped: &Stamped) {
        let mut state = self.shared.state();
        state.run.record(stamped);
        // The heartbeat tells of bytes.
        if !matches!(stamped.event, Event::StepBytes { .. } | Event::CommandEnded { .. } | Event::Proof { .. }) {
            state.write(&self.shared.path);
        }
        if state.run.state != Phase::Running {
            state.over = true;
            self.shared.ended.notify_all();
        }
    }
}

impl Drop for StatusFile {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.ended.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, path: &Path) {
        if self.ours && !self.has_lock && belongs_to_another(path, &self.run) {
            self.ours = false;
        }
        if self.ours
            && let Err(error) = write(path, &mut self.run)
        {
            self.warn(&error);
        }
    }

    fn warn(&mut self, error: &anyhow::Error) {
        if let Some(warn) = self.warn.take() {
            warn(&format!("`status` and `wait` cannot see this run, which continues: {error:#}"));
        }
    }
}

/// Signs of life until the run is over.
fn beat(shared: &Shared, pause: Duration) {
    let mut state = shared.state();
    while !state.over {
        let (woken, waited) = shared.ended.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        if waited.timed_out() && !state.over {
            state.write(&shared.path);
        }
    }
}

/// Whether the file tells of another run that lives.
fn belongs_to_another(path: &Path, run: &RunState) -> bool {
    // What cannot be read tells of none.
    let Ok(Some(found)) = RunState::read(path) else { return false };
    !found.is_same_run(run) && found.state == Phase::Running && liveness(&found, Timestamp::now()).is_alive()
}

/// Writes beside the file and renames: a reader finds a whole file, the one before or this one.
fn write(path: &Path, run: &mut RunState) -> Result<()> {
    run.heartbeat = Timestamp::now();
    let document = serde_json::to_value(&*run)?;
    let parent = path.parent().context("the status file has no directory")?;
    fs_err::create_dir_all(parent).map_err(failure::from_io)?;
    // One name for each process: runs of `tools` may go on beside others.
    let part = part(path, std::process::id());
    let file = fs_err::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&part);
    let mut file = file.map_err(failure::from_io)?;
    let written = writeln!(file, "{document}").and_then(|()| fs_err::rename(&part, path));
    written.map_err(|error| {
        // What is left of it may be the reason why the disk is full. If it cannot be removed, the error says enough.
        let _ = fs_err::remove_file(&part);
        failure::from_io(error)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use std::time::Instant;

    use super::*;
    use crate::event::RunEnd;
    use crate::patience::HEARTBEAT;
    use crate::step::StepName;

    const FINISHED: Event = Event::RunFinished { ok: true, end: RunEnd::Done, changed: 0, seconds: 1.0 };

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/pgedge.status.json");
        (folder, path)
    }

    fn read(path: &Path) -> RunState {
        RunState::read(path).unwrap().unwrap()
    }

    /// Of the process 1, which always lives.
    fn another_run() -> RunState {
        let mut run = RunState::new("pgedge", "up", None);
        (run.writer.pid, run.writer.process_start) = (1, None);
        run
    }

    #[test]
    fn it_tells_what_happens_and_how_it_ended() {
        let (_folder, path) = folder();
        let status = StatusFile::begin(&path, RunState::new("pgedge", "up", None), HEARTBEAT, true, None);
        assert_eq!(read(&path).state, Phase::Running);
        status.report(&Stamped::now(&Event::StepStarted { step: StepName::fixed("cluster") }));
        let reason = "a volume".to_owned();
        status.report(&Stamped::now(&Event::StepWaiting { step: StepName::fixed("cluster"), reason }));
        assert_eq!(read(&path).at(), "cluster (a volume)");
        status.report(&Stamped::now(&FINISHED));
        assert_eq!(read(&path).state, Phase::Done);
        let names: Vec<_> =
            fs_err::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["pgedge.status.json"]);
    }

    #[test]
    fn a_heart_beats_until_the_end() {
        let (_folder, path) = folder();
        let pause = Duration::from_millis(5);
        let status = StatusFile::begin(&path, RunState::new("pgedge", "up", None), pause, true, None);
        let first = read(&path).heartbeat;
        let end = Instant::now() + Duration::from_secs(20);
        while read(&path).heartbeat == first {
            assert!(Instant::now() < end, "no heartbeat");
            std::thread::yield_now();
        }
        status.report(&Stamped::now(&FINISHED));
        assert_eq!(read(&path).state, Phase::Done);
    }

    #[test]
    fn a_run_beside_another_leaves_it_the_file_unless_it_has_the_lock() {
        let (_folder, path) = folder();
        let mut theirs = another_run();
        write(&path, &mut theirs).unwrap();
        let beside = StatusFile::begin(&path, RunState::new("pgedge", "tools", None), HEARTBEAT, false, None);
        beside.report(&Stamped::now(&FINISHED));
        assert!(read(&path).is_same_run(&theirs));
        let with_lock = StatusFile::begin(&path, RunState::new("pgedge", "up", None), HEARTBEAT, true, None);
        assert!(!read(&path).is_same_run(&theirs));
        // The other one takes it, as after a pause in which no heartbeat came: it comes back.
        write(&path, &mut theirs).unwrap();
        with_lock.report(&Stamped::now(&FINISHED));
        assert_eq!((read(&path).command.as_str(), read(&path).state), ("up", Phase::Done));
        // Killed: no process is numbered so high.
        theirs.writer.pid = i32::MAX.unsigned_abs();
        write(&path, &mut theirs).unwrap();
        let after = StatusFile::begin(&path, RunState::new("pgedge", "tools", None), HEARTBEAT, false, None);
        after.report(&Stamped::now(&FINISHED));
        assert_eq!((read(&path).command.as_str(), read(&path).state), ("tools", Phase::Done));
    }

    #[test]
    fn what_cannot_be_written_is_told_once_and_does_not_end_the_run() {
        static WARNINGS: AtomicUsize = AtomicUsize::new(0);
        let warn: Warn = |_| {
            WARNINGS.fetch_add(1, Ordering::Relaxed);
        };
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/pgedge.status.json");
        let status = StatusFile::begin(&path, RunState::new("pgedge", "up", None), HEARTBEAT, true, Some(warn));
        status.report(&Stamped::now(&FINISHED));
        assert!(!path.exists());
        assert_eq!(WARNINGS.load(Ordering::Relaxed), 1);
    }
}
