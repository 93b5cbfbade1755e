//! Tells the program which commit it is built from, as the variable `PGEDGE_BOOTSTRAP_COMMIT` of its compiler: twelve digits, with
//! `-changed` behind them when what is compiled in is not what that commit has, or `unknown` when this is no work tree of git.
//! Who builds from an archive of the sources gives the same variable from outside.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is compiled in. A change of anything else does not make another program.
const COMPILED_IN: [&str; 9] = [
    "build.rs",
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "src",
    "stacks",
    "tutorial",
    "killercoda",
    "vscode-extension/package.json",
];

const VARIABLE: &str = "PGEDGE_BOOTSTRAP_COMMIT";

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let commit = match std::env::var(VARIABLE) {
        Ok(given) => given_commit(&given),
        Err(_) => work_tree_commit().unwrap_or_else(|| "unknown".to_owned()),
    };
    println!("cargo::rustc-env={VARIABLE}={commit}");
}

fn given_commit(given: &str) -> String {
    if given.len() < 12 || !given.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        println!("cargo::error={VARIABLE} is {given:?}, which is not a commit of twelve or more lower-case digits");
    }
    given.chars().take(12).collect()
}

/// `None` outside of a work tree: sources from an archive may lie in somebody else's.
fn work_tree_commit() -> Option<String> {
    let here = std::fs::canonicalize(std::env::var_os("CARGO_MANIFEST_DIR")?).ok()?;
    if std::fs::canonicalize(git(&["rev-parse", "--show-toplevel"])?).ok()? != here {
        return None;
    }
    watch();
    let commit = git(&["rev-parse", "--verify", "HEAD"])?;
    let changes = git(&[&["status", "--porcelain", "--"][..], &COMPILED_IN].concat())?;
    Some(given_commit(&commit) + if changes.is_empty() { "" } else { "-changed" })
}

/// Says what makes cargo run this again: HEAD, the branch that it names, wherever git keeps that, and what is compiled in. cargo
/// takes a file that is not there for one that always changes, so only what is there is named.
fn watch() {
    let place = |name: &str| git(&["rev-parse", "--git-path", name]).map(PathBuf::from);
    let mut watched = vec![place("HEAD")];
    if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]).and_then(|name| place(&name)) {
        if branch.exists() {
            watched.push(Some(branch));
        } else {
            // A branch that is packed gets a file of its own with the next commit, which the folder tells.
            watched.push(place("packed-refs"));
            watched.push(branch.ancestors().find(|folder| folder.is_dir()).map(PathBuf::from));
        }
    }
    for path in watched.into_iter().flatten().filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    for path in COMPILED_IN.iter().filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What git answers, without the line's end; `None` where there is no git, or it refuses.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("--no-optional-locks").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| answer.trim_end().to_owned())
}
