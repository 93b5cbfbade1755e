//! `pgedge-bootstrap`: from nothing to a proven active-active Postgres on Kubernetes.
//!
//! The modules in reading order; ARCHITECTURE.md draws the house. A module knows those below it and no other, which
//! `tests/it/floors.rs` checks.

// The commands.
mod adoption;
mod cli;
mod commands;

// What the product does.
mod context;
mod converge;
mod plan;
mod replication;
mod sql;
mod steps;
mod upstream;

// What it works with.
mod download;
mod kubernetes;
mod lock;
mod tools;
mod verdict;

// How it runs programs and tells what happens.
mod follow;
mod process;
mod signals;
mod ui;

// The vocabulary.
mod edition;
mod event;
mod failure;
mod file;
mod identity;
mod image;
mod lesson;
mod logs;
mod matrix;
mod options;
mod pins;
mod places;
mod platform;
mod redact;
mod run_state;
mod step;
mod stop;
mod sum;
mod timeline;
mod work;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use futures::FutureExt as _;

use crate::commands::Verdict;
use crate::stop::Stop;

/// Of a shell's command that ended by an interrupt.
const INTERRUPTED: u8 = 130;

/// Of a run that ended for a reason that nobody expected.
const DEFECT: u8 = 3;

/// How long a thread that writes a file may go on when the run has ended.
const LAST_WORK: Duration = Duration::from_secs(5);

/// The same when the end was asked for twice: the time that it takes to end the programs that were started.
const LAST_BLOWS: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(ui::say_defect));
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // --help and --version come this way too, with the exit code 0.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui::say_error(&anyhow::Error::new(error).context("cannot start the runtime"));
            return ExitCode::from(DEFECT);
        }
    };
    let stop = Stop::new();
    let run = async {
        tokio::select! {
            ended = commands::run(cli, &stop) => exit_code(ended),
            () = stop.insisted() => ExitCode::from(INTERRUPTED),
        }
    };
    // A panic of a step reaches this through the engine; its hook has said what there is to say.
    let code = runtime.block_on(async {
        tokio::spawn(signals::listen(stop.clone()));
        AssertUnwindSafe(run).catch_unwind().await.unwrap_or(ExitCode::from(DEFECT))
    });
    // A thread may be in the middle of writing a file: its temporary name is removed if it may finish.
    runtime.shutdown_timeout(if stop.is_insisted() { LAST_BLOWS } else { LAST_WORK });
    code
}

fn exit_code(ended: anyhow::Result<Verdict>) -> ExitCode {
    match ended {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Ok(Verdict::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) if error.is::<ui::ReaderWentAway>() => ExitCode::SUCCESS,
        Err(error) => {
            ui::say_error(&error);
            ExitCode::from(if failure::of(&error).is_some() { 1 } else { DEFECT })
        }
    }
}
