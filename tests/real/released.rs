//! A release as the lab's mirror has it, with its sum, under the addresses of GitHub: the archive of the set that `make test` has
//! made, which it names in `RELEASE_SET`, or, by hand, the program of this build.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::{Lab, ran};

/// Where the mirror has the releases, below the address of a mirror.
pub(crate) const RELEASES: &str = "github.com/pgEdge/pgedge-bootstrap/releases";

const ARCHIVE: &str = "pgedge-bootstrap-x86_64-unknown-linux-musl.tar.gz";

/// A release that is served.
pub(crate) struct Released {
    folder: PathBuf,
    /// Of the archive, below the address of a mirror.
    pub(crate) path: String,
    /// The SHA-256 sum of the archive.
    pub(crate) sum: String,
}

impl Released {
    /// Releases this build, under its version and as the latest.
    pub(crate) fn new(lab: &Lab) -> Self {
        let mirror = Path::new(lab.setting("PGEDGE_BOOTSTRAP_PINS")).parent().unwrap();
        let releases = mirror.join("guests").join(RELEASES);
        let folder = releases.join("latest/download");
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(set) = std::env::var_os("RELEASE_SET") {
            std::fs::copy(Path::new(&set).join(ARCHIVE), folder.join(ARCHIVE)).unwrap();
        } else {
            let program = Path::new(env!("CARGO_BIN_EXE_pgedge-bootstrap"));
            let mut tar = Command::new("tar");
            tar.arg("-czf").arg(folder.join(ARCHIVE)).arg("-C").arg(program.parent().unwrap()).arg("pgedge-bootstrap");
            assert!(tar.status().unwrap().success());
        }
        let sum = ran(&Command::new("sha256sum").arg(folder.join(ARCHIVE)).output().unwrap()).stdout;
        let sum = sum.split_whitespace().next().unwrap().to_owned();
        let version = concat!("download/v", env!("CARGO_PKG_VERSION"));
        let released = Self { folder, path: format!("{RELEASES}/{version}/{ARCHIVE}"), sum };
        released.write_sums(&[(ARCHIVE, &released.sum)]);
        let named = releases.join(version);
        std::fs::create_dir_all(&named).unwrap();
        for file in [ARCHIVE, "SHA256SUMS"] {
            std::fs::copy(released.folder.join(file), named.join(file)).unwrap();
        }
        released
    }

    /// Adds a file to the latest release, with the sum that is claimed for it.
    pub(crate) fn add_to_latest(&self, name: &str, content: &[u8], claimed: &str) {
        std::fs::write(self.folder.join(name), content).unwrap();
        self.write_sums(&[(ARCHIVE, &self.sum), (name, claimed)]);
    }

    fn write_sums(&self, sums: &[(&str, &str)]) {
        let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        std::fs::write(self.folder.join("SHA256SUMS"), lines).unwrap();
    }
}
