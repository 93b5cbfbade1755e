//! A cluster that existed before and was adopted: what is remembered of it between commands.
//!
//! `adopted.json` in the state directory records the kubeconfigs, the context, the server, the uid of `kube-system`, and the
//! number of pgEdge nodes, so that later commands find the cluster without an option. Its one context is copied into a
//! kubeconfig of ours, which this program, helm and kubectl use. Nothing of the cluster is ever removed, except a release
//! that was never complete (`kubernetes::release::removal`).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bootstrap_run::failure::{self, Failure, FailureId, Ours, hint};
use bootstrap_run::file;
use serde::{Deserialize, Serialize};

/// In the state directory of the cluster's name. While it is there, the name stands for the adopted cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// The administrator's own, in the order in which kubectl merges them: read, never written. Earlier versions remembered
    /// one.
    #[serde(alias = "kubeconfig", deserialize_with = "one_or_many")]
    pub kubeconfigs: Vec<PathBuf>,
    /// Which cluster that is, once it was seen.
    #[serde(default)]
    pub site: Option<Site>,
    /// Where the tools are put.
    pub bin: PathBuf,
    /// What the cluster has room for, once that was looked at.
    pub fit: Option<Fit>,
}

/// What a cluster is known by. A context can be switched, and a server can be another one tomorrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The context of the kubeconfig, and never another, whatever its current one is.
    pub context: String,
    /// The address of the API server, as the kubeconfig has it.
    pub server: String,
    /// That of the namespace `kube-system`, once the server has told it.
    pub uid: Option<String>,
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Paths {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(deserializer)? {
        Paths::One(path) => vec![path],
        Paths::Many(paths) => paths,
    })
}

/// How much of pgEdge a cluster can hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// pgEdge nodes.
    pub nodes: u8,
    /// Thousandths of a CPU that each of them requests.
    pub cpu: u32,
    /// How it came to that, in one sentence for a person.
    pub because: String,
}

impl Adoption {
    fn file(state: &Path) -> PathBuf {
        state.join("adopted.json")
    }

    /// What is remembered in this state directory. `None` if its cluster is none that was adopted.
    ///
    /// # Errors
    /// [`FailureId::ClusterForeign`] for a file that this program did not write, and those of reading it.
    pub fn read(state: &Path) -> Result<Option<Self>> {
        let path = Self::file(state);
        let text = match file::read(&path) {
            Ok(text) => text,
            // A state directory that cannot be is none either; whoever writes there is told.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(failure::from_io(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let what = format!("{} was not written by this program", path.display());
            let failure = Failure::new(FailureId::ClusterForeign, what).evidence(error.to_string());
            failure.hint(hint!["remove it; ", Ours::Adopt, " adopts the cluster again"]).into()
        })
    }

    /// Whether no cluster has answered yet.
    pub fn is_of_nothing_yet(&self) -> bool {
        self.site.as_ref().is_none_or(|site| site.uid.is_none())
    }

    /// Remembers this in the state directory, for its owner alone to read. What was remembered before is replaced as a whole.
    ///
    /// # Errors
    /// [`FailureId::DiskFull`] and [`FailureId::DirectoryNotWritable`].
    pub fn write(&self, state: &Path) -> Result<()> {
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
        let kubeconfigs = vec!["/etc/kubernetes/admin.conf".into()];
        let site = Some(Site { context: "c".to_owned(), server: "https://s".to_owned(), uid: Some("u".to_owned()) });
        let adoption = Adoption { kubeconfigs, site, bin: "/usr/local/bin".into(), fit };
        adoption.write(state.path()).unwrap();
        assert_eq!(Adoption::read(state.path()).unwrap(), Some(adoption));
        fs_err::write(state.path().join("adopted.json"), "{").unwrap();
        assert!(Adoption::read(state.path()).is_err());
    }

    #[test]
    fn an_adoption_of_an_earlier_version_is_read() {
        let state = tempfile::tempdir().unwrap();
        let text = r#"{"kubeconfig": "/nowhere/config", "bin": "/nowhere/bin", "fit": null}"#;
        fs_err::write(state.path().join("adopted.json"), text).unwrap();
        let adoption = Adoption::read(state.path()).unwrap().unwrap();
        assert_eq!((adoption.kubeconfigs, adoption.site), (vec![PathBuf::from("/nowhere/config")], None));
    }
}
