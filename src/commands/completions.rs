//! `completions`: scripts for shells, made from the command line's own description.

use anyhow::Result;
use bootstrap_screen::ui;
use clap::CommandFactory as _;

use super::Verdict;
use crate::cli::Cli;

pub(super) fn run(shell: clap_complete::Shell) -> Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pgedge-bootstrap", &mut script);
    ui::print(&String::from_utf8_lossy(&script))?;
    Ok(Verdict::Good)
}
