//! `down`: remove what we made, and nothing else.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use super::Verdict;
use crate::cli::{Down, Output};
use crate::context::Context;
use crate::failure::{self, Failure, FailureId};
use crate::lock::{RunLock, other_runs};
use crate::logs;
use crate::pins::Tool;
use crate::run_state::remove_parts_of_the_dead;
use crate::steps;
use crate::ui;

pub(super) async fn run(arguments: &Down) -> Result<Verdict> {
    let context = super::context(&arguments.common, None)?;
    let _lock = RunLock::take(&context.places.state, "down").await?;
    if arguments.purge {
        refuse_beside_other_runs(&context)?;
    }
    let mut removed = steps::remains_of_cluster(&context).await?;
    let mut tools = Vec::new();
    if arguments.purge {
        for tool in Tool::ALL {
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
        for what in &removed {
            ui::say(&format!("removing {what}\n"));
        }
    }
    steps::remove_cluster(&context).await?;
    // Whoever asks for the last run must not be told of a cluster that is no more.
    failure::ignore_missing(fs_err::remove_file(&context.places.status))?;
    remove_parts_of_the_dead(&context.places.status);
    for tool in tools {
        fs_err::remove_file(tool).map_err(failure::from_io)?;
    }
    if arguments.purge && context.places.cache.exists() {
        fs_err::remove_dir_all(&context.places.cache).map_err(failure::from_io)?;
    }
    if arguments.purge {
        logs::remove_all_but(0, &context.places.logs, cluster)?;
        // It holds the logs of other clusters, too, and then it stays.
        let _ = fs_err::remove_dir(&context.places.logs);
    }
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
fn parts_of(bin: &Path, tool: Tool) -> Vec<PathBuf> {
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!(".{}.", tool.as_str())) && name.ends_with(".part")
    };
    // A directory that is not there holds none.
    let entries = fs_err::read_dir(bin).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_part).collect()
}
