//! The commands, one file each. They turn what was typed into a run and its result into words.

mod completions;
mod down;
mod dry_run;
mod env;
mod finding;
mod flags;
mod guide;
mod last_run;
mod lesson_check;
mod look;
mod man;
mod namespaced;
mod pins;
mod prefetch;
mod prove;
mod run;
mod stacks;
mod status;
mod survey;
mod tools;
mod turn;
mod tutorial;
mod up;
mod values;
mod verify;
mod versions;
mod wait;

use std::sync::Arc;

use anyhow::Result;
use bootstrap_cluster::adoption::{Adoption, Fit};
use bootstrap_fetch::platform::Platform;
use bootstrap_run::event::Reporter;
use bootstrap_run::failure::{self, Failure, FailureId, Invocation};
use bootstrap_run::lock::RunLock;
use bootstrap_run::stop::{Interrupted, Stop};
use bootstrap_run::{event, record};
use bootstrap_screen::ui;

use crate::cli::{self, Cli, Command, Common, Output, Shape};
use crate::context::Context;
use crate::options::{Options, Provider};
use crate::patience;
use crate::places::Places;
use crate::stack::{Memory, Pins, Stack};
use crate::steps;

/// How a command ended when nothing unexpected happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Something does not hold, and the command has said what.
    Bad,
    /// Something that nobody expected has ended it, and it has said what.
    Unexpected,
    /// It was asked to stop, and has said where.
    Interrupted,
}

/// What was typed, for the commands of hints.
pub(crate) fn invocation(cli: &Cli) -> Invocation {
    flags::of(cli)
}

/// Runs what was typed. `given`: the same, for the commands of hints.
pub(crate) async fn run(cli: Cli, given: &Invocation, stop: &Stop) -> Result<Verdict> {
    match cli.command.unwrap_or(Command::Up(cli.up)) {
        // A run of the engine stops in order and says what it has left.
        Command::Up(arguments) => up::run(&arguments, given, stop).await,
        Command::Tools(arguments) => tools::run(&arguments, given, stop).await,
        Command::Prefetch(arguments) => prefetch::run(&arguments, given, stop).await,
        Command::Prove(arguments) => prove::run(&arguments, given, stop).await,
        Command::Guide(arguments) => unless_stopped(stop, guide::run(&arguments, given)).await,
        Command::Values(arguments) => unless_stopped(stop, values::run(&arguments, given)).await,
        Command::Verify(arguments) => unless_stopped(stop, verify::run(&arguments, given)).await,
        Command::Status(arguments) => unless_stopped(stop, status::run(&arguments, given)).await,
        Command::Wait(arguments) => unless_stopped(stop, wait::run(&arguments)).await,
        Command::Down(arguments) => unless_stopped(stop, down::run(&arguments, given)).await,
        Command::Versions(arguments) => versions::run(&arguments.common),
        Command::Pins(cli::Pins::Check(arguments)) => unless_stopped(stop, pins::check(&arguments)).await,
        Command::Env(arguments) => unless_stopped(stop, env::run(&arguments, given)).await,
        Command::Stacks(arguments) => stacks::run(&arguments),
        Command::Tutorial(arguments) => tutorial::run(&arguments),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { to } => man::run(&to),
    }
}

/// The other commands can be dropped wherever they are: the programs that they started end with them.
///
/// # Errors
/// [`Interrupted`], and those of the command.
async fn unless_stopped(stop: &Stop, command: impl Future<Output = Result<Verdict>>) -> Result<Verdict> {
    tokio::select! {
        ended = command => ended,
        () = stop.asked() => Err(Interrupted.into()),
    }
}

/// What fits into the machine with four CPUs that the dev container asks for, and shows how pods are spread.
const WORKERS_OF_CODESPACE: u8 = 3;

/// The context of a command: what was typed, resolved.
fn context(common: &Common, shape: Option<&Shape>, given: &Invocation) -> Result<Context> {
    let (places, adoption) = places(common)?;
    refresh(&places, adoption.as_ref())?;
    context_of(common, shape, (places, adoption), false, given)
}

/// Credentials of an adopted cluster may be other ones by now. Its context and its server must not.
fn refresh(places: &Places, adoption: Option<&Adoption>) -> Result<()> {
    if let Some(adoption) = adoption {
        bootstrap_cluster::kubernetes::write_adopted(adoption, &places.kubeconfig)?;
    }
    Ok(())
}

/// Whether this is a Codespace or dev container, whose docker may be starting at this moment: it was said, or GitHub says so,
/// in every shell.
fn is_codespace(said: bool) -> bool {
    said || std::env::var_os("CODESPACES").is_some_and(|value| value == "true")
}

/// As [`context`], with the release found where the cluster has it. A cluster that is not there or does not answer in time
/// leaves what was asked for, or what a new release would get: the looks that follow tell why.
///
/// # Errors
/// [`FailureId::ReleaseAmbiguous`].
async fn located_context(common: &Common, shape: Option<&Shape>, given: &Invocation) -> Result<Context> {
    let context = context(common, shape, given)?;
    locate(&context).await?;
    Ok(context)
}

/// As [`located_context`], for who writes in the cluster outside of a run: first it is sure that it is ours.
///
/// # Errors
/// Those of [`steps::refuse_foreign`], [`steps::lead_home`] and [`located_context`].
async fn own_context(common: &Common, shape: Option<&Shape>, given: &Invocation) -> Result<Context> {
    let context = context(common, shape, given)?;
    steps::refuse_foreign(&context).await?;
    if let Some(halted) = steps::halted_cluster(&context).await {
        return Err(halted.into());
    }
    lead_home(&context).await?;
    locate(&context).await?;
    Ok(context)
}

/// As [`steps::lead_home`], and says what it has done.
async fn lead_home(context: &Context) -> Result<()> {
    if let Some(why) = steps::lead_home(context).await? {
        let place = context.places.kubeconfig.display();
        ui::say_paragraph(&format!("the kubeconfig {place} was rewritten from what kind says: {why}"));
    }
    Ok(())
}

async fn locate(context: &Context) -> Result<()> {
    match tokio::time::timeout(patience::LOCATE_RELEASE, steps::locate_release(context)).await {
        Ok(Err(error)) if failure::of(&error).map(Failure::id) == Some(FailureId::ReleaseAmbiguous) => Err(error),
        _ => Ok(()),
    }
}

/// As [`context`], for who knows the places already. `codespace`: that was said.
fn context_of(
    common: &Common,
    shape: Option<&Shape>,
    (places, adoption): (Places, Option<Adoption>),
    codespace: bool,
    given: &Invocation,
) -> Result<Context> {
    let stack = Stack::of_cluster(&memory(&places)?, common.stack.as_deref())?;
    let (stack, _) = with_pins(common, stack)?;
    context_with(stack, common, shape, (places, adoption), codespace, given)
}

/// As [`context_of`], with this stack: a command that needs no pins is not refused for the file that was given.
fn context_with(
    stack: Stack,
    common: &Common,
    shape: Option<&Shape>,
    (places, adoption): (Places, Option<Adoption>),
    codespace: bool,
    given: &Invocation,
) -> Result<Context> {
    let provider = if adoption.is_some() { Provider::Adopted } else { Provider::Kind };
    let codespace = is_codespace(codespace);
    let options = Options {
        provider,
        name: common.name.clone(),
        nodes: shape.and_then(|shape| shape.nodes),
        workers: shape.and_then(|shape| shape.workers),
        new_workers: if codespace { WORKERS_OF_CODESPACE } else { 0 },
        docker_comes: codespace,
        namespace: shape.and_then(|shape| shape.place.namespace.clone()),
        mirror: common.mirror.clone(),
        registry_mirrors: common.registry_mirror.clone(),
    };
    let mut context = Context::new(options, stack, places, platform()?, common.ca_file.clone());
    context.invocation = given.clone();
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

/// Where the things of the named cluster are, and how it was adopted, if it was.
fn places(common: &Common) -> Result<(Places, Option<Adoption>)> {
    let places = Places::find(&common.name, common.bin_dir.clone())?;
    let adoption = Adoption::read(&places.state)?;
    Ok(places_of(places, adoption))
}

fn places_of(places: Places, adoption: Option<Adoption>) -> (Places, Option<Adoption>) {
    let bin_was_named = places.bin_is_shared;
    let places = match &adoption {
        Some(adoption) => places.of_adopted(adoption, bin_was_named),
        None => places,
    };
    (places, adoption)
}

/// The stack with the pins that were given, and the text that the pins were read from: for commands that are about no cluster, and
/// need no directory of one.
fn stack(common: &Common) -> Result<(Stack, String)> {
    let stack = match (&common.stack, places(common)) {
        (None, Ok((places, _))) => Stack::of_cluster(&memory(&places)?, None)?,
        (asked, _) => Stack::asked(asked.as_deref())?,
    };
    with_pins(common, stack)
}

/// Where the cluster remembers its stack.
fn memory(places: &Places) -> Result<Memory> {
    let is_there = places.engine.exists() || Adoption::read(&places.state)?.is_some();
    Ok(Memory { state: places.state.clone(), is_there })
}

fn with_pins(common: &Common, stack: Stack) -> Result<(Stack, String)> {
    match common.pins.as_deref() {
        Some(file) => Pins::put_into(stack, file),
        None => {
            let text = stack.text().to_owned();
            Ok((stack, text))
        }
    }
}

fn platform() -> Result<Platform> {
    Ok(Platform::current()?)
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
    let name = common.name.as_str();
    let record = record::begin(&places.logs, &places.status, name, command, has_lock, ui::say_warning);
    if let Some(log) = &record.log {
        ui::log_is(log);
    }
    let mut reporters = vec![reporter(common), record.reporter];
    reporters.extend(page);
    event::fan(reporters)
}

/// What cannot be written down keeps nobody from making room, and the kernel holds the lock without it.
fn say_unwritten(lock: &RunLock) {
    if let Some(why) = &lock.unwritten {
        let seen = failure::of(why).map_or_else(|| why.to_string(), |found| found.seen().join("; "));
        ui::say(&format!("another run is kept out, but could not be told by whom: {seen}\n"));
    }
}

/// What is waited for before a command can begin.
fn say_wait(words: &str) {
    ui::say(&format!("{words}\n"));
}

/// `12 s ago`, `3 min ago`, `2 h 5 min ago`
fn ago(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s ago"),
        (0, minutes) => format!("{minutes} min ago"),
        (hours, minutes) => format!("{hours} h {minutes} min ago"),
    }
}
