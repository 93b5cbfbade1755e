//! `man`: a page for the program and one for each command, made from the command line's own description.

use std::path::Path;

use anyhow::{Context as _, Result};
use bootstrap_run::file;
use bootstrap_screen::ui;
use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Verdict;
use crate::cli::Cli;

pub(super) fn run(to: &Path) -> Result<Verdict> {
    let mut program = Cli::command().disable_help_subcommand(true);
    // gives each command the name of its page
    program.build();
    write(program, to)?;
    Ok(Verdict::Good)
}

fn write(command: clap::Command, to: &Path) -> Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write(inner.clone(), to)?;
    }
    let page = Man::new(command);
    let mut text = Vec::new();
    page.render(&mut text).context("cannot write a page of the manual")?;
    let path = to.join(page.get_filename());
    file::replace(&path, &text, file::PUBLIC)?;
    ui::print(&format!("{}\n", path.display()))
}
