//! The command line: what can be typed, and what it is called. Nothing here does anything.

mod shared;
pub(crate) mod usage;
mod variables;

use std::path::PathBuf;
use std::time::Duration;

use bootstrap_run::duration::parse_duration;
use bootstrap_run::step::Stage;
use bootstrap_screen::ui::Answer;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(crate) use self::shared::{Common, Output, Place, Shape};
use crate::edition::EDITION;
use crate::lesson::{self, Lesson, LessonStep};

/// From nothing to a proven active-active Postgres on Kubernetes
///
/// Downloads and verifies helm, kind, kubectl and the cnpg plugin, creates a cluster, installs cert-manager and
/// CloudNativePG, deploys three pgEdge nodes, and proves that a write on any node is read on the others. It can be run
/// again at any time, and never touches your own kubeconfig.
#[derive(Debug, Parser)]
#[command(name = "pgedge-bootstrap", version, long_version = EDITION.as_str(), arg_required_else_help = true, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) up: Up,
}

impl Cli {
    /// What was typed, and what the environment says instead of it. A variable that is empty is not set: so it arrives in a
    /// container if it is not set outside.
    ///
    /// # Errors
    /// A mistake in the command line or in a variable, by its name, and what `--help` and `--version` print.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut command = variables::without_empty(Self::command());
        let read = command.try_get_matches_from_mut(std::env::args_os());
        let mut matches = read.map_err(|error| variables::named(error, &Self::command()))?;
        let cli = Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        match &cli.command {
            Some(Command::Guide(guide)) if guide.common.output == Output::Json => {
                let why = "a guide is for people: what its commands print makes no document; it has no --output json";
                Err(command.error(clap::error::ErrorKind::ArgumentConflict, why))
            }
            _ => Ok(cli),
        }
    }

    /// The run of `up`, if it is one: that is the command where none is named.
    pub(crate) fn up(&self) -> Option<&Up> {
        match &self.command {
            None => Some(&self.up),
            Some(Command::Up(up)) => Some(up),
            Some(
                Command::Tools(_)
                | Command::Prefetch(_)
                | Command::Verify(_)
                | Command::Prove(_)
                | Command::Status(_)
                | Command::Wait(_)
                | Command::Guide(_)
                | Command::Values(_)
                | Command::Versions(_)
                | Command::Pins(_)
                | Command::Down(_)
                | Command::Env(_)
                | Command::Stacks(_)
                | Command::Tutorial(_)
                | Command::Completions { .. }
                | Command::Man { .. },
            ) => None,
        }
    }

    /// What the standard output is to hold.
    pub(crate) fn answer(&self) -> Answer {
        let events = match &self.command {
            None => !self.up.dry_run,
            Some(Command::Up(up)) => !up.dry_run,
            Some(Command::Tools(_) | Command::Prefetch(_) | Command::Wait(_)) => true,
            Some(
                Command::Verify(_)
                | Command::Prove(_)
                | Command::Status(_)
                | Command::Guide(_)
                | Command::Values(_)
                | Command::Versions(_)
                | Command::Pins(_)
                | Command::Down(_)
                | Command::Env(_)
                | Command::Stacks(_)
                | Command::Tutorial(_)
                | Command::Completions { .. }
                | Command::Man { .. },
            ) => false,
        };
        match self.common().map(|common| common.output) {
            Some(Output::Json) if events => Answer::Events,
            Some(Output::Json) => Answer::Document,
            Some(Output::Text) | None => Answer::Text,
        }
    }

    /// What is to be built, as far as the command can be told.
    pub(crate) fn shape(&self) -> Option<Shape> {
        match &self.command {
            None => Some(self.up.shape.clone()),
            Some(Command::Up(up)) => Some(up.shape.clone()),
            Some(Command::Verify(verify)) => Some(verify.shape.clone()),
            Some(Command::Prove(prove)) => Some(prove.shape.clone()),
            Some(Command::Status(status)) => Some(status.shape.clone()),
            Some(Command::Guide(guide)) => Some(guide.shape.clone()),
            Some(Command::Values(values)) => Some(values.shape.clone()),
            Some(Command::Env(env)) => Some(Shape { nodes: None, workers: None, place: env.place.clone() }),
            Some(
                Command::Tools(_)
                | Command::Prefetch(_)
                | Command::Wait(_)
                | Command::Versions(_)
                | Command::Pins(_)
                | Command::Down(_)
                | Command::Stacks(_)
                | Command::Tutorial(_)
                | Command::Completions { .. }
                | Command::Man { .. },
            ) => None,
        }
    }

    /// Whether the cluster of this machine is to be adopted.
    pub(crate) fn adopts(&self) -> bool {
        self.up().is_some_and(|up| up.killercoda)
    }

    /// Whether it was said that this is a Codespace or dev container.
    pub(crate) fn is_for_codespace(&self) -> bool {
        match &self.command {
            Some(Command::Prefetch(prefetch)) => prefetch.codespace,
            _ => self.up().is_some_and(|up| up.codespace),
        }
    }

    /// What every command about a cluster understands, as it was given; `None` of a command that is about none.
    pub(crate) fn common(&self) -> Option<&Common> {
        Some(match &self.command {
            None => &self.up.common,
            Some(Command::Up(up)) => &up.common,
            Some(Command::Tools(tools)) => &tools.common,
            Some(Command::Prefetch(prefetch)) => &prefetch.common,
            Some(Command::Verify(verify)) => &verify.common,
            Some(Command::Prove(prove)) => &prove.common,
            Some(Command::Status(status)) => &status.common,
            Some(Command::Wait(wait)) => &wait.common,
            Some(Command::Guide(guide)) => &guide.common,
            Some(Command::Values(values)) => &values.common,
            Some(Command::Versions(versions)) => &versions.common,
            Some(Command::Pins(Pins::Check(check))) => &check.common,
            Some(Command::Down(down)) => &down.common,
            Some(Command::Env(env)) => &env.common,
            Some(Command::Tutorial(_) | Command::Stacks(_) | Command::Completions { .. } | Command::Man { .. }) => {
                return None;
            }
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make everything true, up to the proof (the default command)
    Up(Up),
    /// Install the four verified tools and nothing else
    Tools(Tools),
    /// Fetch what needs no cluster: tools, manifests, chart, node image
    Prefetch(Prefetch),
    /// Look at the steps without changing anything
    Verify(Verify),
    /// Prove that a write on any node is read on the others
    Prove(Prove),
    /// Show what is running and how to connect
    Status(Status),
    /// Show a run that another process does, until it ends
    Wait(Wait),
    /// Learn by doing: a lesson in this terminal, one command at a time
    Guide(Guide),
    /// Print the values of the chart that `up` installs
    Values(Values),
    /// Show every pinned artefact, its source and its checksum
    Versions(Versions),
    /// Ask upstream, or a mirror, whether it has what is pinned
    #[command(subcommand)]
    Pins(Pins),
    /// Show the stacks that can run, and check one of your own
    #[command(subcommand)]
    Stacks(Stacks),
    /// Remove what this program made, and nothing else
    Down(Down),
    /// Print the environment in which kubectl, helm and psql reach the cluster
    #[command(after_help = "Use it as:  eval \"$(pgedge-bootstrap env)\"")]
    Env(Env),
    /// Write the lessons as files, for those who publish them
    #[command(subcommand)]
    Tutorial(Tutorial),
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Write the pages of the manual, for those who package this program
    #[command(hide = true)]
    Man {
        /// Where to write them
        #[arg(long, value_name = "DIRECTORY")]
        to: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Use a kind cluster on this machine
    #[arg(long)]
    pub(crate) local: bool,
    /// Use the cluster that this machine has, as in a Killercoda scenario: adopt it, and prepare it up to the operators
    #[arg(long, conflicts_with_all = ["local", "workers"])]
    pub(crate) killercoda: bool,
    /// Use a kind cluster in a Codespace or dev container: wait for its docker, and prepare the cluster up to the operators
    #[arg(long, conflicts_with_all = ["local", "killercoda"])]
    pub(crate) codespace: bool,
    /// Stop after this stage [default: prove; with --codespace or --killercoda operators]
    #[arg(long, value_name = "STAGE", value_parser = stages())]
    pub(crate) until: Option<Stage>,
    /// Show the plan, and what of it holds already; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give up after this time, such as 90s or 30m
    #[arg(long, value_name = "DURATION", value_parser = bootstrap_run::duration::parse_duration)]
    pub(crate) deadline: Option<Duration>,
    /// Write a page to FILE that shows where the time of the run went (HTML)
    #[arg(long, value_name = "FILE")]
    pub(crate) timings: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// Write a page to FILE that shows where the time of the run went (HTML)
    #[arg(long, value_name = "FILE")]
    pub(crate) timings: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Prefetch {
    /// This is a Codespace or dev container: wait for its docker
    #[arg(long)]
    pub(crate) codespace: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The steps to look at, or steps of lessons (LESSON/STEP); all that `up` does if none is named
    #[arg(value_name = "STEP", value_parser = parse_subject)]
    pub(crate) subjects: Vec<Subject>,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What can be looked at.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// By its name; which steps there are depends on the stack.
    Step(String),
    LessonStep {
        lesson: String,
        step: LessonStep,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Guide {
    /// The lesson
    #[arg(value_name = "LESSON", default_value = "active-active", value_parser = parse_lesson)]
    pub(crate) lesson: Lesson,
    /// Run every command without asking, and end at the first that fails
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Begin with the first step, wherever you were
    #[arg(long)]
    pub(crate) restart: bool,
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tutorial {
    /// Write a lesson in the form of another delivery
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The form
    #[arg(value_name = "FORM")]
    pub(crate) form: Form,
    /// The lesson
    #[arg(long, value_name = "LESSON", default_value = "active-active", value_parser = parse_lesson)]
    pub(crate) lesson: Lesson,
    /// Where to write it
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One document, WALKTHROUGH.md
    Walkthrough,
    /// The folder of a Killercoda scenario
    Killercoda,
    /// The contribution of a Visual Studio Code extension
    Vscode,
}

#[derive(Debug, Args)]
pub(crate) struct Values {
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) shape: Shape,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Give up after this time; the run goes on
    #[arg(long, value_name = "DURATION", default_value = "45m", value_parser = parse_duration)]
    pub(crate) deadline: Duration,
    /// How long to wait for a run to begin if there is none
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub(crate) appear: Duration,
    /// Give a run up that gives no sign of life for this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, hide = true)]
    pub(crate) silence: Option<Duration>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Versions {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pins {
    /// Compare each pin with what upstream publishes now
    ///
    /// Reads upstream's own lists of checksums, resolves the tags of images at their registries, and downloads only the
    /// files of which no sum is published. With --mirror and --registry-mirror the mirrors are asked instead: that they
    /// have all that is pinned.
    #[command(after_help = CHECK_HELP)]
    Check(Check),
}

/// The verdicts are an interface, as the exit code is.
const CHECK_HELP: &str = "\
Verdicts:
  same      it is there, with the sum or digest that is pinned
  unpinned  an image without a pinned digest, and its digest now
  changed   the same name has another sum or digest now
  gone      it is there no longer
  unknown   there was no answer, or none that can be believed

Signatures are verified where gpg and cosign are installed; where they are not, the output says so.
Exit code 1: something is changed, gone or unknown, or a signature is wrong. Newer versions are only told.";

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Hash the files themselves, also where their sums are published (half a gigabyte)
    #[arg(long)]
    pub(crate) download: bool,
    /// Write the pins to FILE with the sums and digests of now; nothing is written while one is gone or unknown
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Stacks {
    /// List the stacks that this program has
    List,
    /// Print a stack, such as one to begin with
    Show {
        /// The name of a stack, or a file
        #[arg(value_name = "NAME|FILE")]
        stack: String,
    },
    /// Read a stack; exit code 1 if something is wrong with it, or one of its checksums is not known yet
    Check {
        /// The name of a stack, or a file
        #[arg(value_name = "NAME|FILE")]
        stack: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Remove the tools, the downloads and the logs too
    #[arg(long)]
    pub(crate) purge: bool,
    /// Show what there is of a cluster of this name that another owner made, as from a HOME that is lost; with --yes remove it
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Remove what --take-over shows, with all data in it
    #[arg(long, requires = "take_over")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// The stages, with what there are in the help and in the error.
fn stages() -> impl TypedValueParser<Value = Stage> {
    let unknown = |name: String| Stage::parse(&name).ok_or_else(|| format!("there is no stage {name:?}"));
    PossibleValuesParser::new(Stage::ALL.map(Stage::as_str)).try_map(unknown)
}

fn parse_lesson(text: &str) -> Result<Lesson, String> {
    lesson::find(text).map_err(|error| error.to_string())
}

fn parse_subject(text: &str) -> Result<Subject, String> {
    let Some((lesson, step)) = text.split_once('/') else { return Ok(Subject::Step(text.to_owned())) };
    let lesson = parse_lesson(lesson)?;
    let Some(step) = lesson.step(step) else {
        let known: Vec<&str> = lesson.steps.iter().map(|step| step.id.as_str()).collect();
        return Err(format!("the steps of lesson {} are: {}", lesson.id, known.join(", ")));
    };
    Ok(Subject::LessonStep { lesson: lesson.id.clone(), step: step.clone() })
}

/// A mistake in the command line.
pub(crate) type UsageError = clap::Error;

/// `verify proof`.
pub(crate) fn proof_is_no_look() -> UsageError {
    wrong_value("proof", "the proof changes the database: use `pgedge-bootstrap prove`")
}

/// A mistake in the command line that is known only when the command has read a file.
pub(crate) fn wrong_value(value: &str, why: &str) -> UsageError {
    Cli::command().error(clap::error::ErrorKind::InvalidValue, format!("invalid value {value:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
