//! One line per event, without control codes: for logs, pipes and dumb terminals. While nothing happens, a line every
//! fifteen seconds says what runs, since when, and what it waits for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bootstrap_run::event::{Event, Reporter, Stamped};

use super::board::{Board, Kept};
use super::look::{Look, Paint};
use super::run_time::RunTime;
use super::{amount, failure, fit, moving, words};

/// Silence that is longer than this makes people think of a hang.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) struct Plain {
    shared: Arc<Shared>,
    verbose: bool,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
    look: Look,
}

struct State {
    board: Board,
    time: RunTime,
    last_line: Instant,
    over: bool,
}

impl Plain {
    pub(super) fn new(look: Look, verbose: bool) -> Self {
        let (time, last_line) = (RunTime::starting_now(), Instant::now());
        let state = State { board: Board::new(verbose), time, last_line, over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new(), look });
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || beat(&watched));
        Self { shared, verbose }
    }
}

impl Reporter for Plain {
    fn report(&self, stamped: &Stamped) {
        let (shared, event) = (&self.shared, &stamped.event);
        let mut state = shared.state();
        let time = state.time.of(stamped);
        let kept = state.board.apply(event, time);
        for line in in_lines(event, &state.board, self.verbose, shared.look) {
            state.say(time, &line);
        }
        if matches!(event, Event::RunFinished { .. }) {
            state.over = true;
            shared.ended.notify_all();
        }
        say_failures(&kept, shared.look);
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.over = true;
        self.shared.ended.notify_all();
        say_failures(&state.board.conclude(None), self.shared.look);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn say(&mut self, time: Duration, line: &str) {
        self.last_line = Instant::now();
        super::say(&format!("{:>7.1} s  {line}\n", time.as_secs_f64()));
    }
}

/// What an event reads as, without the time: none, one line, or, for a command's output, several.
fn in_lines(event: &Event, board: &Board, verbose: bool, look: Look) -> Vec<String> {
    let waits = |text: String| vec![format!("{}  {text}", look.paint(Paint::Dim, ".."))];
    let dim = |text: &str| look.paint(Paint::Dim, text);
    match event {
        Event::RunStarted { version, cluster, steps, .. } => {
            let many = steps.len();
            let line = format!("{}, {many} step{}", words::heading(version, cluster), words::plural(many));
            vec![look.paint(Paint::Bold, &line)]
        }
        Event::StepStarted { step } if verbose => waits(format!("{step}: looking")),
        Event::StepQueued { step, behind } => waits(format!("{step}: later, after {}", words::names(behind))),
        Event::StepApplying { step, detail, .. } => waits(format!("{step}: {}", fit::clean(detail))),
        Event::StepWaiting { step, reason } => waits(format!("{step}: {}", fit::clean(reason))),
        Event::StepDone { step, detail, changed, seconds } => {
            let time = if *changed { format!(" ({})", amount::took(*seconds)) } else { String::new() };
            let (mark, detail) = (look.paint(Paint::Good, "ok"), fit::clean(detail));
            vec![format!("{mark}  {}: {}", board.title(*step), dim(&format!("{detail}{time}")))]
        }
        Event::StepFailed { step, seconds, .. } => {
            let (mark, time) = (look.paint(Paint::Bad, "no"), dim(&format!("({})", amount::took(*seconds))));
            vec![format!("{mark}  {} {time}", board.title(*step))]
        }
        Event::StepCancelled { step, seconds } => {
            vec![dim(&format!("--  stopped: {} ({})", board.title(*step), amount::took(*seconds)))]
        }
        Event::ClusterAdopted { adopted, .. } => words::adopted_lines(adopted, None),
        Event::SlotRenewed { step, node, provider, transactions: Some(0), .. } => waits(format!(
            "{step}: the slot of {node} on {provider} was recreated; {provider} wrote nothing while there was none"
        )),
        Event::SlotRenewed { step, node, provider, .. } => waits(format!(
            "{step}: the slot of {node} on {provider} was recreated; what {provider} wrote while there was none is not sent"
        )),
        Event::CommandEnded { command, exit, seconds, output, .. } if verbose => {
            let told = words::command_lines(command, *exit, *seconds, output);
            told.iter().map(|line| dim(&format!("    {line}"))).collect()
        }
        Event::RunFinished { end, changed, seconds, .. } => vec![words::closing(*end, *changed, *seconds)],
        // A line for every chunk would be noise; the heartbeat tells how far it is.
        Event::StepBytes { .. } | Event::StepStarted { .. } | Event::CommandEnded { .. } | Event::Proof { .. } => {
            Vec::new()
        }
        // The command itself tells people.
        Event::RunFailed { .. } => Vec::new(),
    }
}

/// The errors of a run, at its end. Without the time: they are to be copied.
pub(super) fn say_failures(kept: &[Kept], look: Look) {
    for kept in kept {
        if let Kept::Failure(told) = kept {
            super::say(&(failure::lines(told, None, look).join("\n") + "\n"));
        }
    }
}

/// Says what is running whenever nothing else has been said for a while.
fn beat(shared: &Shared) {
    let mut state = shared.state();
    while !state.over {
        let silent = state.last_line.elapsed();
        if let Some(wait) = HEARTBEAT.checked_sub(silent).filter(|wait| !wait.is_zero()) {
            state = shared.ended.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        } else {
            let now = state.time.now();
            let line = heartbeat(&state.board, now);
            state.say(now, &shared.look.paint(Paint::Dim, &line));
        }
    }
}

/// `..  still running, 3 of 17: helm for 12 s: 12.3/18.9 MB, 2.1 MB/s, 3 s left; later: kubectl`
fn heartbeat(board: &Board, now: Duration) -> String {
    let running = board.running().map(|running| moving::in_words(running, now));
    let later = board.queued().into_iter().map(|(_, steps)| format!("later: {}", words::names(&steps)));
    let parts: Vec<String> = running.chain(later).collect();
    let (ended, planned) = board.progress();
    format!("..  still running, {ended} of {planned}: {}", parts.join("; "))
}

#[cfg(test)]
mod tests;
