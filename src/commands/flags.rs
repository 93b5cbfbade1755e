//! What must be typed again for the next command to be about the same: in hints, and in the last words of a run. What comes from
//! a variable need not be, for the person's shell has it still.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bootstrap_cluster::adoption::Adoption;
use bootstrap_run::failure::{ADOPTING, GivenPlace, IN_CODESPACE, Invocation};
use bootstrap_run::given::{self, Setting};

use crate::cli::{Cli, Command, Common, Shape};
use crate::options::ClusterName;
use crate::places::Places;

/// What was typed, for the commands of hints.
pub(super) fn of(cli: &Cli) -> Invocation {
    let Some(common) = cli.common() else { return Invocation::default() };
    // What cannot be read is told by the command itself.
    let places = Places::find(&common.name, common.bin_dir.clone()).ok();
    let adoption = places.as_ref().and_then(|places| Adoption::read(&places.state).ok().flatten());
    let temporary = std::env::var_os("TMPDIR").filter(|value| !value.is_empty());
    let temporary = temporary.map(|path| GivenPlace { path: path.into(), by: "TMPDIR", or: None });
    let given = places.into_iter().flat_map(|places| places.given).chain(temporary);
    let shape = cli.shape();
    let (nodes, workers) = numbers(shape.as_ref());
    let (lesson, purge) = match &cli.command {
        Some(Command::Guide(guide)) => {
            let yes = if guide.yes { " --yes" } else { "" };
            (format!(" {}{yes}", guide.lesson.id), String::new())
        }
        Some(Command::Down(down)) if down.purge => (String::new(), " --purge".to_owned()),
        _ => (String::new(), String::new()),
    };
    let until = cli.up().and_then(|up| up.until);
    Invocation {
        mode: mode(cli, adoption.is_some()),
        cluster: name(&common.name)
            + &common.stack.as_deref().map(|stack| flag(given::STACK, stack)).unwrap_or_default()
            + &path(given::PINS, common.pins.as_deref())
            + &path(given::BIN_DIR, common.bin_dir.as_deref()),
        namespace: namespace(shape.as_ref()),
        nodes,
        workers,
        networks: networks(common),
        until: until.map(|stage| format!(" --until {}", stage.as_str())).unwrap_or_default(),
        lesson,
        purge,
        built_in: [given::STACK, given::PINS]
            .into_iter()
            .filter(|setting| is_set(*setting))
            .map(|setting| format!("{}= ", setting.variable))
            .collect(),
        places: given.collect(),
    }
}

/// What was typed, as the variables by which a program that is started here gets the same: a lesson calls this one.
pub(super) fn variables(common: &Common) -> Vec<(&'static str, OsString)> {
    let path = |setting: Setting, path: Option<&PathBuf>| Some((setting.variable, path?.clone().into_os_string()));
    let mirror = common.mirror.as_ref().map(|mirror| (given::MIRROR.variable, mirror.into()));
    let stack = common.stack.as_ref().map(|stack| (given::STACK.variable, stack.into()));
    let registries = registries(common).map(|registries| (given::REGISTRY_MIRROR.variable, registries.into()));
    let paths = [
        path(given::PINS, common.pins.as_ref()),
        path(given::BIN_DIR, common.bin_dir.as_ref()),
        path(given::CA_FILE, common.ca_file.as_ref()),
    ];
    paths.into_iter().chain([stack, mirror, registries]).flatten().collect()
}

fn registries(common: &Common) -> Option<String> {
    let registries: Vec<String> =
        common.registry_mirror.iter().map(|mirror| format!("{}={}", mirror.host, mirror.url)).collect();
    (!registries.is_empty()).then(|| registries.join(","))
}

/// What makes the cluster, or continues with it. A run of `up` in a Codespace is one for a Codespace only if that was said: it goes
/// to another stage then.
fn mode(cli: &Cli, is_adopted: bool) -> &'static str {
    let is_codespace = match cli.up() {
        Some(up) => up.codespace,
        None => super::is_codespace(cli.is_for_codespace()),
    };
    if cli.adopts() || is_adopted {
        ADOPTING
    } else if is_codespace {
        IN_CODESPACE
    } else {
        "--local"
    }
}

/// Whether the variable says something: one that is empty is not set.
fn is_set(setting: Setting) -> bool {
    std::env::var_os(setting.variable).is_some_and(|value| !value.as_encoded_bytes().trim_ascii().is_empty())
}

/// Nothing for the default cluster, if no variable names another one.
fn name(name: &ClusterName) -> String {
    let is_default = name.as_str() == "pgedge" && !is_set(given::NAME);
    if is_default { String::new() } else { flag(given::NAME, name.as_str()) }
}

/// What leads to the registries.
fn networks(common: &Common) -> String {
    let mut flags = String::new();
    if let Some(mirror) = &common.mirror {
        flags += &flag(given::MIRROR, mirror);
    }
    if let Some(registries) = registries(common) {
        flags += &flag(given::REGISTRY_MIRROR, &registries);
    }
    flags + &path(given::CA_FILE, common.ca_file.as_deref())
}

/// The pgEdge nodes, and the Kubernetes nodes beside the control plane.
fn numbers(shape: Option<&Shape>) -> (String, String) {
    let Some(shape) = shape else { return Default::default() };
    let nodes = shape.nodes.map(|nodes| flag(given::NODES, &nodes.to_string()));
    let workers = shape.workers.map(|workers| format!(" --workers {workers}"));
    (nodes.unwrap_or_default(), workers.unwrap_or_default())
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
    // A value that begins like an option is one only behind a sign.
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!(" {}{between}{}", setting.option, given::word(value))
}

#[cfg(test)]
mod tests;
