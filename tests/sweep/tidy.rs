//! What must hold when `up` has succeeded after a run that was killed: all that was wanted is there, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::NAME;
use crate::common::lab::Lab;
use crate::processes;

/// A process that was killed is gone at once, but not at the same instant.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// Docker tells of a container that it removes, and other tests make and remove theirs.
const DOCKER_SETTLES: Duration = Duration::from_secs(10);

/// The sums that the tools must have, by name.
pub(crate) type ToolSums = BTreeMap<String, String>;

/// Everything that does not hold after `up`. `setting`: what both runs had in their environment.
pub(crate) fn complaints(lab: &Lab, tools: &ToolSums, setting: &str) -> Vec<String> {
    let checks = [
        no_process_is_left(setting),
        no_lock_is_held(lab),
        no_half_file_is_left(lab),
        the_tools_are_the_pinned_ones(lab, tools),
        lab.check_users_kubeconfig(),
        docker_has(
            lab,
            &[
                format!("container {NAME}-control-plane"),
                format!("network pgedge-bootstrap-{NAME}"),
                format!("volume pgedge-bootstrap-{NAME}"),
            ],
        ),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// Docker has this, and beside it nothing that it did not have before all tests. What others had there may have gone.
///
/// # Errors
/// What there is too much and what is absent.
pub(crate) fn docker_has(lab: &Lab, ours: &[String]) -> Result<(), String> {
    let ours: BTreeSet<String> = ours.iter().cloned().collect();
    eventually(DOCKER_SETTLES, || {
        let found: BTreeSet<String> = lab.docker_lists().difference(lab.docker_lists_before()).cloned().collect();
        if found == ours { Ok(()) } else { Err(format!("docker should have {ours:?}, and has {found:?}")) }
    })
}

/// The sums of the programs in the archives that the pins name, taken from the cache of a run that has succeeded.
pub(crate) fn pinned_tools(lab: &Lab) -> Result<ToolSums, String> {
    let pins = lab.pins();
    let mut sums = ToolSums::new();
    for (tool, pin) in pins["tools"].as_object().unwrap() {
        // The lab serves one platform: its own.
        let file = pin["platforms"].as_object().unwrap().values().next().unwrap();
        let pinned = file["sha256"].as_str().unwrap();
        let path = lab.home().join(".cache/pgedge-bootstrap/sha256").join(pinned);
        let archive = || File::open(&path).map_err(|error| format!("{}: {error}", path.display()));
        let found = sum(archive()?);
        if found != pinned {
            return Err(format!("{} has the sum {found}", path.display()));
        }
        let sum = match file["member"].as_str() {
            None => found,
            Some(member) => member_sum(archive()?, member).ok_or_else(|| format!("{member} is not in the archive"))?,
        };
        sums.insert(tool.clone(), sum);
    }
    Ok(sums)
}

fn no_process_is_left(setting: &str) -> Result<(), String> {
    eventually(LAST_BREATH, || {
        let left = processes::with_setting(setting);
        if left.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = left.iter().map(processes::Process::line).collect();
        Err(format!("processes are left:\n{}", lines.join("\n")))
    })
}

/// The kernel's locks on the files of this program.
fn no_lock_is_held(lab: &Lab) -> Result<(), String> {
    let locks = files(lab.home(), &|name| name.ends_with(".lock"));
    let of_cluster = lab.home().join(format!(".local/state/pgedge-bootstrap/{NAME}.lock"));
    if !locks.contains(&of_cluster) {
        return Err(format!("there is no {}", of_cluster.display()));
    }
    for lock in locks {
        let file = File::options().read(true).write(true).open(&lock).unwrap();
        file.try_lock().map_err(|error| format!("{} is held: {error}", lock.display()))?;
    }
    Ok(())
}

fn no_half_file_is_left(lab: &Lab) -> Result<(), String> {
    let half = |name: &str| {
        [".partial", ".part", ".etag", ".tmp"].iter().any(|end| name.ends_with(end)) || name.starts_with(".tmp")
    };
    let mut left = files(lab.home(), &half);
    // kind's lock is the file itself: while it is there, no kind writes the kubeconfig.
    left.extend(files(lab.home(), &|name| name == "kubeconfig.lock"));
    let programs = lab.pins()["tools"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let known = |name: &str| programs.iter().any(|tool| name == tool || name == format!(".{tool}.pgedge-bootstrap"));
    left.extend(files(&lab.bin(), &|name| !known(name)));
    if left.is_empty() { Ok(()) } else { Err(format!("files are left: {left:?}")) }
}

fn the_tools_are_the_pinned_ones(lab: &Lab, tools: &ToolSums) -> Result<(), String> {
    for (tool, wanted) in tools {
        let found = File::open(lab.bin().join(tool)).map(sum).map_err(|error| format!("{tool}: {error}"))?;
        if found != *wanted {
            return Err(format!("{tool} has the sum {found}, and should have {wanted}"));
        }
    }
    Ok(())
}

/// Asks until it holds, for at most so long.
fn eventually(limit: Duration, check: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let end = Instant::now() + limit;
    loop {
        let found = check();
        if found.is_ok() || Instant::now() >= end {
            return found;
        }
    }
}

/// The files below a folder with such names.
fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if wanted(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn member_sum(archive: File, member: &str) -> Option<String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let is_member = |path: &Path| path.strip_prefix(".").unwrap_or(path) == Path::new(member);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    entries.find(|entry| is_member(&entry.path().unwrap())).map(sum)
}

fn sum(mut source: impl Read) -> String {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match source.read(&mut buffer).unwrap() {
            0 => return hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            read => hasher.update(&buffer[..read]),
        }
    }
}
