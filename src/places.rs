//! Where things are kept on this machine, by the XDG base directory rules.
//!
//! The user's own kubeconfig is not among them: it is never read and never written. Those of an adopted cluster are
//! read, for that is what adopting means; ours has the one context of them that was adopted.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bootstrap_cluster::adoption::Adoption;
use bootstrap_run::failure::{self, Failure, FailureId, GivenPlace};
use bootstrap_run::{file, given};

use crate::options::ClusterName;

const PROGRAM: &str = "pgedge-bootstrap";

/// The directories and files of a run. None of them is made before something is put into it.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Verified downloads, shared by all clusters: `$XDG_CACHE_HOME/pgedge-bootstrap`.
    pub(crate) cache: PathBuf,
    /// The tools: `--bin-dir`, or `$XDG_DATA_HOME/pgedge-bootstrap/bin`.
    pub(crate) bin: PathBuf,
    /// Whether `bin` is the person's own directory, where other programs of theirs may be.
    pub(crate) bin_is_shared: bool,
    /// What belongs to this cluster alone: `$XDG_STATE_HOME/pgedge-bootstrap/<name>`.
    pub(crate) state: PathBuf,
    /// What the last run of this cluster does or did: `<state>.status.json`.
    pub(crate) status: PathBuf,
    /// The logs of the runs of all clusters. No cluster can be called like this folder.
    pub(crate) logs: PathBuf,
    /// The kubeconfig of our cluster, in `state`.
    pub(crate) kubeconfig: PathBuf,
    /// What a shell is given in its place while nobody can tell where that one leads, in `state`.
    pub(crate) shell: PathBuf,
    /// There while the cluster is being made: only such a one is removed and made anew.
    pub(crate) unfinished: PathBuf,
    /// The id of the docker engine that the cluster was made in, and where that engine was.
    pub(crate) engine: PathBuf,
    /// The id by which docker's things are known as ours: one for all clusters, so that one whose directory is gone is
    /// still ours. No cluster can be called like this file.
    pub(crate) owner: PathBuf,
    /// Where the tools of this cluster were put, if a directory was named: `<state>.bin-dir`. It stays as long as they do.
    pub(crate) bin_memory: PathBuf,
    /// The directories that the person named, or their environment.
    pub(crate) given: Vec<GivenPlace>,
}

impl Places {
    pub(crate) fn find(name: &ClusterName, bin: Option<PathBuf>) -> Result<Self> {
        let mut given = Vec::new();
        let mut base = |variable, below_home| -> Result<PathBuf> {
            let (path, place) = base(variable, below_home)?;
            given.push(place);
            Ok(path)
        };
        let states = base("XDG_STATE_HOME", ".local/state")?.join(PROGRAM);
        let state = states.join(name.as_str());
        let bin_memory = state.with_extension("bin-dir");
        let named = bin.as_ref().map(|bin| given::BIN_DIR.name(bin));
        let bin = bin.or_else(|| remembered(&bin_memory));
        let cache = base("XDG_CACHE_HOME", ".cache")?.join(PROGRAM);
        let bin_is_shared = bin.is_some();
        let bin = match bin {
            Some(bin) => {
                let path = std::path::absolute(bin).map_err(failure::from_io)?;
                // What is remembered was named once.
                let by = named.unwrap_or(given::BIN_DIR.option);
                given.push(GivenPlace { path: path.clone(), by, or: None });
                path
            }
            None => base("XDG_DATA_HOME", ".local/share")?.join(PROGRAM).join("bin"),
        };
        Ok(Self {
            given,
            cache,
            bin_is_shared,
            bin,
            kubeconfig: state.join("kubeconfig"),
            shell: state.join("shell.kubeconfig"),
            unfinished: state.join("unfinished"),
            engine: state.join("engine"),
            status: state.with_extension("status.json"),
            logs: states.join(ClusterName::TAKEN),
            owner: states.join("owner.id"),
            bin_memory,
            state,
        })
    }
}

impl Places {
    /// Those of a test, below one directory.
    #[cfg(test)]
    pub(crate) fn below(root: &Path) -> Self {
        let state = root.join("state/pgedge");
        Self {
            cache: root.join("cache"),
            bin: root.join("bin"),
            bin_is_shared: false,
            status: root.join("state/pgedge.status.json"),
            logs: root.join("state/logs"),
            kubeconfig: state.join("kubeconfig"),
            shell: state.join("shell.kubeconfig"),
            unfinished: state.join("unfinished"),
            engine: state.join("engine"),
            owner: root.join("state/owner.id"),
            bin_memory: root.join("state/pgedge.bin-dir"),
            given: Vec::new(),
            state,
        }
    }

    /// Remembers where the tools are, for commands that are not told.
    pub(crate) fn remember_bin(&self) -> Result<()> {
        file::replace(&self.bin_memory, self.bin.as_os_str().as_encoded_bytes(), file::PRIVATE)
    }

    /// What helm keeps, in the place of the person's own helm.
    pub(crate) fn helm(&self) -> PathBuf {
        self.cache.join("helm")
    }

    /// As they are for a cluster that was adopted: a directory of programs that is the whole machine's. `bin_was_named`: the
    /// person named another directory.
    pub(crate) fn of_adopted(self, adoption: &Adoption, bin_was_named: bool) -> Self {
        Self { bin: if bin_was_named { self.bin } else { adoption.bin.clone() }, bin_is_shared: true, ..self }
    }
}

/// What cannot be read is not remembered: the tools are then installed in the usual place.
fn remembered(memory: &Path) -> Option<PathBuf> {
    let bytes = file::read(memory).ok()?;
    let path = PathBuf::from(OsString::from_vec(bytes));
    path.is_absolute().then_some(path)
}

/// A base directory, and who names it. The specification says that a relative value is invalid and to be ignored.
fn base(variable: &'static str, below_home: &str) -> Result<(PathBuf, GivenPlace)> {
    match std::env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok((path.clone(), GivenPlace { path, by: variable, or: None })),
        _ => {
            let home = home().ok_or_else(|| nowhere(variable))?;
            Ok((home.join(below_home), GivenPlace { path: home.join(below_home), by: "HOME", or: Some(variable) }))
        }
    }
}

/// The person's directory, by `HOME` and nothing else. Without it std asks the C library who the user is, which a static
/// program cannot do: it ends with a segmentation fault where the answer comes from a library of the machine.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

fn nowhere(variable: &str) -> Failure {
    let seen = |name: &str| match std::env::var_os(name) {
        None => format!("{name} is not set"),
        Some(value) if value.is_empty() => format!("{name} is empty"),
        Some(value) => format!("{name}={} is not an absolute path", value.display()),
    };
    Failure::new(FailureId::HomeMissing, "there is no directory for what this program keeps")
        .evidence(seen("HOME"))
        .evidence(seen(variable))
}
