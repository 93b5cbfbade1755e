//! The commands, one file each. They turn what was typed into a run and its result into words.

mod completions;
mod down;
mod env;
mod prove;
mod status;
mod tools;
mod up;
mod verify;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::cli::{Cli, Command, Common, Output, Shape};
use crate::context::Context;
use crate::converge::{Outcome, World as _};
use crate::event::Reporter;
use crate::failure::{Failure, FailureId};
use crate::options::Options;
use crate::pins::Pins;
use crate::places::Places;
use crate::platform::Platform;
use crate::step::{Observation, StepId};
use crate::ui;

/// How a command ended when nothing unexpected happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Something does not hold, and the command has said what.
    Bad,
}

/// Runs what was typed.
pub(crate) async fn run(cli: Cli) -> Result<Verdict> {
    match cli.command {
        None => up::run(&cli.up).await,
        Some(Command::Up(arguments)) => up::run(&arguments).await,
        Some(Command::Tools(arguments)) => tools::run(&arguments.common).await,
        Some(Command::Verify(arguments)) => verify::run(&arguments).await,
        Some(Command::Prove(arguments)) => prove::run(&arguments).await,
        Some(Command::Status(arguments)) => status::run(&arguments).await,
        Some(Command::Versions(arguments)) => versions::run(&arguments.common),
        Some(Command::Down(arguments)) => down::run(&arguments).await,
        Some(Command::Env(arguments)) => env::run(&arguments.common),
        Some(Command::Completions { shell }) => completions::run(shell),
    }
}

/// The context of a command: what was typed, resolved.
fn context(common: &Common, shape: Option<&Shape>) -> Result<Context> {
    crate::failure::name_the_cluster(cluster_flag(common));
    let options = Options {
        name: common.name.clone(),
        nodes: shape.map_or(3, |shape| shape.nodes),
        workers: shape.map_or(0, |shape| shape.workers),
        namespace: shape.map_or_else(|| "default".to_owned(), |shape| shape.namespace.clone()),
        mirror: common.mirror.clone(),
        registry_mirrors: common.registry_mirror.clone(),
        ca_file: common.ca_file.clone(),
    };
    let places = places(common)?;
    Context::new(options, pins(common)?, places, platform()?)
}

/// What must be typed to name this cluster: nothing for the default one.
fn cluster_flag(common: &Common) -> String {
    if common.name.as_str() == "pgedge" { String::new() } else { format!(" --name {}", common.name) }
}

fn places(common: &Common) -> Result<Places> {
    Places::find(&common.name, common.bin_dir.clone())
}

fn pins(common: &Common) -> Result<Pins> {
    common.pins.as_deref().map_or_else(Pins::built_in, Pins::from_file)
}

fn platform() -> Result<Platform> {
    Platform::current().ok_or_else(|| {
        let here = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
        Failure::new(FailureId::PlatformUnsupported, format!("nothing is pinned for {here}")).into()
    })
}

fn reporter(common: &Common) -> Arc<dyn Reporter> {
    match common.output {
        Output::Json => ui::json(),
        Output::Text if common.quiet => ui::quiet(),
        Output::Text => ui::text(common.verbose),
    }
}

/// A look must not take longer than a person, or a script that asks for it, waits.
const PATIENCE: Duration = Duration::from_secs(9);

/// Looks at a step for at most [`PATIENCE`].
async fn look(context: &Context, step: StepId) -> Result<Observation> {
    let observation = tokio::time::timeout(PATIENCE, context.observe(step)).await;
    observation.unwrap_or_else(|_| Ok(Observation::Waiting(format!("no answer after {} s", PATIENCE.as_secs()))))
}

/// The verdict of a run whose failures the reporter has told already; an unexpected error goes on upwards.
fn concluded(outcome: Outcome) -> Result<Verdict> {
    let mut verdict = Verdict::Good;
    for (step, error) in outcome.errors {
        if crate::failure::of(&error).is_none() {
            return Err(error.context(format!("step {step}")));
        }
        verdict = Verdict::Bad;
    }
    Ok(verdict)
}
