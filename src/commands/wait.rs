//! `wait`: a run of another process, as if it were here. It always ends: with the run, when its process is gone or
//! silent, or at the deadline.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use bootstrap_run::event::RunEnd;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::follow::{Ended, Followed, Limits, follow};
use bootstrap_run::run_state::{LONGEST_SILENCE, Phase, RunState};
use bootstrap_run::wait::{Patience, Polling};
use bootstrap_screen::ui;
use jiff::Timestamp;

use super::Verdict;
use crate::cli::{Output, Wait};
use crate::patience;
use crate::places::Places;

pub(super) async fn run(arguments: &Wait) -> Result<Verdict> {
    let common = &arguments.common;
    // How the cluster came to be is not asked: the run says it.
    let status = Places::find(&common.name, common.bin_dir.clone())?.status;
    let began = Instant::now();
    let run = appears(&status, arguments).await?;
    if run.state != Phase::Running && common.output == Output::Text {
        return old(&run);
    }
    let deadline = arguments.deadline.saturating_sub(began.elapsed());
    let limits = Limits { deadline, silence: arguments.silence.unwrap_or(LONGEST_SILENCE) };
    let followed = follow(&status, run, super::reporter(common), limits).await?;
    if let Some(proof) = followed.proof.as_ref().filter(|_| common.output == Output::Text) {
        ui::print(&proof.table())?;
    }
    conclude(&followed, arguments)
}

/// The run that is there, or the one that begins soon.
async fn appears(status: &Path, arguments: &Wait) -> Result<RunState> {
    let patience = arguments.appear.min(arguments.deadline);
    let end = Patience::begin(patience);
    let mut polling = Polling::every(patience::POLL_RUN_BEGINS);
    let mut told = arguments.common.output == Output::Json;
    loop {
        polling.turn().await;
        let found = RunState::read(status);
        if let Ok(Some(run)) = found {
            return Ok(run);
        }
        if end.is_over() {
            let what = format!("no run of cluster {:?} has begun", arguments.common.name.as_str());
            let missing = Failure::new(FailureId::RunMissing, what);
            let seen = match found {
                Err(error) => format!("{} cannot be read: {error}", status.display()),
                _ => format!("no {} after {} s", status.display(), patience.as_secs_f64()),
            };
            return Err(missing.evidence(seen).into());
        }
        if !std::mem::replace(&mut told, true) {
            ui::say(&format!("waiting up to {} s for a run to begin\n", patience.as_secs_f64()));
        }
    }
}

/// The result of a run that had ended before anybody waited for it.
fn old(run: &RunState) -> Result<Verdict> {
    let ago = ago(run);
    let took = run.seconds.map(|seconds| format!(" after {seconds:.1} s")).unwrap_or_default();
    match (run.state, &run.failure) {
        (Phase::Done, _) => {
            let changed = if run.changed == 1 { "1 step".to_owned() } else { format!("{} steps", run.changed) };
            ui::say(&format!("the last run ({}) succeeded {ago}{took}: {changed} changed\n", run.name()));
            Ok(Verdict::Good)
        }
        (Phase::Failed, failure) => {
            ui::say(&format!("the last run ({}) failed {ago}{took}\n", run.name()));
            if let Some(failure) = failure {
                ui::say_failure(&failure.report);
            }
            Ok(Verdict::Bad)
        }
        _ => Err(interrupted(run).into()),
    }
}

fn conclude(followed: &Followed, arguments: &Wait) -> Result<Verdict> {
    let run = &followed.run;
    let heard = format!("last heard {}, at: {}", ago(run), run.at());
    let failure = match followed.ended {
        Ended::Told(RunEnd::Done) => return Ok(Verdict::Good),
        // The reporter has told it.
        Ended::Told(RunEnd::Failed) => return Ok(Verdict::Bad),
        Ended::Told(RunEnd::Interrupted) => interrupted(run),
        Ended::WriterGone => {
            let what = format!("the run ({}) was killed: its process is gone", run.name());
            go_on(Failure::new(FailureId::RunLost, what), run).evidence(heard)
        }
        Ended::WriterSilent => {
            let what = format!("the run ({}) is stopped or hangs: its process is there and says nothing", run.name());
            Failure::new(FailureId::RunSilent, what).evidence(heard)
        }
        Ended::Deadline => {
            let what = format!("the run ({}) had not ended after {} s", run.name(), arguments.deadline.as_secs_f64());
            Failure::new(FailureId::WaitDeadline, what).evidence(heard)
        }
    };
    Err(with_log(failure, run).into())
}

fn interrupted(run: &RunState) -> Failure {
    let what = format!("the run ({}) was interrupted {}", run.name(), ago(run));
    go_on(Failure::new(FailureId::RunInterrupted, what), run)
}

/// The advice that fits the command of the run.
fn go_on(failure: Failure, run: &RunState) -> Failure {
    let command = match run.command.as_str() {
        "tools" => Ours::Tools,
        "prefetch" => Ours::Prefetch,
        _ => return failure,
    };
    failure.hint(hint![command, " continues from what is there"])
}

fn with_log(failure: Failure, run: &RunState) -> Failure {
    match &run.log {
        Some(log) => failure.evidence(format!("its log: {}", log.display())),
        None => failure,
    }
}

fn ago(run: &RunState) -> String {
    super::ago(run.unheard_for(Timestamp::now()))
}
