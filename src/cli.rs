//! The command line: what can be typed, and what it is called. Nothing here does anything.

mod shared;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::shared::{Common, Output, Shape};
use crate::edition::EDITION;
use crate::lesson::{self, Lesson, LessonStep};
use crate::options::parse_duration;
use crate::step::{Stage, StepId};

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
    #[arg(long, value_name = "STAGE")]
    pub(crate) until: Option<Stage>,
    /// Show the plan, and what of it holds already; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Give up after this time, such as 90s or 30m
    #[arg(long, value_name = "DURATION", value_parser = crate::options::parse_duration)]
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
    Step(StepId),
    LessonStep { lesson: String, step: LessonStep },
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

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Remove the tools, the downloads and the logs too
    #[arg(long)]
    pub(crate) purge: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) common: Common,
}

impl ValueEnum for Stage {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Tools, Self::Cluster, Self::Operators, Self::Deploy, Self::Prove]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.as_str()))
    }
}

fn parse_lesson(text: &str) -> Result<Lesson, String> {
    lesson::find(text).map_err(|error| error.to_string())
}

fn parse_subject(text: &str) -> Result<Subject, String> {
    let Some((lesson, step)) = text.split_once('/') else { return parse_step(text).map(Subject::Step) };
    let lesson = parse_lesson(lesson)?;
    let Some(step) = lesson.step(step) else {
        let known: Vec<&str> = lesson.steps.iter().map(|step| step.id.as_str()).collect();
        return Err(format!("the steps of lesson {} are: {}", lesson.id, known.join(", ")));
    };
    Ok(Subject::LessonStep { lesson: lesson.id.clone(), step: step.clone() })
}

fn parse_step(text: &str) -> Result<StepId, String> {
    match StepId::parse(text) {
        Some(StepId::Proof) => Err("the proof changes the database: use `pgedge-bootstrap prove`".to_owned()),
        Some(step) => Ok(step),
        None => {
            let known: Vec<&str> =
                StepId::ALL.iter().filter(|step| **step != StepId::Proof).map(|step| step.as_str()).collect();
            Err(format!("the steps are: {}", known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
