//! Releases on a server of our own, and `install.sh` of this tree, in the shells that people have.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::world::{archive, sum};
use super::{Home, Ran, Server};

/// `scripts/shells` sees to it that they are here.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// What `install.sh` needs beside a shell, what downloads, and what sums.
const PROGRAMS: [&str; 13] =
    ["cat", "chmod", "dd", "gzip", "id", "mkdir", "mktemp", "mv", "rm", "rmdir", "sed", "tar", "tr"];

pub(crate) struct Release {
    pub(crate) home: Home,
    pub(crate) server: Server,
}

impl Release {
    /// With the release 1.2.3, which is the latest, for Linux on x86_64.
    pub(crate) fn new() -> Self {
        let release = Self { home: Home::new(), server: Server::start() };
        release.program("uname", "case $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac");
        release.publish("1.2.3", &Self::released("1.2.3"));
        release
    }

    /// A program that says its version and tells that it was run.
    pub(crate) fn released(version: &str) -> Vec<u8> {
        let told = format!("#!/bin/sh\necho run >> \"$HOME/was-run\"\necho 'pgedge-bootstrap {version}'\n");
        // Long enough to be cut in the middle, and nothing that gzip makes small.
        let padding: String = (0..4000_u32).map(|number| format!("# {}\n", sum(&number.to_le_bytes()))).collect();
        (told + &padding).into_bytes()
    }

    /// Publishes a program as a version, and as the latest.
    pub(crate) fn publish(&self, version: &str, program: &[u8]) {
        self.publish_archive(version, &archive("pgedge-bootstrap", program));
    }

    pub(crate) fn publish_archive(&self, version: &str, archive: &[u8]) {
        for place in [format!("/releases/download/v{version}"), "/releases/latest/download".to_owned()] {
            self.server.file(&format!("{place}/{ASSET}"), archive);
            self.server.file(
                &format!("{place}/SHA256SUMS"),
                format!("{}  install.sh\n{}  {ASSET}\n", "0".repeat(64), sum(archive)),
            );
        }
    }

    /// A program of the test's own, before any that this machine has: a shell script.
    pub(crate) fn program(&self, name: &str, script: &str) {
        self.home.program(name, script);
    }

    /// Where the program is installed to.
    pub(crate) fn place(&self) -> PathBuf {
        self.home.path().join("to/pgedge-bootstrap")
    }

    pub(crate) fn install(&self, shell: &[&str], arguments: &[&str]) -> Ran {
        self.home.ran(&self.command(shell, arguments).output().unwrap())
    }

    /// `install.sh` with the test's releases and a place below HOME.
    pub(crate) fn command(&self, shell: &[&str], arguments: &[&str]) -> Command {
        let url = format!("{}/releases", self.server.address);
        let mut command = self.bare(shell);
        command.args(["--to", "to", "--url", &url]).args(arguments);
        command
    }

    /// `install.sh` without any argument.
    pub(crate) fn bare(&self, shell: &[&str]) -> Command {
        let mut command = self.shell(shell);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh"));
        command
    }

    /// A shell with nothing to do yet.
    pub(crate) fn shell(&self, shell: &[&str]) -> Command {
        let mut command = Command::new(program_of_this_machine(shell[0]));
        command
            .args(&shell[1..])
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", format!("{}/programs:/usr/sbin:/usr/bin:/sbin:/bin", self.home.path().display()))
            .current_dir(self.home.path());
        command
    }

    /// A PATH on which nothing is but what is always needed, the test's own programs and these. `busybox` stands for its applet wget.
    pub(crate) fn only(&self, programs: &[&str]) -> String {
        let folder = self.home.path().join("only");
        std::fs::create_dir(&folder).unwrap();
        for name in PROGRAMS.iter().chain(programs) {
            let link = folder.join(if *name == "busybox" { "wget" } else { name });
            symlink(program_of_this_machine(name), link).unwrap();
        }
        format!("{}/programs:{}", self.home.path().display(), folder.display())
    }

    /// Every file below HOME but those that the test put there.
    pub(crate) fn files(&self) -> Vec<String> {
        let ours = |file: &String| ["programs/", "only/"].iter().any(|folder| file.starts_with(folder));
        self.home.files().into_iter().filter(|file| !ours(file)).collect()
    }
}

/// The archive for Linux on x86_64.
pub(crate) const ASSET: &str = "pgedge-bootstrap-x86_64-unknown-linux-musl.tar.gz";

fn program_of_this_machine(name: &str) -> PathBuf {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is not installed; scripts/shells installs it"))
}
