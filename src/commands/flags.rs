//! What must be typed again for the next command to be about the same: in hints, and in the last words of a run. What comes from
//! a variable need not be, for the person's shell has it still.

use std::path::Path;

use bootstrap_cluster::adoption::Adoption;
use bootstrap_run::failure::{GivenPlace, Invocation};
use bootstrap_run::given::{self, Setting};

use crate::cli::{Cli, Common, Shape};
use crate::options::ClusterName;
use crate::places::Places;

/// What was typed, for the commands of hints, as far as it can be known before the command begins.
pub(super) fn of(cli: &Cli) -> Invocation {
    let Some(common) = cli.common() else { return Invocation::default() };
    // What cannot be read is told by the command itself.
    let places = Places::find(&common.name, common.bin_dir.clone()).ok();
    let adoption = places.as_ref().and_then(|places| Adoption::read(&places.state).ok().flatten());
    let mode = mode(cli.adopts() || adoption.is_some(), super::is_codespace(cli.is_for_codespace()));
    invocation(common, cli.shape().as_ref(), mode, places.as_ref())
}

pub(super) fn invocation(
    common: &Common,
    shape: Option<&Shape>,
    mode: &'static str,
    places: Option<&Places>,
) -> Invocation {
    let temporary = std::env::var_os("TMPDIR").filter(|value| !value.is_empty());
    let temporary = temporary.map(|path| GivenPlace { path: path.into(), by: "TMPDIR", or: None });
    let given = places.into_iter().flat_map(|places| places.given.clone()).chain(temporary);
    Invocation {
        mode,
        cluster: name(&common.name)
            + &common.stack.as_deref().map(|stack| flag(given::STACK, stack)).unwrap_or_default()
            + &path(given::PINS, common.pins.as_deref())
            + &path(given::BIN_DIR, common.bin_dir.as_deref()),
        namespace: namespace(shape),
        numbers: numbers(shape),
        networks: networks(common),
        places: given.collect(),
    }
}

/// What makes the cluster, or goes on with it.
pub(super) fn mode(is_adopted: bool, is_codespace: bool) -> &'static str {
    match (is_adopted, is_codespace) {
        (true, _) => "--killercoda",
        (false, true) => "--codespace",
        (false, false) => "--local",
    }
}

/// Nothing for the default cluster, if no variable names another one.
fn name(name: &ClusterName) -> String {
    let is_default = name.as_str() == "pgedge"
        && std::env::var_os(given::NAME.variable).is_none_or(|value| value.as_encoded_bytes().trim_ascii().is_empty());
    if is_default { String::new() } else { flag(given::NAME, name.as_str()) }
}

/// What a command needs that downloads.
fn networks(common: &Common) -> String {
    let mut flags = String::new();
    if let Some(mirror) = &common.mirror {
        flags += &flag(given::MIRROR, mirror);
    }
    let registries: Vec<String> =
        common.registry_mirror.iter().map(|mirror| format!("{}={}", mirror.host, mirror.url)).collect();
    if !registries.is_empty() {
        flags += &flag(given::REGISTRY_MIRROR, &registries.join(","));
    }
    flags + &path(given::CA_FILE, common.ca_file.as_deref())
}

/// How many nodes a command needs to be told that makes a release. Once there is one, the cluster tells it.
fn numbers(shape: Option<&Shape>) -> String {
    let Some(shape) = shape else { return String::new() };
    let nodes = shape.nodes.map(|nodes| flag(given::NODES, &nodes.to_string())).unwrap_or_default();
    let workers = shape.workers.map(|workers| format!(" --workers {workers}")).unwrap_or_default();
    nodes + &workers
}

fn namespace(shape: Option<&Shape>) -> String {
    let namespace = shape.and_then(|shape| shape.place.namespace.as_deref());
    namespace.map(|namespace| flag(given::NAMESPACE, namespace)).unwrap_or_default()
}

fn path(setting: Setting, path: Option<&Path>) -> String {
    path.map(|path| flag(setting, &path.display().to_string())).unwrap_or_default()
}

fn flag(setting: Setting, value: &str) -> String {
    if setting.is_from_variable(value) {
        return String::new();
    }
    format!(" {} {}", setting.option, given::word(value))
}
