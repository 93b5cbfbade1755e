//! Follows the run of another process: its log is told to a reporter as if the run were our own, until the run ends,
//! its process is gone or silent, or the time is up.
//!
//! The status file says which run, which log, and whether the writer lives; the log says what happens. A file cannot be
//! watched in the same way on every system, and not at all on some, so both are looked at five times a second.

mod log;
mod telling;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use self::log::Log;
use self::telling::Telling;
use crate::event::{Reporter, RunEnd};
use crate::matrix::Matrix;
use crate::patience;
use crate::run_state::{Liveness, Phase, RunState, liveness};
use crate::wait::{Patience, Polling};

/// How long to follow.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long to follow at most.
    pub deadline: Duration,
    /// How long a writer may give no sign of life.
    pub silence: Duration,
}

/// How following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The run told its own end.
    Told(RunEnd),
    /// The process ended without a word: it was killed, or its machine was.
    WriterGone,
    /// The process is there and gives no sign of life.
    WriterSilent,
    /// The time is up, and the run goes on.
    Deadline,
}

/// A run as it was last seen, and why no more is seen of it.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Why no more is seen of the run.
    pub ended: Ended,
    /// What its status file last said.
    pub run: RunState,
    /// The replication proof, if the run came so far.
    pub proof: Option<Matrix>,
}

/// Follows a run, and one that takes its place in the status file later.
///
/// # Errors
/// None that is expected: a file that cannot be read is looked at again, and the deadline is the limit.
pub async fn follow(status: &Path, run: RunState, reporter: Arc<dyn Reporter>, limits: Limits) -> Result<Followed> {
    let patience = Patience::begin(limits.deadline);
    let mut last = Followed { ended: Ended::Deadline, run: run.clone(), proof: None };
    let mut follower = Follower::new(status.to_owned(), run, reporter, limits.silence);
    let mut polling = Polling::every(patience::POLL_RUN);
    // A disk that does not answer holds a thread, and not us.
    while let Ok(looked) = tokio::time::timeout_at(patience.end(), async {
        polling.turn().await;
        tokio::task::spawn_blocking(move || {
            let ended = follower.look(Instant::now());
            (follower, ended)
        })
        .await
    })
    .await
    {
        let ended;
        (follower, ended) = looked.context("a worker thread died")?;
        (last.run, last.proof) = (follower.run.clone(), follower.telling.proof());
        if let Some(ended) = ended {
            last.ended = ended;
            break;
        }
    }
    Ok(last)
}

struct Follower {
    status: PathBuf,
    run: RunState,
    log: Log,
    telling: Telling,
    silence: Duration,
    /// When the heartbeat was last seen to change, by our own clock.
    heard: Instant,
}

impl Follower {
    fn new(status: PathBuf, run: RunState, reporter: Arc<dyn Reporter>, silence: Duration) -> Self {
        let log = Log::new(run.log.clone());
        Self { status, run, log, telling: Telling::new(reporter), silence, heard: Instant::now() }
    }

    /// Tells what is new; returns how the run ended if it did.
    fn look(&mut self, now: Instant) -> Option<Ended> {
        if let Some(ended) = self.read_status(now) {
            return Some(ended);
        }
        let followed = self.run.clone();
        let gone = self.is_running() && liveness(&self.run, Timestamp::now()) == Liveness::Gone;
        if gone {
            // It may have succeeded since the file was read; what it left now is all that it left.
            if let Some(ended) = self.read_status(now) {
                return Some(ended);
            }
        }
        self.telling.tell(self.log.read());
        if let Some(end) = self.telling.end() {
            return Some(Ended::Told(end));
        }
        match self.run.state {
            Phase::Running if gone && self.run.is_same_run(&followed) => Some(Ended::WriterGone),
            Phase::Running => self.is_silent(now).then_some(Ended::WriterSilent),
            Phase::Done | Phase::Failed | Phase::Interrupted => {
                // The log ended early: the disk was full, or it was long enough.
                self.telling.tell_the_end_of(&self.run);
                self.telling.end().map(Ended::Told)
            }
        }
    }

    /// Takes over what the status file says. If that is another run by now, this one is told to its end first, which
    /// is returned if it had one.
    fn read_status(&mut self, now: Instant) -> Option<Ended> {
        // A file that is gone or cannot be read tells nothing new; the process and the log still do.
        let found = RunState::read(&self.status).ok().flatten()?;
        if found.is_same_run(&self.run) {
            if found.heartbeat != self.run.heartbeat {
                self.heard = now;
            }
            self.run = found;
        } else if found.started >= self.run.started {
            self.telling.tell(self.log.read());
            if let Some(end) = self.telling.end() {
                return Some(Ended::Told(end));
            }
            self.telling.another_run();
            (self.log, self.heard, self.run) = (Log::new(found.log.clone()), now, found);
        }
        None
    }

    fn is_running(&self) -> bool {
        self.run.state == Phase::Running
    }

    fn is_silent(&self, now: Instant) -> bool {
        let unchanged = now.saturating_duration_since(self.heard);
        let unheard = Duration::from_secs(self.run.unheard_for(Timestamp::now()));
        unchanged >= self.silence
            || unheard >= self.silence && unchanged >= patience::HEARTBEAT_IS_LATE.min(self.silence)
    }
}

#[cfg(test)]
mod tests;
