//! The set, and a mirror on loopback that has it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::support::Server;

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The repository of Cargo.toml.
pub(crate) const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

pub(crate) struct Set {
    folder: PathBuf,
}

impl Set {
    pub(crate) fn built() -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree().join("target"), PathBuf::from);
        let folder = target.join("release-set");
        assert!(folder.join("SHA256SUMS").exists(), "{} is not there: scripts/release/set makes it", folder.display());
        Self { folder }
    }

    /// The name of every asset.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap()
    }

    /// The target of the one archive that this machine builds.
    pub(crate) fn target(&self) -> String {
        let targets: Vec<String> = self.names().iter().filter_map(|name| target_of(name)).collect();
        let [target] = &targets[..] else { panic!("there are archives for {targets:?}") };
        target.clone()
    }

    pub(crate) fn archive(&self) -> String {
        format!("pgedge-bootstrap-{}.tar.gz", self.target())
    }

    /// The members of the archive that are files.
    pub(crate) fn members(&self) -> BTreeMap<String, Vec<u8>> {
        unpacked(&self.bytes(&self.archive()))
    }

    pub(crate) fn program(&self) -> Vec<u8> {
        self.members().remove("pgedge-bootstrap").unwrap()
    }

    /// A mirror that has the set as this version's release and as the latest.
    pub(crate) fn serve(&self) -> Server {
        let server = Server::start();
        let path = REPOSITORY.strip_prefix("https:/").unwrap();
        for name in self.names() {
            for release in [format!("download/v{VERSION}"), "latest/download".to_owned()] {
                server.file(&format!("{path}/releases/{release}/{name}"), self.bytes(&name));
            }
        }
        server
    }
}

pub(crate) fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target_of(name: &str) -> Option<String> {
    Some(name.strip_prefix("pgedge-bootstrap-")?.strip_suffix(".tar.gz")?.to_owned())
}

pub(crate) fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(archive)).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(entry.path().unwrap().to_str().unwrap().to_owned(), bytes);
        }
    }
    files
}
