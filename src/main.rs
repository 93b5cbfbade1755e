//! `pgedge-bootstrap`: from nothing to a proven active-active Postgres on Kubernetes.
//!
//! The modules in reading order; ARCHITECTURE.md draws the house. A module knows those below it and no other, which
//! `tests/it/floors.rs` checks; what knows nothing of the product is in `crates/`.

// The commands.
mod cli;
mod commands;

// What the product does.
mod context;
mod plan;
mod replication;
mod steps;
mod upstream;

// What it works with.
mod tools;

// The vocabulary.
mod edition;
mod lesson;
mod options;
mod owner;
mod patience;
mod places;
mod stack;
mod step_id;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use bootstrap_run::failure::{Failure, FailureId, Invocation, Report};
use bootstrap_run::stop::{Interrupted, Stop};
use bootstrap_run::{failure, signals};
use bootstrap_screen::ui;
use bootstrap_screen::ui::Answer;
use futures::FutureExt as _;

use crate::commands::Verdict;

/// Of a shell's command that ended by an interrupt.
const INTERRUPTED: u8 = 130;

/// Of a run that ended for a reason that nobody expected.
const DEFECT: u8 = 3;

fn main() -> ExitCode {
    let broken = Arc::<OnceLock<Report>>::default();
    let told = Arc::clone(&broken);
    std::panic::set_hook(Box::new(move |panic| drop(told.set(ui::say_defect(panic)))));
    if let Some(code) = tools::docker::labelled::become_docker() {
        return code;
    }
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(usage) => {
            // --help and --version come this way too, with the exit code 0.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let (answer, invocation) = (cli.answer(), commands::invocation(&cli));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return exit_code(Err(anyhow::Error::new(error).context("cannot start the runtime")), answer, &invocation);
        }
    };
    let stop = Stop::default();
    let run = async {
        tokio::select! {
            ended = commands::run(cli, &stop) => exit_code(ended, answer, &invocation),
            () = stop.insisted() => ExitCode::from(INTERRUPTED),
        }
    };
    let code = runtime.block_on(async {
        signals::survive_limits();
        tokio::spawn(signals::listen(stop.clone()));
        AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
            // A panic of a step reaches this through the engine; its hook has told people.
            broken.get().inspect(|report| ui::answer_failure(report, answer));
            ExitCode::from(DEFECT)
        })
    });
    // A thread may be in the middle of writing a file: its temporary name is removed if it may finish.
    runtime.shutdown_timeout(if stop.is_insisted() { patience::THREADS_END_AT_ONCE } else { patience::THREADS_END });
    code
}

/// Tells a failure that ended the command before anybody told it.
fn exit_code(ended: anyhow::Result<Verdict>, answer: Answer, run: &Invocation) -> ExitCode {
    match ended {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Ok(Verdict::Unexpected) => ExitCode::from(DEFECT),
        Ok(Verdict::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) if error.is::<ui::ReaderWentAway>() => ExitCode::SUCCESS,
        Err(error) if error.is::<cli::UsageError>() => {
            if let Some(usage) = error.downcast_ref::<cli::UsageError>() {
                let _ = usage.print();
            }
            ExitCode::from(2)
        }
        Err(error) if error.is::<Interrupted>() => {
            ui::say("interrupted; the same command continues from here\n");
            let failure = Failure::new(FailureId::RunInterrupted, "the command was interrupted");
            let failure = failure.hint("the same command continues from here");
            ui::answer_failure(&Report::of_failure(&failure, run), answer);
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            let report = Report::of(&error, run);
            ui::say_failure(&report);
            ui::answer_failure(&report, answer);
            ExitCode::from(if failure::of(&error).is_some() { 1 } else { DEFECT })
        }
    }
}
