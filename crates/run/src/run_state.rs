//! What a run does or did, as a file that other processes read: `docs/events.md` describes every field.
//!
//! Here are the data, how an event changes them, and how a reader distinguishes a live run from a dead one;
//! `record::status_file` writes the file. A run is dead when its process is gone: a zombie counts as gone, and so does a pid
//! that another process has by now. An old heartbeat alone does not count: a machine that slept wakes up with one, so it
//! must also not change while it is being watched.

mod liveness;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::liveness::{Liveness, liveness};
use crate::event::{Event, RunEnd, Stamped};
use crate::failure::Report;
use crate::file;
use crate::identity::{Identity, is_process};
pub use crate::patience::LONGEST_SILENCE;
use crate::step::StepName;

/// The version of the JSON form of [`RunState`].
const SCHEMA: u32 = 1;

/// A run as its writer last described it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The version of this form: 1, to which fields may be added.
    pub schema: u32,
    /// The version of the program that wrote it.
    pub version: String,
    /// The name of the cluster.
    pub cluster: String,
    /// `up` or `tools`.
    pub command: String,
    /// The process of the run. In JSON its fields stand beside the others.
    #[serde(flatten)]
    pub writer: Identity,
    /// When the run began, in UTC.
    pub started: Timestamp,
    /// When the file was written: every two seconds while the run lives, and for the last time at its end.
    pub heartbeat: Timestamp,
    /// Every event of the run, one a line; none if it could not be written.
    pub log: Option<PathBuf>,
    /// How far the run is.
    pub state: Phase,
    /// In the order of the plan.
    pub steps: Vec<StepState>,
    /// The first one, which ended the run.
    pub failure: Option<FailedStep>,
    /// How many steps had to be applied so far.
    pub changed: usize,
    /// The whole time of a run that has ended.
    pub seconds: Option<f64>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It goes on, or its writer was killed: [`liveness()`] tells which.
    Running,
    /// Every step holds.
    Done,
    /// A step failed.
    Failed,
    /// A person, or the system, asked it to stop.
    Interrupted,
}

/// A step of a run as its writer last described it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    /// The name of the step, as events have it.
    pub id: StepName,
    /// How far the step is.
    pub state: StepPhase,
    /// What it is waiting for, or how it ended; for people.
    pub detail: String,
    /// When it came into this state.
    pub since: Option<Timestamp>,
    /// From its start to its end.
    pub seconds: Option<f64>,
    /// Those that arrived for it last; `None` if it fetches nothing.
    pub bytes: Option<Bytes>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepPhase {
    /// What it needs does not hold yet.
    Pending,
    /// It does not hold, and leaves what is scarce to others first.
    Queued,
    /// It is looked at, or applied.
    Running,
    /// It holds.
    Done,
    /// It failed, and with it the run.
    Failed,
    /// It was given up because another one failed or the run was stopped.
    Cancelled,
}

/// Bytes of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// How many have arrived, with those that an earlier run has left.
    pub done: u64,
    /// How many there will be; `None` where the sender does not say.
    pub total: Option<u64>,
}

/// A step that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// The name of the step, as events have it.
    pub step: StepName,
    /// What failed, and what to do. In JSON its fields stand beside the name.
    #[serde(flatten)]
    pub report: Report,
}

/// Where the process writes what then takes the place of the status file: `<cluster>.status.<process>.part`.
pub(crate) fn part(status: &Path, process: u32) -> PathBuf {
    status.with_extension(format!("{process}.part"))
}

/// Removes what processes that were killed while they wrote the status file left beside it.
pub fn remove_parts_of_the_dead(status: &Path) {
    let (Some(folder), Some(stem)) = (status.parent(), status.file_stem().and_then(|stem| stem.to_str())) else {
        return;
    };
    // What cannot be listed or removed stays: it is small, and in nobody's way.
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(".part"));
        if process.and_then(|process| process.parse().ok()).is_some_and(|process| !is_process(process)) {
            let _ = fs_err::remove_file(entry.path());
        }
    }
}

impl RunState {
    /// A run of this process that begins now.
    pub(crate) fn new(cluster: &str, command: &str, log: Option<PathBuf>) -> Self {
        let now = Timestamp::now();
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: cluster.to_owned(),
            command: command.to_owned(),
            writer: Identity::this_process(),
            started: now,
            heartbeat: now,
            log,
            state: Phase::Running,
            steps: Vec::new(),
            failure: None,
            changed: 0,
            seconds: None,
        }
    }

    /// The last run, or `None` if there was none.
    ///
    /// # Errors
    /// Those of reading, and `InvalidData` if another version of this program wrote it in another form.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match file::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What becomes of the run by an event.
    pub(crate) fn record(&mut self, stamped: &Stamped) {
        let time = stamped.time;
        match &stamped.event {
            Event::RunStarted { steps, .. } => {
                self.steps = steps.iter().map(|step| StepState::pending(step.id)).collect();
            }
            Event::StepStarted { step } => self.enter(*step, StepPhase::Running, "", time, None),
            Event::StepQueued { step, behind } => {
                let behind: Vec<&str> = behind.iter().map(|step| step.as_str()).collect();
                self.enter(*step, StepPhase::Queued, &format!("after {}", behind.join(", ")), time, None);
            }
            Event::StepApplying { step, detail, .. } => self.enter(*step, StepPhase::Running, detail, time, None),
            Event::StepWaiting { step, reason } => reason.clone_into(&mut self.step(*step).detail),
            Event::StepBytes { step, done, total } => {
                self.step(*step).bytes = Some(Bytes { done: *done, total: *total });
            }
            Event::StepDone { step, detail, changed, seconds } => {
                self.changed += usize::from(*changed);
                self.enter(*step, StepPhase::Done, detail, time, Some(*seconds));
            }
            Event::StepFailed { step, failure, seconds } => {
                self.enter(*step, StepPhase::Failed, &failure.summary, time, Some(*seconds));
                self.failure.get_or_insert_with(|| FailedStep { step: *step, report: failure.clone() });
            }
            Event::StepCancelled { step, seconds } => {
                self.enter(*step, StepPhase::Cancelled, "", time, Some(*seconds));
            }
            Event::Proof { .. }
            | Event::CommandEnded { .. }
            | Event::ClusterAdopted { .. }
            | Event::SlotRenewed { .. }
            | Event::RunFailed { .. } => {}
            Event::RunFinished { end, changed, seconds, .. } => {
                self.state = (*end).into();
                self.changed = *changed;
                self.seconds = Some(*seconds);
            }
        }
    }

    /// Whether both describe one run.
    pub(crate) fn is_same_run(&self, other: &Self) -> bool {
        self.writer == other.writer && self.started == other.started
    }

    /// What it is called in messages: `` `tools`, process 123 ``.
    pub fn name(&self) -> String {
        format!("`{}`, process {}", self.command, self.writer.pid)
    }

    /// What it was doing when it was last heard: `cluster (kind creates the cluster), images`.
    pub fn at(&self) -> String {
        let running = self.steps.iter().filter(|step| step.state == StepPhase::Running);
        let words: Vec<String> = running
            .map(|step| match (step.detail.as_str(), step.bytes) {
                (_, Some(Bytes { done, total: Some(total) })) => {
                    format!("{} ({} of {} MB)", step.id, done / 1_000_000, total / 1_000_000)
                }
                ("", _) => step.id.to_string(),
                (detail, _) => format!("{} ({detail})", step.id),
            })
            .collect();
        if words.is_empty() { "no step".to_owned() } else { words.join(", ") }
    }

    /// Seconds since the writer's last sign of life. A clock that was set back counts as none.
    pub fn unheard_for(&self, now: Timestamp) -> u64 {
        u64::try_from(now.duration_since(self.heartbeat).as_secs()).unwrap_or(0)
    }

    fn enter(&mut self, step: StepName, state: StepPhase, detail: &str, time: Timestamp, seconds: Option<f64>) {
        let step = self.step(step);
        step.state = state;
        step.since = Some(time);
        step.seconds = seconds;
        detail.clone_into(&mut step.detail);
    }

    /// A step that was not planned is added: whoever reads must see it.
    fn step(&mut self, id: StepName) -> &mut StepState {
        let place = self.steps.iter().position(|step| step.id == id).unwrap_or_else(|| {
            self.steps.push(StepState::pending(id));
            self.steps.len() - 1
        });
        &mut self.steps[place]
    }
}

impl StepState {
    fn pending(id: StepName) -> Self {
        Self { id, state: StepPhase::Pending, detail: String::new(), since: None, seconds: None, bytes: None }
    }
}

impl From<RunEnd> for Phase {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Done => Self::Done,
            RunEnd::Failed => Self::Failed,
            RunEnd::Interrupted => Self::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests;
