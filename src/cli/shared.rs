//! What several commands understand: the shape of what is built, and how to reach and to print everything.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use bootstrap_fetch::download::RegistryMirror;
use bootstrap_run::given;
use clap::{Args, ValueEnum};

use crate::options::ClusterName;

/// What is to be built.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shape {
    /// pgEdge nodes [default: those that the cluster has; a new release gets 3, or as many as an adopted cluster has room for]
    #[arg(long, value_name = "NUMBER", env = given::NODES.variable, value_parser = |text: &str| parse_number(text, 2..=9))]
    pub(crate) nodes: Option<u8>,
    /// Kubernetes nodes beside the control plane [default: those that the cluster has; a new one gets none, with --codespace 3]
    #[arg(long, value_name = "NUMBER", value_parser = |text: &str| parse_number(text, 0..=9))]
    pub(crate) workers: Option<u8>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where the release is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Place {
    /// The namespace of the pgEdge release [default: that in which the cluster has it; a new one goes to `default`]
    #[arg(long, value_name = "NAMESPACE", env = given::NAMESPACE.variable, value_parser = parse_namespace)]
    pub(crate) namespace: Option<String>,
}

/// What every command understands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The name of the cluster
    #[arg(long, value_name = "NAME", default_value = "pgedge", env = given::NAME.variable)]
    pub(crate) name: ClusterName,
    /// How to print: for people or for programs
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Output,
    /// Show the programs that are run, and every step by itself
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show only failures and the result
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Where the tools are put
    #[arg(long, value_name = "DIRECTORY", env = given::BIN_DIR.variable)]
    pub(crate) bin_dir: Option<PathBuf>,
    /// What is to run: the name of a stack, or a file of a stack [default: that of the cluster; pgedge for a new one]
    #[arg(long, value_name = "NAME|FILE", env = given::STACK.variable)]
    pub(crate) stack: Option<String>,
    /// Use these pins in the place of the stack's own
    #[arg(long, value_name = "FILE", env = given::PINS.variable, help_heading = "Networks")]
    pub(crate) pins: Option<PathBuf>,
    /// Fetch https://HOST/PATH as BASE/HOST/PATH; checksums stay the pinned ones
    #[arg(
        long,
        value_name = "BASE",
        env = given::MIRROR.variable,
        value_parser = bootstrap_fetch::download::parse_base,
        help_heading = "Networks"
    )]
    pub(crate) mirror: Option<String>,
    /// Pull the images of registry HOST through URL; may be given several times
    #[arg(
        long,
        value_name = "HOST=URL",
        env = given::REGISTRY_MIRROR.variable,
        value_delimiter = ',',
        help_heading = "Networks"
    )]
    pub(crate) registry_mirror: Vec<RegistryMirror>,
    /// Trust these certificate authorities too (PEM)
    #[arg(long, value_name = "FILE", env = given::CA_FILE.variable, help_heading = "Networks")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

fn parse_number(text: &str, range: RangeInclusive<u8>) -> Result<u8, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("it is a number from {} to {}", range.start(), range.end()))
}

fn parse_namespace(text: &str) -> Result<String, String> {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a namespace has 1 to 63 lower-case letters, digits and inner dashes".to_owned())
    }
}
