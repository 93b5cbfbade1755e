//! The `docker` that kind runs: this program under another name.
//!
//! kind has no option for labels and runs `docker` by its name. It finds this program first on its PATH, which adds our
//! labels to `docker run` (Kubernetes nodes and their volumes) and then replaces itself with the real docker. kind is also
//! told to use a network of our own (`KIND_EXPERIMENTAL_DOCKER_NETWORK`) instead of its shared one, which it never removes.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bootstrap_run::failure;

/// The labels, one a line.
const LABELS: &str = "PGEDGE_BOOTSTRAP_NODE_LABELS";

/// The PATH on which the real docker is, and which it is to have: a helper for credentials that it starts must not find this program in
/// docker's place.
const REAL_PATH: &str = "PGEDGE_BOOTSTRAP_DOCKER_PATH";

/// The environment in which a program that calls `docker` calls this one. `folder`: an empty directory, which has to stay as
/// long as that program runs.
///
/// # Errors
/// Those of the disk.
pub(crate) fn environment(folder: &Path, labels: &[String]) -> Result<Vec<(&'static str, OsString)>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    fs_err::os::unix::fs::symlink(own()?, folder.join("docker")).map_err(failure::from_io)?;
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    // A folder whose name has a colon cannot stand in PATH. What is made then is known by its network and the claim of its name.
    let Ok(with_ours) = std::env::join_paths(folders) else { return Ok(Vec::new()) };
    Ok(vec![("PATH", with_ours), (REAL_PATH, path), (LABELS, labels.join("\n").into())])
}

/// This program. On Linux by its process: its file may have been replaced by a newer one.
fn own() -> Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from(format!("/proc/{}/exe", std::process::id())));
    }
    std::env::current_exe().context("cannot find this program's own path")
}

/// If this process is that `docker`: becomes the real one. Returns only if that cannot be run.
pub(crate) fn become_docker() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let called = arguments.next()?;
    let (labels, path) = (std::env::var_os(LABELS)?, std::env::var_os(REAL_PATH)?);
    if Path::new(&called).file_name() != Some(OsStr::new("docker")) {
        return None;
    }
    let labels: Vec<String> = labels.to_string_lossy().lines().map(str::to_owned).collect();
    // Found as this program itself finds it: what cannot be run on the PATH is passed over.
    let mut command = std::process::Command::new("docker");
    command.args(with_labels(arguments.collect(), &labels)).env("PATH", path);
    for name in [LABELS, REAL_PATH] {
        command.env_remove(name);
    }
    let error = command.exec();
    let error = anyhow::Error::new(error).context("cannot run docker");
    bootstrap_screen::ui::say_failure(&bootstrap_run::failure::Report::of(
        &error,
        &bootstrap_run::failure::Invocation::default(),
    ));
    // As a shell has it for what cannot be run.
    Some(ExitCode::from(126))
}

/// The arguments of docker, with labels if it is to run a container. A volume without a name gets them, too.
fn with_labels(given: Vec<OsString>, labels: &[String]) -> Vec<OsString> {
    let mut given = given.into_iter();
    let Some(verb) = given.next() else { return Vec::new() };
    if verb != "run" {
        return std::iter::once(verb).chain(given).collect();
    }
    let mut arguments = vec![verb];
    for label in labels {
        arguments.extend(["--label".into(), label.into()]);
    }
    while let Some(argument) = given.next() {
        if argument != "--volume" {
            arguments.push(argument);
            continue;
        }
        match given.next() {
            Some(place) if !place.to_string_lossy().contains(':') => {
                arguments.extend(["--mount".into(), mount(&place, labels)]);
            }
            place => arguments.extend(std::iter::once(argument).chain(place)),
        }
    }
    arguments
}

/// A volume without a name, as docker's `--mount` takes it: a line of comma-separated values.
fn mount(place: &OsStr, labels: &[String]) -> OsString {
    let quoted = |field: String| format!("\"{}\"", field.replace('"', "\"\""));
    let place = format!("dst={}", place.to_string_lossy());
    let labels = labels.iter().map(|label| format!("volume-label={label}"));
    let fields = ["type=volume".to_owned(), place].into_iter().chain(labels).map(quoted);
    fields.collect::<Vec<_>>().join(",").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[&str], labels: &[&str]) -> Vec<String> {
        let given = arguments.iter().map(OsString::from).collect();
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        with_labels(given, &labels).into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_container_that_is_run_gets_the_labels_and_so_does_its_volume() {
        let run = ["run", "--name", "a", "--volume", "/var", "--volume", "/lib:/lib:ro", "image"];
        let wanted =
            ["run", "--label", "x=1", "--name", "a", "--mount", "\"type=volume\",\"dst=/var\",\"volume-label=x=1\""];
        assert_eq!(words(&run, &["x=1"]), [&wanted[..], &["--volume", "/lib:/lib:ro", "image"]].concat());
    }

    #[test]
    fn nothing_else_is_changed() {
        for other in [&["ps", "--volume", "/var"][..], &["network", "create", "run"], &["exec", "a", "run"], &[]] {
            assert_eq!(words(other, &["x=1"]), other);
        }
    }

    #[test]
    fn a_name_with_commas_and_quotes_stays_one_value() {
        let argument = mount(OsStr::new("/var"), &["user=a,\"b\"".to_owned()]);
        assert_eq!(argument, OsString::from("\"type=volume\",\"dst=/var\",\"volume-label=user=a,\"\"b\"\"\""));
    }
}
