//! `pgedge-bootstrap`: from nothing to a proven active-active Postgres on Kubernetes.
//!
//! The modules in reading order; ARCHITECTURE.md draws the house. A module knows those below it and no other, which
//! `tests/it/floors.rs` checks.

// The commands.
mod cli;
mod commands;

// What the product does.
mod context;
mod converge;
mod plan;
mod replication;
mod sql;
mod steps;

// What it works with.
mod download;
mod kubernetes;
mod lock;
mod tools;
mod verdict;

// How it runs programs and tells what happens.
mod follow;
mod process;
mod ui;

// The vocabulary.
mod event;
mod failure;
mod image;
mod logs;
mod matrix;
mod options;
mod pins;
mod places;
mod platform;
mod redact;
mod run_state;
mod step;
mod sum;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::commands::Verdict;

/// Of a shell's command that ended by an interrupt.
const INTERRUPTED: u8 = 130;

/// How long a thread that writes a file may go on when the run has ended.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
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
            return ExitCode::from(3);
        }
    };
    let code = runtime.block_on(async {
        tokio::select! {
            ended = commands::run(cli) => exit_code(ended),
            () = interrupted() => {
                ui::say("interrupted; running this again continues from here\n");
                ExitCode::from(INTERRUPTED)
            }
        }
    });
    // A thread may be in the middle of writing a file: its temporary name is removed if it may finish.
    runtime.shutdown_timeout(LAST_WORK);
    code
}

fn exit_code(ended: anyhow::Result<Verdict>) -> ExitCode {
    match ended {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Err(error) if error.is::<ui::ReaderWentAway>() => ExitCode::SUCCESS,
        Err(error) => {
            ui::say_error(&error);
            ExitCode::from(if failure::of(&error).is_some() { 1 } else { 3 })
        }
    }
}

/// Returns when the person, or whoever started us, wants the program to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        // Without a handler the signal ends the process by itself.
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
