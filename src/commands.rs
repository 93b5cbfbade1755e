//! The commands, one file each. They turn what was typed into a run and its result into words.

mod completions;
mod down;
mod dry_run;
mod env;
mod finding;
mod guide;
mod last_run;
mod lesson_check;
mod man;
mod pins;
mod prefetch;
mod prove;
mod run;
mod status;
mod tools;
mod turn;
mod tutorial;
mod up;
mod values;
mod verify;
mod versions;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::adoption::{Adoption, Fit};
use crate::cli::{self, Cli, Command, Common, Output, Shape};
use crate::context::Context;
use crate::converge::World as _;
use crate::event::Reporter;
use crate::failure::{Failure, FailureId};
use crate::options::{ClusterName, Options, Provider};
use crate::pins::Pins;
use crate::places::Places;
use crate::platform::Platform;
use crate::step::{Observation, StepId};
use crate::stop::Stop;
use crate::ui;

/// How a command ended when nothing unexpected happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Something does not hold, and the command has said what.
    Bad,
    /// It was asked to stop, and has said where.
    Interrupted,
}

/// Runs what was typed.
pub(crate) async fn run(cli: Cli, stop: &Stop) -> Result<Verdict> {
    match cli.command.unwrap_or(Command::Up(cli.up)) {
        // A run of the engine stops in order and says what it has left.
        Command::Up(arguments) => up::run(&arguments, stop).await,
        Command::Tools(arguments) => tools::run(&arguments, stop).await,
        Command::Prefetch(arguments) => prefetch::run(&arguments, stop).await,
        Command::Prove(arguments) => prove::run(&arguments, stop).await,
        Command::Guide(arguments) => unless_stopped(stop, guide::run(&arguments)).await,
        Command::Values(arguments) => values::run(&arguments),
        Command::Verify(arguments) => unless_stopped(stop, verify::run(&arguments)).await,
        Command::Status(arguments) => unless_stopped(stop, status::run(&arguments)).await,
        Command::Wait(arguments) => unless_stopped(stop, wait::run(&arguments)).await,
        Command::Down(arguments) => unless_stopped(stop, down::run(&arguments)).await,
        Command::Versions(arguments) => versions::run(&arguments.common),
        Command::Pins(cli::Pins::Check(arguments)) => unless_stopped(stop, pins::check(&arguments)).await,
        Command::Env(arguments) => env::run(&arguments.common),
        Command::Tutorial(arguments) => tutorial::run(&arguments),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { to } => man::run(&to),
    }
}

/// The other commands can be dropped wherever they are: the programs that they started end with them.
async fn unless_stopped(stop: &Stop, command: impl Future<Output = Result<Verdict>>) -> Result<Verdict> {
    tokio::select! {
        ended = command => ended,
        () = stop.asked() => {
            ui::say("interrupted; the same command again goes on from here\n");
            Ok(Verdict::Interrupted)
        }
    }
}

/// What fits into the machine with four CPUs that the dev container asks for, and shows how pods are spread.
const WORKERS_OF_CODESPACE: u8 = 3;

/// The context of a command: what was typed, resolved.
fn context(common: &Common, shape: Option<&Shape>) -> Result<Context> {
    context_of(common, shape, places(common, false)?, false)
}

/// Whether this is a Codespace or dev container, whose docker may be starting at this moment: it was said, or GitHub says so,
/// in every shell.
fn is_codespace(said: bool) -> bool {
    said || std::env::var_os("CODESPACES").is_some_and(|value| value == "true")
}

/// As [`context`], for who knows the places already. `codespace`: that was said.
fn context_of(
    common: &Common,
    shape: Option<&Shape>,
    (places, adoption): (Places, Option<Adoption>),
    codespace: bool,
) -> Result<Context> {
    let provider = if adoption.is_some() { Provider::Adopted } else { Provider::Kind };
    let codespace = is_codespace(codespace);
    let options = Options {
        provider,
        name: common.name.clone(),
        nodes: shape.and_then(|shape| shape.nodes).unwrap_or(3),
        workers: shape.and_then(|shape| shape.workers),
        new_workers: if codespace { WORKERS_OF_CODESPACE } else { 0 },
        docker_comes: codespace,
        namespace: shape.map_or_else(|| "default".to_owned(), |shape| shape.namespace.clone()),
        mirror: common.mirror.clone(),
        registry_mirrors: common.registry_mirror.clone(),
        ca_file: common.ca_file.clone(),
    };
    let context = Context::new(options, pins(common)?, places, platform()?)?;
    decided(&context, shape, adoption);
    Ok(context)
}

/// What an adopted cluster has room for is decided once, unless the person names a number.
fn decided(context: &Context, shape: Option<&Shape>, adoption: Option<Adoption>) {
    if let Some(fit) = adoption.and_then(|adoption| adoption.fit) {
        let nodes = shape.and_then(|shape| shape.nodes).unwrap_or(fit.nodes);
        context.set_fit(Fit { nodes, ..fit });
    }
}

/// What must be typed to name this cluster: nothing for the default one.
fn cluster_flag(common: &Common) -> String {
    flag_of(&common.name)
}

fn flag_of(name: &ClusterName) -> String {
    if name.as_str() == "pgedge" { String::new() } else { format!(" --name {name}") }
}

/// Where the things of the named cluster are, and how it was adopted, if it was. From here on hints name it, too.
fn places(common: &Common, codespace: bool) -> Result<(Places, Option<Adoption>)> {
    let places = Places::find(&common.name, common.bin_dir.clone())?;
    let adoption = Adoption::read(&places.state)?;
    Ok(places_of(common, places, adoption, codespace))
}

fn places_of(
    common: &Common,
    places: Places,
    adoption: Option<Adoption>,
    codespace: bool,
) -> (Places, Option<Adoption>) {
    let mode = match (&adoption, is_codespace(codespace)) {
        (Some(_), _) => "--killercoda",
        (None, true) => "--codespace",
        (None, false) => "--local",
    };
    crate::failure::name_the_run(mode, cluster_flag(common));
    let bin_was_named = common.bin_dir.is_some();
    let places = match &adoption {
        Some(adoption) => places.of_adopted(adoption, bin_was_named),
        None => places,
    };
    (places, adoption)
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

/// The person's reporter, what is kept of a run for other processes and for later, and the page of timings if it was asked
/// for. `has_lock`: the run holds the cluster's lock.
fn recorded(
    context: &Context,
    common: &Common,
    command: &str,
    has_lock: bool,
    page: Option<Arc<dyn Reporter>>,
) -> Arc<dyn Reporter> {
    let places = &context.places;
    let record = ui::record(&places.logs, &places.status, common.name.as_str(), command, has_lock);
    let mut reporters = vec![reporter(common), record];
    reporters.extend(page);
    ui::fan(reporters)
}

/// `12 s ago`, `3 min ago`, `2 h 5 min ago`
fn ago(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s ago"),
        (0, minutes) => format!("{minutes} min ago"),
        (hours, minutes) => format!("{hours} h {minutes} min ago"),
    }
}

/// A look must not take longer than a person, or a script that asks for it, waits.
const PATIENCE: Duration = Duration::from_secs(9);

/// Looks at a step for at most [`PATIENCE`].
async fn look(context: &Context, step: StepId) -> Result<Observation> {
    let observation = tokio::time::timeout(PATIENCE, context.observe(step)).await;
    observation.unwrap_or_else(|_| Ok(Observation::Waiting(format!("no answer after {} s", PATIENCE.as_secs()))))
}
