//! `down`: remove what we made, and nothing else.

use std::path::{Path, PathBuf};

use anyhow::Result;
use bootstrap_run::failure::{self, Failure, FailureId, Invocation};
use bootstrap_run::lock::{RunLock, other_runs};
use bootstrap_run::logs;
use bootstrap_run::run_state::remove_parts_of_the_dead;
use bootstrap_screen::ui;
use serde_json::json;

use super::Verdict;
use crate::cli::{Down, Output};
use crate::context::Context;
use crate::stack::{Stack, ToolName};
use crate::steps::{self, Scope};

pub(super) async fn run(arguments: &Down, given: &Invocation) -> Result<Verdict> {
    // Also an adopted cluster whose kubeconfig is no more can be forgotten.
    let (places, adoption) = super::places(&arguments.common)?;
    // Only the tools are those of a stack.
    let stack = match arguments.purge {
        true => Stack::of_cluster(&super::memory(&places)?, arguments.common.stack.as_deref())?,
        false => Stack::pgedge()?.clone(),
    };
    let context = super::context_with(stack, &arguments.common, None, (places, adoption), false, given)?;
    let lock = RunLock::take(&context.places.state, "down", super::say_wait).await?;
    super::say_unwritten(&lock);
    if arguments.purge {
        refuse_beside_other_runs(&context)?;
    }
    let scope = if arguments.take_over { Scope::Others } else { Scope::Own };
    let remains = steps::remains_of_cluster(&context, scope).await?;
    if let Some(shown) = remains.shown().filter(|_| !arguments.yes) {
        return Err(shown.into());
    }
    let mut removed = remains.words.clone();
    let mut tools = Vec::new();
    if arguments.purge {
        for tool in context.stack.tools() {
            if steps::may_replace_tool(&context, tool)? {
                let files = [context.tool_place(tool), steps::mark_of_tool(&context, tool)];
                tools.extend(files.into_iter().filter(|path| path.exists()));
            }
            tools.extend(parts_of(&context.places.bin, tool));
        }
        removed.extend(tools.iter().map(|path| format!("file {}", path.display())));
        if context.places.cache.exists() {
            removed.push(format!("directory {}", context.places.cache.display()));
        }
    }
    let cluster = context.options.name.as_str();
    if arguments.purge {
        let logs = logs::of_cluster(&context.places.logs, cluster)?.len();
        if logs > 0 {
            removed.push(format!(
                "{logs} log{} in {}",
                if logs == 1 { "" } else { "s" },
                context.places.logs.display()
            ));
        }
    }
    if arguments.common.output == Output::Text && !arguments.common.quiet {
        if let Some(beside) = &remains.beside {
            ui::say(&format!("{beside}\n"));
        }
        if let Some(lost) = &remains.lost {
            ui::say_paragraph(&format!("the cluster {cluster:?} is gone already: {lost}"));
        }
        for what in &removed {
            ui::say(&format!("removing {what}\n"));
        }
    }
    steps::remove_cluster(&context, &remains).await?;
    let places = &context.places;
    let mut stays = Stays::default();
    stays.unless(failure::ignore_missing(fs_err::remove_dir_all(&places.state)));
    // Whoever asks for the last run must not be told of a cluster that is no more.
    stays.unless(failure::ignore_missing(fs_err::remove_file(&places.status)));
    remove_parts_of_the_dead(&places.status);
    for tool in tools {
        stays.unless(failure::ignore_missing(fs_err::remove_file(tool)));
    }
    if arguments.purge {
        stays.unless(failure::ignore_missing(fs_err::remove_dir_all(&places.cache)));
        stays.unless(failure::ignore_missing(fs_err::remove_file(&places.bin_memory)));
        stays.unless(logs::remove_all_but(0, &places.logs, cluster).map(drop));
        // It holds the logs of other clusters, too, and then it stays.
        let _ = fs_err::remove_dir(&places.logs);
    }
    stays.told()?;
    match arguments.common.output {
        Output::Json => ui::print(&format!("{}\n", json!({"schema": 1, "removed": removed})))?,
        Output::Text if arguments.common.quiet => {}
        Output::Text if removed.is_empty() => {
            ui::say(&format!("nothing of cluster {cluster:?} is here\n"));
        }
        Output::Text if arguments.purge => ui::say("done\n"),
        Output::Text => ui::say(
            "done; tools, downloads and pulled images are kept for the next time (--purge removes tools, downloads and logs)\n",
        ),
    }
    Ok(Verdict::Good)
}

/// What could not be removed: it keeps nothing else from going, for what goes makes room.
#[derive(Default)]
struct Stays(Vec<anyhow::Error>);

impl Stays {
    fn unless(&mut self, removed: Result<()>) {
        self.0.extend(removed.err());
    }

    /// # Errors
    /// The first of them, with the words of the others.
    fn told(self) -> Result<()> {
        let mut errors = self.0.into_iter();
        let Some(first) = errors.next() else { return Ok(()) };
        let Some(failure) = failure::of(&first).cloned() else { return Err(first) };
        let words = |error: anyhow::Error| match failure::of(&error) {
            Some(other) => other.seen().join("\n"),
            None => format!("{error:#}"),
        };
        Err(errors.map(words).fold(failure, Failure::evidence).into())
    }
}

/// All clusters share the downloads, and most of them the tools.
fn refuse_beside_other_runs(context: &Context) -> Result<()> {
    let runs = other_runs(&context.places.state)?;
    if runs.is_empty() {
        return Ok(());
    }
    let what = "another run uses the tools and the downloads that --purge would remove";
    let failure = Failure::new(FailureId::RunInProgress, what).evidence(runs.join("\n"));
    Err(failure.hint("wait for it to end, or leave --purge away: the cluster is removed all the same").into())
}

/// What a killed run has left of a program that it was unpacking.
fn parts_of(bin: &Path, tool: ToolName) -> Vec<PathBuf> {
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!(".{}.", tool.as_str())) && name.ends_with(".part")
    };
    // A directory that is not there holds none.
    let entries = fs_err::read_dir(bin).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_part).collect()
}
