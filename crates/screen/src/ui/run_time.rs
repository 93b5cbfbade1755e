//! The time of a run as its screen shows it: from the run's own start, whoever looks and from when on.

use std::time::Duration;

use bootstrap_run::event::{Clock, Event, Stamped, between};
use jiff::Timestamp;

#[derive(Debug)]
pub(super) struct RunTime {
    clock: Clock,
    start: Timestamp,
}

impl RunTime {
    pub(super) fn starting_now() -> Self {
        let clock = Clock::starting_now();
        Self { clock, start: clock.now() }
    }

    /// When an event happened, from the start of its run. The first event of a run is its start.
    pub(super) fn of(&mut self, stamped: &Stamped) -> Duration {
        if matches!(stamped.event, Event::RunStarted { .. }) {
            self.start = stamped.time;
        }
        between(self.start, stamped.time)
    }

    /// Now, from the start of the run.
    pub(super) fn now(&self) -> Duration {
        between(self.start, self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::made_up::{HELM, started, waiting};
    use super::*;

    #[test]
    fn a_run_that_began_before_we_came_is_as_old_as_it_is() {
        let mut time = RunTime::starting_now();
        let began = Timestamp::now() - SignedDuration::from_mins(4);
        assert_eq!(time.of(&Stamped { time: began, event: started(&[HELM]) }), Duration::ZERO);
        let later = Stamped { time: began + SignedDuration::from_secs(7), event: waiting(HELM, "x") };
        assert_eq!(time.of(&later), Duration::from_secs(7));
        assert!(time.now() >= Duration::from_secs(240));
        // Another run takes its place.
        time.of(&Stamped { time: Timestamp::now(), event: started(&[HELM]) });
        assert!(time.now() < Duration::from_secs(60));
    }
}
