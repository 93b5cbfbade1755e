//! What is done while the nodes do not replicate yet: it is waited, the chart's job runs again, or it is given up. The time is
//! one for all of it.

use std::time::Duration;

use tokio::time::Instant;

use super::state::{State, Subscription};
use crate::patience;

/// What is to be done about subscriptions as they were just seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// All replicate.
    Done,
    /// They may come up by themselves.
    Wait,
    /// The chart's job mends this, and nothing else does.
    RunTheChart,
    /// Neither time nor the chart's job mends this.
    GiveUp,
}

/// One wait, from its first look to its end.
#[derive(Debug)]
pub(crate) struct Waiting {
    since: Instant,
    /// How long it may take, not counting what the chart's job takes: that has deadlines of its own.
    patience: Duration,
    /// What was lacking at the last look, and since when it is the same.
    same: Option<(Vec<String>, Instant)>,
    /// What was seen before the chart ran again, which it does once.
    before_the_chart: Option<Vec<Subscription>>,
}

impl Waiting {
    pub(crate) fn begin() -> Self {
        Self { since: Instant::now(), patience: patience::SUBSCRIPTIONS_START, same: None, before_the_chart: None }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.since.elapsed() >= self.patience
    }

    pub(crate) fn before_the_chart(&self) -> Option<&[Subscription]> {
        self.before_the_chart.as_deref()
    }

    /// Decides, after a look.
    pub(crate) fn next(&mut self, subscriptions: &[Subscription]) -> Next {
        let lacks: Vec<&Subscription> = subscriptions.iter().filter(|found| !found.replicates()).collect();
        if lacks.is_empty() {
            return Next::Done;
        }
        let words: Vec<String> = lacks.iter().map(|found| found.in_words()).collect();
        let same_since = match &self.same {
            Some((before, since)) if *before == words => *since,
            _ => {
                let now = Instant::now();
                self.same = Some((words, now));
                now
            }
        };
        let chart_has_run = self.before_the_chart.is_some();
        let lasting: Vec<&&Subscription> = lacks.iter().filter(|found| found.is_final()).collect();
        // A slot may be made at this moment, by the worker or by the chart's job; what was switched off stays so.
        let at_once = !chart_has_run && lasting.iter().any(|found| found.state == State::Disabled);
        if !lasting.is_empty() && (at_once || same_since.elapsed() >= patience::LACK_IS_LASTING) {
            let mendable = lasting.iter().all(|found| found.is_mended_by_the_chart());
            return if mendable && !chart_has_run { Next::RunTheChart } else { Next::GiveUp };
        }
        if self.is_over() { Next::GiveUp } else { Next::Wait }
    }

    /// Lets the chart's job mend what was seen. The patience does not begin anew: only what the job takes does not count.
    pub(crate) async fn while_the_chart_runs<T>(&mut self, seen: Vec<Subscription>, job: impl Future<Output = T>) -> T {
        let waited = self.since.elapsed();
        let began = Instant::now();
        let done = job.await;
        self.since += began.elapsed();
        self.patience = self.patience.max(waited + patience::SUBSCRIPTIONS_START_AFTER_THE_CHART);
        self.same = None;
        self.before_the_chart = Some(seen);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::tests::subscription;
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Looks at the same twice a second, until something is to be done about it.
    async fn until_decided(waiting: &mut Waiting, seen: &[Subscription]) -> (Next, Duration) {
        let began = Instant::now();
        loop {
            match waiting.next(seen) {
                Next::Wait => tokio::time::advance(Duration::from_millis(500)).await,
                next => return (next, began.elapsed()),
            }
        }
    }

    fn of_n2(state: State) -> [Subscription; 2] {
        [subscription("n1", "n2", State::Replicating), subscription("n2", "n1", state)]
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_down_is_waited_for_as_long_as_is_said() {
        for state in [State::Down, State::Starting, State::Initializing] {
            let decided = until_decided(&mut Waiting::begin(), &of_n2(state)).await;
            assert_eq!(decided, (Next::GiveUp, patience::SUBSCRIPTIONS_START), "{state:?}");
        }
        let mut waiting = Waiting::begin();
        tokio::time::advance(seconds(61)).await;
        assert_eq!(waiting.next(&of_n2(State::Replicating)), Next::Done);
    }

    /// Another word for what is lacking is no progress.
    #[tokio::test(start_paused = true)]
    async fn what_changes_from_look_to_look_is_not_waited_for_longer() {
        let mut waiting = Waiting::begin();
        for look in 0_u32..120 {
            let state = if look % 2 == 0 { State::Down } else { State::SlotMissing };
            assert_eq!(waiting.next(&of_n2(state)), Next::Wait, "look {look}");
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        assert_eq!(waiting.next(&of_n2(State::Down)), Next::GiveUp);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_disabled_is_not_waited_for_and_the_chart_runs_once() {
        let mut waiting = Waiting::begin();
        let disabled = of_n2(State::Disabled);
        assert_eq!(until_decided(&mut waiting, &disabled).await, (Next::RunTheChart, Duration::ZERO));
        waiting.while_the_chart_runs(disabled.to_vec(), async {}).await;
        assert_eq!(waiting.next(&disabled), Next::Wait, "the job has ended this moment");
        assert_eq!(until_decided(&mut waiting, &disabled).await, (Next::GiveUp, patience::LACK_IS_LASTING));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_is_missing_for_a_moment_is_being_made() {
        let mut waiting = Waiting::begin();
        let missing = of_n2(State::SlotMissing);
        assert_eq!(until_decided(&mut waiting, &missing).await, (Next::RunTheChart, patience::LACK_IS_LASTING));
        waiting.while_the_chart_runs(missing.to_vec(), async {}).await;
        assert_eq!(until_decided(&mut waiting, &missing).await, (Next::GiveUp, patience::LACK_IS_LASTING));
        let lost = [subscription("n2", "n1", State::SlotLost), subscription("n1", "n2", State::SlotMissing)];
        let decided = until_decided(&mut Waiting::begin(), &lost).await;
        assert_eq!(decided, (Next::GiveUp, patience::LACK_IS_LASTING), "the chart's job takes a lost slot for one");
    }

    /// One patience for the whole: the chart's job does not begin it anew, and does not use it up.
    #[tokio::test(start_paused = true)]
    async fn the_patience_does_not_begin_anew_after_the_charts_job() {
        let mut waiting = Waiting::begin();
        assert_eq!(waiting.next(&of_n2(State::Down)), Next::Wait);
        tokio::time::advance(seconds(40)).await;
        let disabled = of_n2(State::Disabled);
        assert_eq!(waiting.next(&disabled), Next::RunTheChart);
        waiting.while_the_chart_runs(disabled.to_vec(), tokio::time::advance(seconds(90))).await;
        assert_eq!(until_decided(&mut waiting, &of_n2(State::Down)).await, (Next::GiveUp, seconds(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_chart_mended_late_has_a_moment_to_come_up() {
        let mut waiting = Waiting::begin();
        tokio::time::advance(seconds(59)).await;
        let disabled = of_n2(State::Disabled);
        assert_eq!(waiting.next(&disabled), Next::RunTheChart);
        waiting.while_the_chart_runs(disabled.to_vec(), async {}).await;
        assert_eq!(
            until_decided(&mut waiting, &of_n2(State::Starting)).await,
            (Next::GiveUp, patience::SUBSCRIPTIONS_START_AFTER_THE_CHART)
        );
    }
}
