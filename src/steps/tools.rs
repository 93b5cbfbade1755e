//! The tools: the pinned files, in the bin directory, and they run.

use std::path::{Path, PathBuf};

use anyhow::Result;
use bootstrap_fetch::download::{place_program, sum_of_file};
use bootstrap_fetch::sum::Sha256;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::file;
use bootstrap_run::process::excerpt;
use bootstrap_run::step::Observation;
use bootstrap_run::work::heavy;

use crate::context::Context;
use crate::patience;
use crate::stack::{Program, ToolName};
use crate::tools::program;

/// The program in the bin directory is the one that came out of the pinned file, byte for byte.
pub(super) async fn observe(context: &Context, tool: ToolName) -> Result<Observation> {
    let (pin, file, path) = (context.stack.pins.tool(tool)?, context.tool_file(tool)?, context.tool_place(tool));
    let wanted = match file.member {
        None => Some(file.sha256.clone()),
        Some(_) => context.store.member_of(&file.sha256),
    };
    let found = heavy(move || sum_of_file(&path)).await?;
    if context.is_adopted()
        && found.as_ref() != wanted.as_ref()
        && let Some(there) = suiting(context, tool).await?
    {
        return Ok(Observation::Done(there));
    }
    let place = context.tool_place(tool);
    if found.is_some() && rustix::fs::access(&place, rustix::fs::Access::EXEC_OK).is_err() {
        return Ok(Observation::Wrong(format!("{} is not executable", place.display())));
    }
    Ok(match (found, wanted) {
        (None, _) => Observation::Missing(format!("not in {}", context.places.bin.display())),
        (Some(found), Some(wanted)) if found == wanted => Observation::Done(pin.version.clone()),
        _ => Observation::Wrong(format!("the file in {} is not {tool} {}", context.places.bin.display(), pin.version)),
    })
}

pub(super) async fn apply(context: &Context, tool: ToolName, reporter: &StepReporter) -> Result<()> {
    let file = context.tool_file(tool)?;
    if !context.is_adopted() && !may_replace(context, tool)? {
        let what = format!("{} is not a file of this program", context.tool_place(tool).display());
        return Err(Failure::new(FailureId::FileForeign, what).into());
    }
    let source = context.fetcher()?.fetch(&file.url, &file.sha256, reporter).await?;
    let store = context.store.clone();
    let lock = store.lock(&file.sha256).await?;
    if context.is_adopted() {
        move_aside(context, tool)?;
    }
    let (target, mark) = (context.tool_place(tool), mark(context, tool));
    // All in one piece of work, with the lock: it goes on when the run is cancelled meanwhile.
    heavy(move || {
        let _lock = lock;
        place_program(&source, file.member.as_deref(), &target, |program| {
            if file.member.is_some() {
                store.remember_member(&file.sha256, program)?;
            }
            write_mark(&mark, &target, program)
        })
    })
    .await?;
    runs(context, tool).await
}

/// Marks a program as ours before it is in its place, and leaves the one that is there marked: a run may end at any
/// moment.
fn write_mark(mark: &Path, target: &Path, program: &Sha256) -> Result<()> {
    let mut sums = vec![program.clone()];
    sums.extend(sum_of_file(target)?.filter(|found| is_marked(mark, found)));
    let lines: Vec<&str> = sums.iter().map(Sha256::as_str).collect();
    file::replace(mark, lines.join("\n").as_bytes(), file::PUBLIC)
}

fn is_marked(mark: &Path, program: &Sha256) -> bool {
    file::read_text(mark).is_ok_and(|marked| marked.lines().any(|line| line == program.as_str()))
}

/// Whether the file in the bin directory is ours to replace and to remove. In the person's own directory it is, if it
/// still is what we placed there.
pub(crate) fn may_replace(context: &Context, tool: ToolName) -> Result<bool> {
    if !context.places.bin_is_shared {
        return Ok(true);
    }
    let Some(found) = sum_of_file(&context.tool_place(tool))? else { return Ok(true) };
    Ok(is_marked(&mark(context, tool), &found))
}

/// Holds the sums of the programs that we placed beside it, the newest first.
pub(crate) fn mark(context: &Context, tool: ToolName) -> PathBuf {
    context.places.bin.join(format!(".{}.pgedge-bootstrap", tool.as_str()))
}

/// Runs the program once. What has the right bytes may still not run: a noexec mount, another processor.
async fn runs(context: &Context, tool: ToolName) -> Result<()> {
    let (version, path) = (&context.stack.pins.tool(tool)?.version, context.tool_path(tool));
    let Some(program) = context.stack.programs.get(&tool) else { return Ok(()) };
    let found = version_of(context, tool, program, &path).await?;
    if found.trim_start_matches('v') != version {
        let what = format!("{} does not run", path.display());
        let seen = format!("it says that it is {:?}, pinned is {version}", excerpt(found.as_bytes()));
        return Err(Failure::new(FailureId::ToolBroken, what).evidence(seen).into());
    }
    Ok(())
}

/// What a program says that it is.
///
/// # Errors
/// [`FailureId::ToolBroken`] if it does not run.
async fn version_of(context: &Context, tool: ToolName, asked: &Program, path: &Path) -> Result<String> {
    let command = match tool {
        ToolName::HELM => program::helm(path, &context.places.helm(), patience::TOOL_TELLS_VERSION),
        ToolName::KIND => program::kind(path, patience::TOOL_TELLS_VERSION),
        _ => program::kubectl(path, patience::TOOL_TELLS_VERSION),
    };
    let broken =
        |seen: String| Failure::new(FailureId::ToolBroken, format!("{} does not run", path.display())).evidence(seen);
    let answer = command.args(&asked.version_arguments).finish().await.map_err(|error| {
        broken(bootstrap_run::failure::of(&error).map_or_else(|| error.to_string(), |found| found.seen().join("\n")))
    })?;
    if !answer.status.success() {
        return Err(broken(format!("{}: {}", answer.status, answer.tail())).into());
    }
    Ok(asked.version_in(&String::from_utf8_lossy(&answer.stdout)))
}

// ---- the tools of a machine whose cluster was adopted ----

/// A program that is on such a machine already, and will do: a kubectl, which came with its cluster, and anything else of
/// the pinned version.
async fn suiting(context: &Context, tool: ToolName) -> Result<Option<String>> {
    let path = context.tool_path(tool);
    if !path.exists() {
        return Ok(None);
    }
    let Some(program) = context.stack.programs.get(&tool) else { return Ok(None) };
    let Ok(found) = version_of(context, tool, program, &path).await else { return Ok(None) };
    let found = found.trim_start_matches('v');
    let suits =
        if tool == ToolName::KUBECTL { is_a_version(found) } else { found == context.stack.pins.tool(tool)?.version };
    Ok(suits.then(|| format!("{found}, of this machine: {}", path.display())))
}

/// `1.34.2+k3s1`: what does not tell this is not kubectl, whatever it tells.
fn is_a_version(words: &str) -> bool {
    let mut parts = words.split('.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u16>().is_ok());
    let digits = |part: &str| part.starts_with(|letter: char| letter.is_ascii_digit());
    is_number(parts.next()) && is_number(parts.next()) && parts.next().is_some_and(digits) && words.len() < 64
}

/// What is in the way there is kept beside it: the machine was given to us with its cluster.
fn move_aside(context: &Context, tool: ToolName) -> Result<()> {
    let path = context.tool_place(tool);
    if !path.exists() || may_replace(context, tool)? {
        return Ok(());
    }
    let named = |number: usize| {
        let count = if number == 0 { String::new() } else { format!("-{number}") };
        context.places.bin.join(format!("{}.before-pgedge-bootstrap{count}", tool.as_str()))
    };
    let aside = (0..).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| named(0));
    fs_err::rename(&path, aside).map_err(bootstrap_run::failure::from_io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubectl_says_of_itself_is_a_version_or_it_is_no_kubectl() {
        for version in ["1.34.10", "1.33.2+k3s1", "1.36.0-rc.1", "1.28.15-eks-4096722"] {
            assert!(is_a_version(version), "{version}");
        }
        for other in ["", "hello", "1", "1.34", "one.two.three", "1.34.", "..", "v1.34.1", "1.34.x", &"1.".repeat(99)] {
            assert!(!is_a_version(other), "{other}");
        }
    }
}
