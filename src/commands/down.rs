//! `down`: remove what we made, and nothing else.

use anyhow::Result;
use serde_json::json;

use super::Verdict;
use crate::cli::{Down, Output};
use crate::failure;
use crate::lock::RunLock;
use crate::pins::Tool;
use crate::steps;
use crate::ui;

pub(super) async fn run(arguments: &Down) -> Result<Verdict> {
    let context = super::context(&arguments.common, None)?;
    let _lock = RunLock::take(&context.places.state, "down")?;
    let mut removed = steps::remains_of_cluster(&context).await?;
    let mut tools = Vec::new();
    if arguments.purge {
        for tool in Tool::ALL {
            if steps::may_replace_tool(&context, tool)? {
                let files = [context.tool_path(tool), steps::mark_of_tool(&context, tool)];
                tools.extend(files.into_iter().filter(|path| path.exists()));
            }
        }
        removed.extend(tools.iter().map(|path| format!("file {}", path.display())));
        if context.places.cache.exists() {
            removed.push(format!("directory {}", context.places.cache.display()));
        }
    }
    if arguments.common.output == Output::Text && !arguments.common.quiet {
        for what in &removed {
            ui::say(&format!("removing {what}\n"));
        }
    }
    steps::remove_cluster(&context).await?;
    for tool in tools {
        fs_err::remove_file(tool).map_err(failure::from_io)?;
    }
    if arguments.purge && context.places.cache.exists() {
        fs_err::remove_dir_all(&context.places.cache).map_err(failure::from_io)?;
    }
    match arguments.common.output {
        Output::Json => ui::print(&format!("{}\n", json!({"schema": 1, "removed": removed})))?,
        Output::Text if arguments.common.quiet => {}
        Output::Text if removed.is_empty() => {
            ui::say(&format!("nothing of cluster {:?} is here\n", context.options.name.as_str()));
        }
        Output::Text if arguments.purge => ui::say("done\n"),
        Output::Text => ui::say(
            "done; tools, downloads and pulled images are kept for the next time (--purge removes tools and downloads)\n",
        ),
    }
    Ok(Verdict::Good)
}
