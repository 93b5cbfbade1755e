//! Where things are kept on this machine, by the XDG base directory rules.
//!
//! The user's own kubeconfig is not among them: it is never read and never written. That of an adopted cluster is read, for
//! that is what adopting means.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::adoption::Adoption;
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
    /// There while the cluster is being made: only such a one is removed and made anew.
    pub(crate) unfinished: PathBuf,
    /// The id of the docker engine that the cluster was made in.
    pub(crate) engine: PathBuf,
}

impl Places {
    pub(crate) fn find(name: &ClusterName, bin: Option<PathBuf>) -> Result<Self> {
        let states = base("XDG_STATE_HOME", ".local/state")?.join(PROGRAM);
        let state = states.join(name.as_str());
        Ok(Self {
            cache: base("XDG_CACHE_HOME", ".cache")?.join(PROGRAM),
            bin_is_shared: bin.is_some(),
            bin: match bin {
                Some(bin) => std::path::absolute(bin).context("--bin-dir is not a path")?,
                None => base("XDG_DATA_HOME", ".local/share")?.join(PROGRAM).join("bin"),
            },
            kubeconfig: state.join("kubeconfig"),
            unfinished: state.join("unfinished"),
            engine: state.join("engine"),
            status: state.with_extension("status.json"),
            logs: states.join(ClusterName::TAKEN),
            state,
        })
    }
}

impl Places {
    /// As they are for a cluster that was adopted: its administrator's kubeconfig, and a directory of programs that is the
    /// whole machine's. `bin_was_named`: the person named another directory.
    pub(crate) fn of_adopted(self, adoption: &Adoption, bin_was_named: bool) -> Self {
        Self {
            kubeconfig: adoption.kubeconfig.clone(),
            bin: if bin_was_named { self.bin } else { adoption.bin.clone() },
            bin_is_shared: true,
            ..self
        }
    }
}

/// The specification says that a relative value is invalid and to be ignored.
fn base(variable: &str, below_home: &str) -> Result<PathBuf> {
    match std::env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_absolute() => Ok(path),
        _ => {
            let home = std::env::home_dir().filter(|home| home.is_absolute());
            Ok(home.with_context(|| format!("neither {variable} nor HOME names a directory"))?.join(below_home))
        }
    }
}
