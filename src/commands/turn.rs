//! An `up` that finds another run on the same cluster: it shows that run's progress as its own until it has ended, and then
//! checks everything itself, because the other run may have been asked for something else.

use std::time::Duration;

use anyhow::Result;
use bootstrap_run::deadline::Deadline;
use bootstrap_run::duration::in_words;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::follow::{Ended, Limits, follow};
use bootstrap_run::identity::Holder;
use bootstrap_run::lock::{RunLock, Taken};
use bootstrap_run::run_state::{LONGEST_SILENCE, Phase, RunState};
use bootstrap_run::wait::Polling;
use bootstrap_screen::ui;

use crate::cli::{Common, Output};
use crate::context::Context;
use crate::patience;

/// Takes the cluster's lock, after those who have it.
///
/// # Errors
/// [`FailureId::RunInProgress`] if another run has it and gives no sign of life, [`FailureId::RunDeadline`] if it goes on
/// for too long.
pub(super) async fn take(context: &Context, common: &Common, given: Option<Deadline>) -> Result<RunLock> {
    let deadline = given.unwrap_or_else(|| Deadline::after(patience::OTHER_RUN_ENDS));
    let mut told = None;
    let mut polling = Polling::every(patience::POLL_OTHER_RUN);
    loop {
        polling.turn().await;
        let taken = RunLock::try_take(&context.places.state, "up", super::say_wait);
        let holder = match Deadline::bounds(Some(deadline), "something still holds the cluster's lock", taken).await? {
            // Where nothing can be written no run comes far.
            Taken::Ours(RunLock { unwritten: Some(error), .. }) => return Err(error),
            Taken::Ours(lock) => return Ok(lock),
            Taken::Busy(holder) => holder,
        };
        if deadline.left().is_zero() {
            let failure = match given {
                Some(given) => given.passed("another run is still in progress"),
                None => {
                    let what = format!("another run is still in progress after {}", in_words(patience::OTHER_RUN_ENDS));
                    Failure::new(FailureId::RunDeadline, what)
                }
            };
            return Err(failure.evidence(holder.to_string()).into());
        }
        if told.as_ref() != Some(&holder) {
            // In whole seconds, upwards.
            let most = in_words(Duration::from_secs((deadline.left() + Duration::from_millis(999)).as_secs()));
            ui::say(&format!(
                "another run is changing this cluster: {holder}; this one continues when it has ended, and waits for that at most {most}\n"
            ));
        }
        if let Ok(Some(run)) = RunState::read(&context.places.status)
            && run.writer == holder.process
            && run.state == Phase::Running
        {
            watch(context, common, run, &holder, deadline.left()).await?;
        }
        told = Some(holder);
    }
}

/// Shows the other run until it has ended, however it does.
async fn watch(context: &Context, common: &Common, run: RunState, holder: &Holder, left: Duration) -> Result<()> {
    // The events of the other run are not those of this one: programs see the latter alone.
    let reporter = if common.output == Output::Json { ui::silent() } else { super::reporter(common) };
    let limits = Limits { deadline: left, silence: LONGEST_SILENCE };
    let followed = follow(&context.places.status, run, reporter, limits).await?;
    if followed.ended == Ended::WriterSilent {
        let what = "another run has this cluster, and is stopped or hangs";
        let failure = Failure::new(FailureId::RunInProgress, what).evidence(holder.to_string());
        return Err(failure.evidence(format!("it was at: {}", followed.run.at())).into());
    }
    Ok(())
}
