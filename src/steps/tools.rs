//! The tools: the pinned files, in the bin directory, and they run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::context::Context;
use crate::download::{place_program, sum_of_file};
use crate::event::StepReporter;
use crate::failure::{Failure, FailureId};
use crate::pins::Tool;
use crate::process::Command;
use crate::step::Observation;
use crate::work::heavy;

/// A Go program of a hundred megabytes on a cold disk.
const VERSION_ANSWER: Duration = Duration::from_secs(30);

/// The program in the bin directory is the one that came out of the pinned file, byte for byte.
pub(super) async fn observe(context: &Context, tool: Tool) -> Result<Observation> {
    let (pin, file, path) = (context.pins.tool(tool)?, context.tool_file(tool)?, context.tool_path(tool));
    let wanted = match file.member {
        None => Some(file.sha256.clone()),
        Some(_) => context.fetcher.store().member_of(&file.sha256),
    };
    let found = heavy(move || sum_of_file(&path)).await?;
    Ok(match (found, wanted) {
        (None, _) => Observation::Missing(format!("not in {}", context.places.bin.display())),
        (Some(found), Some(wanted)) if found == wanted => Observation::Done(pin.version.clone()),
        _ => Observation::Wrong(format!(
            "the file in {} is not {} {}",
            context.places.bin.display(),
            tool.as_str(),
            pin.version
        )),
    })
}

pub(super) async fn apply(context: &Context, tool: Tool, reporter: &StepReporter) -> Result<()> {
    let file = context.tool_file(tool)?;
    if !may_replace(context, tool)? {
        let what = format!("{} is not a file of this program", context.tool_path(tool).display());
        return Err(Failure::new(FailureId::FileForeign, what).into());
    }
    let source = context.fetcher.fetch(&file.url, &file.sha256, reporter).await?;
    let _lock = context.fetcher.store().lock(&file.sha256).await?;
    let (member, target) = (file.member.clone(), context.tool_path(tool));
    let program = heavy(move || place_program(&source, member.as_deref(), &target)).await?;
    fs_err::write(mark(context, tool), program.as_str()).map_err(crate::failure::from_io)?;
    if file.member.is_some() {
        context.fetcher.store().remember_member(&file.sha256, &program)?;
    }
    runs(context, tool).await
}

/// Whether the file in the bin directory is ours to replace and to remove. In the person's own directory it is, if it
/// still is what we placed there.
pub(crate) fn may_replace(context: &Context, tool: Tool) -> Result<bool> {
    if !context.places.bin_is_shared {
        return Ok(true);
    }
    let Some(found) = sum_of_file(&context.tool_path(tool))? else { return Ok(true) };
    Ok(fs_err::read_to_string(mark(context, tool)).is_ok_and(|placed| placed == found.as_str()))
}

/// Holds the sum of the program that we placed beside it.
pub(crate) fn mark(context: &Context, tool: Tool) -> PathBuf {
    context.places.bin.join(format!(".{}.pgedge-bootstrap", tool.as_str()))
}

/// Runs the program once. What has the right bytes may still not run: a noexec mount, another processor.
async fn runs(context: &Context, tool: Tool) -> Result<()> {
    let (version, path) = (&context.pins.tool(tool)?.version, context.tool_path(tool));
    let arguments: &[&str] = match tool {
        Tool::Helm => &["version", "--template", "{{.Version}}"],
        Tool::Kind => &["version", "--quiet"],
        Tool::Kubectl => &["version", "--client", "--output", "json"],
        Tool::KubectlCnpg => &["version"],
    };
    let broken =
        |seen: String| Failure::new(FailureId::ToolBroken, format!("{} does not run", path.display())).evidence(seen);
    let answer = Command::new(&path, VERSION_ANSWER).args(arguments).finish().await.map_err(|error| {
        broken(crate::failure::of(&error).map_or_else(|| error.to_string(), |found| found.seen().join("\n")))
    })?;
    if !answer.status.success() {
        return Err(broken(format!("{}: {}", answer.status, answer.tail())).into());
    }
    let words = String::from_utf8_lossy(&answer.stdout);
    let found = match tool {
        Tool::Kubectl => {
            let json: serde_json::Value = serde_json::from_str(&words).unwrap_or_default();
            json["clientVersion"]["gitVersion"].as_str().unwrap_or_default().to_owned()
        }
        // Build: {Version:1.30.0 Commit:… Date:…}
        Tool::KubectlCnpg => words
            .split("Version:")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .unwrap_or_default()
            .to_owned(),
        Tool::Helm | Tool::Kind => words.trim().to_owned(),
    };
    if found.trim_start_matches('v') != version {
        return Err(broken(format!("it says that it is {found:?}, pinned is {version}")).into());
    }
    Ok(())
}
