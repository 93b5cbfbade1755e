//! A world for one run of the program: a HOME of its own, no settings from outside, and a server that serves files
//! well or badly.

mod browser;
mod docker;
pub(crate) mod engine;
mod proxy;
mod release;
mod secure;
mod server;
mod terminal;
pub(crate) mod upstream;
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) use browser::Browser;
pub(crate) use docker::{INFO, KUBECONFIG, kubeconfig};
pub(crate) use proxy::Proxy;
pub(crate) use release::{ASSET, Release, SHELLS};
pub(crate) use secure::Secure;
pub(crate) use server::{Behaviour, Server};
pub(crate) use terminal::Terminal;
pub(crate) use world::{TOOLS, World, archive, program, sum};

/// A HOME that is removed again.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

/// What a run printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.path().join(".local/share/pgedge-bootstrap/bin")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path().join(".cache/pgedge-bootstrap")
    }

    /// A docker of the test's own. What a test says of docker must not depend on whether one is installed here, or runs.
    pub(crate) fn docker(&self, script: &str) {
        self.program("docker", script);
    }

    /// A program of the test's own, before any that this machine has: a shell script.
    pub(crate) fn program(&self, name: &str, script: &str) {
        write_program(&self.programs().join(name), format!("#!/bin/sh\n{script}\n").as_bytes());
    }

    pub(crate) fn programs(&self) -> PathBuf {
        self.path().join("programs")
    }

    /// The program with nothing in its environment but HOME and a PATH.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgedge-bootstrap"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.programs().display()))
            .current_dir(self.path());
        if self.pins().exists() {
            command.env("PGEDGE_BOOTSTRAP_PINS", self.pins());
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn ran(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&self.path().display().to_string(), "$HOME");
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Every file below the HOME, relative to it.
    pub(crate) fn files(&self) -> Vec<String> {
        files_below(self.path())
    }
}

/// A program, written by another process: while a child that is being started still has a copy of our open file, the kernel refuses to
/// run it.
pub(crate) fn write_program(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(std::process::Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(writer.wait().unwrap().success(), "{} cannot be written", path.display());
}

/// Every file below a folder, relative to it.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    files.sort();
    files
}
