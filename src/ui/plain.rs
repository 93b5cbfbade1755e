//! One line per event, without control codes: for logs, pipes and dumb terminals. While nothing happens, a line every
//! fifteen seconds says what is being waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Reporter};
use crate::step::StepId;

/// Silence that is longer than this makes people think of a hang.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) struct Plain {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    started: Instant,
    last_line: Instant,
    running: BTreeMap<StepId, (Instant, String)>,
    over: bool,
}

impl Plain {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let state = State { started: now, last_line: now, running: BTreeMap::new(), over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new() });
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || beat(&watched));
        Self { shared }
    }
}

impl Reporter for Plain {
    fn report(&self, event: &Event) {
        let mut state = self.shared.state();
        match event {
            Event::RunStarted { version, cluster, steps, .. } => {
                state.line(&format!(
                    "pgedge-bootstrap {version}, cluster {cluster:?}, {} step{}",
                    steps.len(),
                    if steps.len() == 1 { "" } else { "s" }
                ));
            }
            Event::StepStarted { step } => drop(state.running.insert(*step, (Instant::now(), String::new()))),
            Event::StepWaiting { step, reason } => {
                if let Some((_, last)) = state.running.get_mut(step) {
                    last.clone_from(reason);
                }
                state.line(&format!("..  {step}: {reason}"));
            }
            // A line for every chunk would be noise; the heartbeat tells how far it is.
            Event::StepBytes { step, done, total } => {
                if let Some((_, last)) = state.running.get_mut(step) {
                    *last = match total {
                        Some(total) => format!("{} of {} MB", done / 1_000_000, total / 1_000_000),
                        None => format!("{} MB", done / 1_000_000),
                    };
                }
            }
            Event::StepDone { step, detail, changed, seconds } => {
                state.running.remove(step);
                let took = if *changed { format!(" ({seconds:.1} s)") } else { String::new() };
                state.line(&format!("ok  {}: {detail}{took}", step.title()));
            }
            Event::StepFailed { step, id, summary, evidence, hint, seconds } => {
                state.running.remove(step);
                state.line(&format!("no  {} ({seconds:.1} s)", step.title()));
                super::say(&super::failure::lines(id, summary, evidence, hint));
            }
            Event::StepCancelled { step, seconds } => {
                state.running.remove(step);
                state.line(&format!("--  stopped: {} ({seconds:.1} s)", step.title()));
            }
            Event::StepQueued { .. }
            | Event::StepApplying { .. }
            | Event::CommandEnded { .. }
            | Event::Proof { .. } => {}
            Event::RunFinished { ok, changed, seconds, .. } => {
                state.over = true;
                self.shared.ended.notify_all();
                state.line(&super::terminal::closing(*ok, *changed, *seconds));
            }
        }
    }
}

impl Drop for Plain {
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
    fn line(&mut self, text: &str) {
        self.last_line = Instant::now();
        super::say(&format!("{:>7.1} s  {text}\n", self.started.elapsed().as_secs_f64()));
    }
}

/// Says what is running whenever nothing else has been said for a while.
fn beat(shared: &Shared) {
    let mut state = shared.state();
    while !state.over {
        let silent = state.last_line.elapsed();
        if silent >= HEARTBEAT {
            let running: Vec<String> = state
                .running
                .iter()
                .map(|(step, (since, last))| {
                    let detail = if last.is_empty() { String::new() } else { format!(", {last}") };
                    format!("{step} for {} s{detail}", since.elapsed().as_secs())
                })
                .collect();
            state.line(&format!("..  still at it: {}", running.join("; ")));
        } else {
            let wait = HEARTBEAT - silent;
            state = shared.ended.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
