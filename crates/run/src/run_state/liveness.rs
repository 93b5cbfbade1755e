//! Tells a run that lives from one that was killed, and from one whose process was stopped.

use jiff::Timestamp;

use super::RunState;
use crate::patience;

/// Whether the writer of a state that says `running` still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It was heard within [`crate::run_state::LONGEST_SILENCE`].
    Alive,
    /// The process is gone, or its number belongs to another one by now.
    Gone,
    /// The process is there, but says nothing: it is stopped, or hangs.
    Silent {
        /// Since its last sign of life.
        seconds: u64,
    },
    /// It is on a machine that cannot be asked: how long ago it was heard is all that is known.
    Elsewhere {
        /// Since its last sign of life, by the clocks of two machines.
        seconds: u64,
    },
}

/// Whether the writer of a run that has not ended still works on it.
pub fn liveness(run: &RunState, now: Timestamp) -> Liveness {
    let seconds = run.unheard_for(now);
    match run.writer.is_there() {
        None => Liveness::Elsewhere { seconds },
        Some(false) => Liveness::Gone,
        Some(true) if seconds > patience::LONGEST_SILENCE.as_secs() => Liveness::Silent { seconds },
        Some(true) => Liveness::Alive,
    }
}

impl Liveness {
    /// Whether the run may be taken to go on.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Alive => true,
            Self::Elsewhere { seconds } => seconds <= patience::LONGEST_SILENCE.as_secs(),
            Self::Gone | Self::Silent { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    fn run() -> RunState {
        RunState::new("pgedge", "up", None)
    }

    #[test]
    fn this_process_is_alive() {
        let run = run();
        assert_eq!(liveness(&run, run.heartbeat), Liveness::Alive);
    }

    /// That one which was killed and is not reaped counts as gone, `tests/it/wait.rs` shows.
    #[test]
    fn a_process_that_is_not_there_is_gone() {
        let mut run = run();
        // No system numbers its processes so high.
        run.writer.pid = i32::MAX.unsigned_abs();
        assert_eq!(liveness(&run, run.heartbeat), Liveness::Gone);
        (run.writer.pid, run.writer.process_start) = (1, None);
        assert_eq!(liveness(&run, run.heartbeat), Liveness::Alive, "a process of somebody else is there");
    }

    #[test]
    fn a_number_that_was_given_to_another_process_is_gone() {
        let mut run = run();
        run.writer.process_start = run.writer.process_start.map(|start| start + 1);
        let expected = if run.writer.process_start.is_some() { Liveness::Gone } else { Liveness::Alive };
        assert_eq!(liveness(&run, run.heartbeat), expected);
    }

    #[test]
    fn silence_is_counted_from_the_last_heartbeat() {
        let run = run();
        let after = |seconds: i64| liveness(&run, run.heartbeat + seconds.seconds());
        assert_eq!(after(30), Liveness::Alive);
        assert_eq!(after(31), Liveness::Silent { seconds: 31 });
        // A clock that was set back.
        assert_eq!(after(-3600), Liveness::Alive);
    }

    #[test]
    fn another_machine_is_judged_by_what_was_heard() {
        let mut run = run();
        run.writer.host.push_str("-elsewhere");
        let after = |seconds: i64| liveness(&run, run.heartbeat + seconds.seconds());
        assert_eq!(after(30), Liveness::Elsewhere { seconds: 30 });
        assert!(after(30).is_alive() && !after(31).is_alive());
    }
}
