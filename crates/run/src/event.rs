//! What happens in a run, as data. Steps report, `ui` draws, and neither knows the other.

mod clock;
#[cfg(any(test, feature = "testing"))]
pub mod made_up;
#[cfg(any(test, feature = "testing"))]
pub mod recorder;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::clock::{Clock, between};
use crate::failure::Report;
use crate::matrix::Matrix;
use crate::redact;
use crate::step::{Observation, Stage, StepName};

/// Something that happened. Serialised as it is for `--output json` and for the log; `docs/events.md` describes every
/// field. Read back by those who follow the run of another process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first one: what is going to happen.
    RunStarted {
        /// [`SCHEMA`] of the program that tells this.
        schema: u32,
        /// The version of that program.
        version: String,
        /// The name of the cluster (`--name`).
        cluster: String,
        /// All steps of the run, in the order of the plan.
        steps: Vec<PlannedStep>,
    },
    /// Everything that the step needs holds: it is looked at.
    StepStarted {
        /// Which step that is.
        step: StepName,
    },
    /// The step does not hold, and leaves what is scarce to others first.
    StepQueued {
        /// The step that waits.
        step: StepName,
        /// The steps that have to end before it is applied.
        behind: Vec<StepName>,
    },
    /// The step does not hold, and is applied from now on.
    StepApplying {
        /// Which step that is.
        step: StepName,
        /// What the look found: missing, wrong or waiting, as [`Observation::word`] says it.
        found: String,
        /// The same for people, as [`Observation::detail`] says it.
        detail: String,
    },
    /// What the step is waiting for now. Repeated only when it changes.
    StepWaiting {
        /// The step that waits.
        step: StepName,
        /// What is waited for, for people.
        reason: String,
    },
    /// Bytes that arrived. A step may have several transfers at once, each with a total of its own.
    StepBytes {
        /// The step that they are fetched for.
        step: StepName,
        /// How many there are by now, with those that an earlier run has left.
        done: u64,
        /// How many there will be; `None` where the sender does not say.
        total: Option<u64>,
    },
    /// The step holds.
    StepDone {
        /// Which step that is.
        step: StepName,
        /// How it looks now, for people.
        detail: String,
        /// Whether anything had to be done for it.
        changed: bool,
        /// From its start to its end, with the time in a queue.
        seconds: f64,
    },
    /// The step failed, and with it the run.
    StepFailed {
        /// Which step that is.
        step: StepName,
        /// What failed, and what to do. In JSON its fields stand beside the others.
        #[serde(flatten)]
        failure: Report,
        /// From its start to its end.
        seconds: f64,
    },
    /// The step was given up because another one failed or the run was stopped.
    StepCancelled {
        /// Which step that is.
        step: StepName,
        /// From its start to its end.
        seconds: f64,
    },
    /// The replication proof, as soon as there is one.
    Proof {
        /// Who has read what from whom.
        matrix: Matrix,
    },
    /// An adopted cluster, once it has answered and before anything is written into it.
    ClusterAdopted {
        /// The step that tells of it.
        step: StepName,
        /// Which cluster that is. In JSON its fields stand beside the others.
        #[serde(flatten)]
        adopted: Adopted,
    },
    /// A replication slot was gone and was made anew: what the provider wrote meanwhile is not sent to the node.
    SlotRenewed {
        /// The step that tells of it.
        step: StepName,
        /// The pgEdge node that does not get what was written.
        node: String,
        /// The pgEdge node that has written it.
        provider: String,
        /// The name of the slot, on the provider.
        slot: String,
        /// How many transactions of its own the provider has committed meanwhile; `None` where nobody knows.
        transactions: Option<u64>,
    },
    /// A program that was started has ended.
    CommandEnded {
        /// The step in whose name it ran; `None` outside of a step.
        step: Option<StepName>,
        /// The command line, as it can be pasted into a shell.
        command: String,
        /// The exit code; `None` if it was killed or never ran.
        exit: Option<i32>,
        /// From its start to its end.
        seconds: f64,
        /// The lines of its output that tell how it ended, at most twelve; without a status, why there is none.
        output: Vec<String>,
    },
    /// What ended the command outside of the steps: the run could not begin, or nothing more is heard of it.
    RunFailed {
        /// What failed, and what to do. In JSON its fields stand beside the others.
        #[serde(flatten)]
        failure: Report,
    },
    /// The last one.
    RunFinished {
        /// Whether every step holds; false for every end but [`RunEnd::Done`].
        ok: bool,
        /// How the run ended.
        end: RunEnd,
        /// How many steps had to be applied.
        changed: usize,
        /// The time of the whole run.
        seconds: f64,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// Every step holds.
    Done,
    /// A step failed.
    Failed,
    /// A person, or the system, asked it to stop.
    Interrupted,
}

/// Which cluster is adopted, and what of the plan it does not have yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    /// The name of the context in the administrator's kubeconfig.
    pub context: String,
    /// The address of the API server, a URL.
    pub server: String,
    /// The version of Kubernetes, as `v1.34.10`; `None` while the server does not tell.
    pub version: Option<String>,
    /// That of the namespace `kube-system`: what the cluster is known by from now on.
    pub uid: Option<String>,
    /// What the run will make in it, in that order.
    pub creates: Vec<Creation>,
}

/// Something that will be made in an adopted cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Creation {
    /// Its name for people: `cert-manager`, `CloudNativePG`, `pgEdge`.
    pub what: String,
    /// The version that is pinned; that of the chart for `pgEdge`.
    pub version: String,
    /// The namespace that it will be in.
    pub namespace: String,
}

/// A step, as the beginning of a run tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The name of the step, as all later events have it.
    pub id: StepName,
    /// A sentence that is true once the step holds.
    pub title: String,
    /// The group of steps that it belongs to.
    pub stage: Stage,
    /// The steps that must hold before it is looked at.
    pub needs: Vec<StepName>,
    /// The steps that it leaves what is scarce to: it is applied when they have ended.
    pub yields_to: Vec<StepName>,
}

/// An event and when it happened: a line of the JSON form, and of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// When it happened. The times of one run never go back: see [`Clock`].
    pub time: Timestamp,
    /// What happened. In JSON its fields stand beside the time.
    #[serde(flatten)]
    pub event: Event,
}

#[cfg(any(test, feature = "testing"))]
impl Stamped {
    /// The event, as if it happened now. For tests.
    pub fn now(event: &Event) -> Self {
        Self { time: Timestamp::now(), event: event.clone() }
    }
}

/// The version of the JSON form of [`Event`].
pub const SCHEMA: u32 = 1;

/// Receives events in the order in which they happen: of our own run, or of one that another process does. Must not block
/// for long: steps wait for it.
pub trait Reporter: Send + Sync {
    /// Takes one event in. It cannot fail: what cannot be written is the reporter's to tell, or to leave out.
    fn report(&self, stamped: &Stamped);
}

/// Reports to each, in this order.
pub fn fan(reporters: Vec<Arc<dyn Reporter>>) -> Arc<dyn Reporter> {
    struct Fan(Vec<Arc<dyn Reporter>>);
    impl Reporter for Fan {
        fn report(&self, stamped: &Stamped) {
            self.0.iter().for_each(|reporter| reporter.report(stamped));
        }
    }
    Arc::new(Fan(reporters))
}

/// Where the events of a run go. Each is stamped here and loses its secrets here, so that all reporters tell the same.
#[derive(Clone)]
pub struct Events(Arc<Outlet>);

struct Outlet {
    reporter: Arc<dyn Reporter>,
    /// Held while an event is reported: they arrive in the order of their times.
    clock: Mutex<Clock>,
}

impl Events {
    /// Events that go to this reporter, with times that begin now.
    pub fn to(reporter: Arc<dyn Reporter>) -> Self {
        Self(Arc::new(Outlet { reporter, clock: Mutex::new(Clock::starting_now()) }))
    }

    /// Reports an event. Returns when the reporter has taken it in.
    pub fn tell(&self, mut event: Event) {
        event.hide_secrets();
        let clock = self.0.clock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.reporter.report(&Stamped { time: clock.now(), event });
    }
}

impl Event {
    fn hide_secrets(&mut self) {
        match self {
            Self::StepApplying { detail: text, .. }
            | Self::StepWaiting { reason: text, .. }
            | Self::StepDone { detail: text, .. } => redact::in_place(text),
            Self::StepFailed { failure, .. } | Self::RunFailed { failure } => {
                failure.hide_secrets();
            }
            Self::CommandEnded { command, output, .. } => {
                redact::in_place(command);
                redact::lines(output);
            }
            Self::ClusterAdopted { adopted, .. } => redact::in_place(&mut adopted.server),
            Self::RunStarted { .. }
            | Self::StepStarted { .. }
            | Self::StepQueued { .. }
            | Self::StepBytes { .. }
            | Self::StepCancelled { .. }
            | Self::Proof { .. }
            | Self::SlotRenewed { .. }
            | Self::RunFinished { .. } => {}
        }
    }
}

tokio::task_local! {
    static CURRENT: StepReporter;
}

/// What a step holds while it runs: the way to tell what it does. Cheap to clone.
#[derive(Clone)]
pub struct StepReporter {
    step: StepName,
    events: Events,
    last_seen: Arc<Mutex<String>>,
    last_bytes: Arc<Mutex<Option<(Instant, u64)>>>,
}

/// Bytes arrive in chunks of kilobytes: nobody reads a thousand lines a second.
const BYTES_EVERY: Duration = Duration::from_millis(100);

impl StepReporter {
    /// A reporter for this step, which has told nothing yet.
    pub fn new(step: StepName, events: Events) -> Self {
        Self { step, events, last_seen: Arc::default(), last_bytes: Arc::default() }
    }

    /// Says what is being waited for. Saying the same again is not an event.
    pub fn waiting(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let mut last_seen = self.last_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *last_seen != reason {
            last_seen.clone_from(&reason);
            self.events.tell(Event::StepWaiting { step: self.step, reason });
        }
    }

    /// Says that the step is being applied, and what was found in its place.
    pub fn applying(&self, found: &Observation) {
        let (word, detail) = (found.word().to_owned(), found.detail().to_owned());
        self.events.tell(Event::StepApplying { step: self.step, found: word, detail });
    }

    /// Says how many bytes have arrived. Told ten times a second, at every hundredth of the total, and when the last one is
    /// there: what is not told when a sender stalls is too little to be missed.
    pub fn bytes(&self, done: u64, total: Option<u64>) {
        let mut last = self.last_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let share = total.map_or(1 << 20, |total| total / 100);
        let telling = |(at, told): (Instant, u64)| at.elapsed() >= BYTES_EVERY || done < told || done - told >= share;
        if total == Some(done) || last.is_none_or(telling) {
            *last = Some((Instant::now(), done));
            self.events.tell(Event::StepBytes { step: self.step, done, total });
        }
    }

    /// Hands over the result of the proof.
    pub fn proof(&self, matrix: &Matrix) {
        self.events.tell(Event::Proof { matrix: matrix.clone() });
    }

    /// Says that a replication slot was made anew, and how many transactions are not sent because of that.
    pub fn slot_renewed(&self, node: &str, provider: &str, slot: &str, transactions: Option<u64>) {
        let (node, provider, slot) = (node.to_owned(), provider.to_owned(), slot.to_owned());
        self.events.tell(Event::SlotRenewed { step: self.step, node, provider, slot, transactions });
    }

    /// Says which cluster is adopted.
    pub fn adopted(&self, adopted: Adopted) {
        self.events.tell(Event::ClusterAdopted { step: self.step, adopted });
    }

    /// Says that a program has ended.
    pub(crate) fn command(&self, command: String, exit: Option<i32>, seconds: f64, output: Vec<String>) {
        let step = Some(self.step);
        self.events.tell(Event::CommandEnded { step, command, exit, seconds, output });
    }

    /// Does work in the name of the step: the programs that it starts are reported with it.
    pub async fn named<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// The reporter of the step in whose name this code runs; `None` outside of a run.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// What was last waited for: the evidence of a deadline. Empty if nothing was.
    pub fn last_seen(&self) -> String {
        self.last_seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Events").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StepReporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StepReporter").field("step", &self.step).finish_non_exhaustive()
    }
}

/// A step that has been started and must end with a verdict: dropped without one, it reports itself as cancelled.
#[derive(Debug)]
pub struct RunningStep {
    step: StepName,
    started: Instant,
    /// `None` when it has reported its end.
    events: Option<Events>,
}

impl RunningStep {
    /// Tells that the step has begun.
    pub fn start(step: StepName, events: Events) -> Self {
        events.tell(Event::StepStarted { step });
        Self { step, started: Instant::now(), events: Some(events) }
    }

    /// Tells that the step holds. `detail`: how it looks, for people. `changed`: whether anything had to be done for it.
    pub fn done(mut self, detail: String, changed: bool) {
        self.conclude(Event::StepDone { step: self.step, detail, changed, seconds: self.seconds() });
    }

    /// Tells that the step failed, and why.
    pub fn failed(mut self, failure: Report) {
        self.conclude(Event::StepFailed { step: self.step, failure, seconds: self.seconds() });
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn conclude(&mut self, event: Event) {
        if let Some(events) = self.events.take() {
            events.tell(event);
        }
    }
}

impl Drop for RunningStep {
    fn drop(&mut self) {
        self.conclude(Event::StepCancelled { step: self.step, seconds: self.seconds() });
    }
}

#[cfg(test)]
mod tests;
