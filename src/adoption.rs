//! A cluster that was there before and is used all the same: what is remembered of it between commands.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::failure::{self, Failure, FailureId};
use crate::file;

/// In the state directory of the cluster's name. While it is there, the name stands for the adopted cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adoption {
    /// The administrator's own: read, never written.
    pub(crate) kubeconfig: PathBuf,
    /// Where the tools are put.
    pub(crate) bin: PathBuf,
    /// What the cluster has room for, once that was looked at.
    pub(crate) fit: Option<Fit>,
}

/// How much of pgEdge a cluster can hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fit {
    /// pgEdge nodes.
    pub(crate) nodes: u8,
    /// Thousandths of a CPU that each of them requests.
    pub(crate) cpu: u32,
    /// How it came to that, in one sentence for a person.
    pub(crate) because: String,
}

impl Adoption {
    fn file(state: &Path) -> PathBuf {
        state.join("adopted.json")
    }

    /// `None` if the cluster of this state directory is none that was adopted.
    pub(crate) fn read(state: &Path) -> Result<Option<Self>> {
        let path = Self::file(state);
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            // A state directory that cannot be is none either; whoever writes there is told.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(failure::from_io(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let what = format!("{} was not written by this program", path.display());
            let failure = Failure::new(FailureId::ClusterForeign, what).evidence(error.to_string());
            failure.hint("remove it; `pgedge-bootstrap --killercoda` adopts the cluster again").into()
        })
    }

    pub(crate) fn write(&self, state: &Path) -> Result<()> {
        file::replace(&Self::file(state), &serde_json::to_vec(self)?, file::PRIVATE)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_adoption_is_read_as_it_was_written() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Adoption::read(state.path()).unwrap(), None);
        let fit = Some(Fit { nodes: 2, cpu: 40, because: "little is left".to_owned() });
        let adoption = Adoption { kubeconfig: "/etc/kubernetes/admin.conf".into(), bin: "/usr/local/bin".into(), fit };
        adoption.write(state.path()).unwrap();
        assert_eq!(Adoption::read(state.path()).unwrap(), Some(adoption));
        fs_err::write(state.path().join("adopted.json"), "{").unwrap();
        assert!(Adoption::read(state.path()).is_err());
    }
}
