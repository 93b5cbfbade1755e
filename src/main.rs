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

use anyhow::Context as _;
use bootstrap_run::failure::{Failure, FailureId, Invocation, Report};
use bootstrap_run::stop::{Interrupted, Stop};
use bootstrap_run::{failure, process, signals};
use bootstrap_screen::ui;
use bootstrap_screen::ui::Answer;
use futures::FutureExt as _;

use crate::commands::Verdict;

/// Of a shell's command that ended by an interrupt.
const INTERRUPTED: u8 = 130;

/// Of a command line that cannot be understood.
const MISTAKE: u8 = 2;

/// Of a run that ended for a reason that nobody expected.
const DEFECT: u8 = 3;

fn main() -> ExitCode {
    let broken = Arc::<OnceLock<Report>>::default();
    let told = Arc::clone(&broken);
    std::panic::set_hook(Box::new(move |panic| drop(told.set(ui::say_defect(panic)))));
    if let Some(code) = tools::docker::labelled::become_docker() {
        return code;
    }
    // A signal may come at any moment, and the command line takes a while to be read.
    let begun = begin();
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(usage) => return tell_mistake(&usage),
    };
    let (answer, invocation) = (cli.answer(), commands::invocation(&cli));
    let (runtime, signals) = match begun {
        Ok(begun) => begun,
        Err(error) => return exit_code(Err(error), answer, &invocation),
    };
    let stop = Stop::default();
    let run = async {
        tokio::select! {
            ended = commands::run(cli, &invocation, &stop) => exit_code(ended, answer, &invocation),
            () = stop.insisted() => ExitCode::from(INTERRUPTED),
        }
    };
    let code = runtime.block_on(async {
        tokio::spawn(signals.pass_on(stop.clone()));
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

/// Prints what is wrong with the command line, for programs, too. `--help` and `--version` come this way as well, with the exit
/// code 0.
fn tell_mistake(usage: &cli::UsageError) -> ExitCode {
    // The exit code is the same where nobody reads the words.
    let _ = usage.print();
    if usage.use_stderr() {
        let words: Vec<_> = std::env::args_os().collect();
        ui::answer_failure(&cli::usage::report(usage, &words), cli::usage::answer(&words));
    }
    ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(MISTAKE))
}

/// Starts the runtime, and catches the signals.
fn begin() -> anyhow::Result<(tokio::runtime::Runtime, signals::Caught)> {
    process::raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(failure::from_io).context("cannot start the runtime")?;
    let inside = runtime.enter();
    signals::survive_limits();
    let caught = signals::catch();
    drop(inside);
    Ok((runtime, caught))
}

/// Tells a failure that ended the command before anybody told it.
fn exit_code(ended: anyhow::Result<Verdict>, answer: Answer, run: &Invocation) -> ExitCode {
    match ended {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Ok(Verdict::Unexpected) => ExitCode::from(DEFECT),
        Ok(Verdict::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) if error.is::<cli::UsageError>() => {
            error.downcast_ref().map_or(ExitCode::from(MISTAKE), tell_mistake)
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
