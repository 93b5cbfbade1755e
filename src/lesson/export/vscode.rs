//! A walkthrough of Visual Studio Code, as an extension contributes it: its manifest, what its buttons run, and its pages.
//!
//! The form: <https://code.visualstudio.com/api/references/contribution-points#contributes.walkthroughs>.

mod inline;

use std::cell::Cell;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::super::{Content, Delivery, Lesson, LessonStep, Page};
use super::{Exported, fenced, markdown};

/// The extension's command that runs a command of a lesson in a terminal. It is told the lesson, the step and which of the
/// step's commands, from 0.
const RUN: &str = "pgedge-bootstrap.run";

/// Written by hand, but for the version and the walkthroughs.
const MANIFEST: &str = include_str!("../../../vscode-extension/package.json");

/// # Errors
/// The manifest is not JSON.
pub(super) fn contribution(lesson: &Lesson) -> Result<Vec<Exported>> {
    let mut files = vec![
        Exported::page("package.json", format!("{:#}\n", manifest(lesson)?)),
        Exported::page(format!("commands/{}.json", lesson.id), format!("{:#}\n", all_commands(lesson))),
    ];
    files.extend(lesson.steps.iter().map(|step| Exported::page(media(lesson, step), page(lesson, step))));
    Ok(files)
}

fn media(lesson: &Lesson, step: &LessonStep) -> String {
    format!("media/{}/{}.md", lesson.id, step.id)
}

/// A walkthrough has no page but those of its steps, so the first one begins with the introduction, and the last one ends
/// with what comes next.
fn page(lesson: &Lesson, step: &LessonStep) -> String {
    let page = |page: &Page, run: &dyn Fn(&str) -> String| {
        let text = markdown(page, Delivery::Vscode, run);
        format!("# {}\n\n{}\n", page.title, text.trim_end())
    };
    let number = Cell::new(0);
    let run = |code: &str| {
        let link = link(lesson, step, number.replace(number.get() + 1));
        format!("{}\n[Run it in the terminal]({link})\n", fenced("sh", code))
    };
    let show = |code: &str| fenced("sh", code);
    let mut pages = vec![page(&step.page, &run)];
    if lesson.steps.first().is_some_and(|first| first.id == step.id) {
        pages.insert(0, page(&lesson.introduction, &show));
    }
    if lesson.steps.last().is_some_and(|last| last.id == step.id) {
        pages.push(page(&lesson.finish, &show));
    }
    pages.join("\n")
}

fn manifest(lesson: &Lesson) -> Result<Value> {
    let mut manifest: Value = serde_json::from_str(MANIFEST).context("vscode-extension/package.json is not JSON")?;
    manifest["version"] = json!(env!("CARGO_PKG_VERSION"));
    manifest["contributes"]["walkthroughs"] = json!([walkthrough(lesson)]);
    Ok(manifest)
}

fn walkthrough(lesson: &Lesson) -> Value {
    let step = |step: &LessonStep| {
        json!({
            "id": step.id,
            "title": step.page.title,
            "description": description(lesson, step),
            "media": {"markdown": media(lesson, step)},
            // The extension sets it when `verify` says so. A click proves nothing.
            "completionEvents": [format!("onContext:{}", done(lesson, step))],
        })
    };
    json!({
        "id": lesson.id,
        "title": lesson.title,
        "description": lesson.summary,
        "steps": lesson.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// Where the extension finds the command behind a button.
fn all_commands(lesson: &Lesson) -> Value {
    lesson.steps.iter().map(|step| (step.id.clone(), json!(commands(step)))).collect::<Map<_, _>>().into()
}

fn done(lesson: &Lesson, step: &LessonStep) -> String {
    format!("pgedge-bootstrap.{}.{}.done", lesson.id, step.id)
}

fn commands(step: &LessonStep) -> Vec<&str> {
    let mut commands = Vec::new();
    for content in step.page.contents(Delivery::Vscode) {
        if let Content::Run(code) = content {
            commands.push(code.trim_end());
        }
    }
    commands
}

/// What stands beside the picture of a step, and is all that a narrow window shows: what leads to each command, and a button
/// for it, which is a link that is alone on its line.
fn description(lesson: &Lesson, step: &LessonStep) -> String {
    let mut lines = Vec::new();
    let mut lead = Vec::new();
    let mut number = 0;
    for content in step.page.contents(Delivery::Vscode) {
        match content {
            Content::Prose(text) => lead = inline::last(text),
            Content::Run(command) => {
                lines.append(&mut lead);
                lines.push(format!("[Run: {}]({})", label(command.trim_end()), link(lesson, step, number)));
                number += 1;
            }
            Content::Show { .. } | Content::Output(_) => {}
        }
    }
    lines.join("\n")
}

fn link(lesson: &Lesson, step: &LessonStep, number: usize) -> String {
    format!("command:{RUN}?{}", encoded(&json!([lesson.id, step.id, number]).to_string()))
}

/// As much of a narrow column as a button gets, in letters.
const LABEL: usize = 34;

/// The first words of a command, without what would end the label.
fn label(command: &str) -> String {
    let first = command.lines().next().unwrap_or_default();
    let mut label = String::new();
    for word in first.split_whitespace() {
        if !label.is_empty() && label.chars().count() + 1 + word.chars().count() > LABEL {
            break;
        }
        let gap = if label.is_empty() { "" } else { " " };
        label.push_str(gap);
        label.extend(word.chars().filter(|letter| !"[]".contains(*letter)));
    }
    let more = if label == command { "" } else { " …" };
    format!("{label}{more}")
}

/// Percent-encoded, as the query of a link.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_button_names_its_command_and_nothing_ends_it_early() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let step = lesson.step("configure").unwrap();
        let button =
            "[Run: cat values-demo.yaml](command:pgedge-bootstrap.run?%5B%22active-active%22%2C%22configure%22%2C1%5D)";
        assert_eq!(description(&lesson, step).lines().last(), Some(button));
        assert_eq!(label("echo [a]\nb"), "echo a …");
    }

    #[test]
    fn every_step_has_a_page_and_is_done_by_what_holds() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let files = contribution(&lesson).unwrap();
        let manifest: Value = serde_json::from_str(&files[0].text).unwrap();
        let steps = manifest["contributes"]["walkthroughs"][0]["steps"].as_array().unwrap();
        assert_eq!(steps.len(), lesson.steps.len());
        for step in steps {
            let media = step["media"]["markdown"].as_str().unwrap();
            assert!(files.iter().any(|file| file.path.to_str() == Some(media)), "{media}");
            let done = format!("onContext:pgedge-bootstrap.active-active.{}.done", step["id"].as_str().unwrap());
            assert_eq!(step["completionEvents"], json!([done]));
        }
    }

    #[test]
    fn the_pages_begin_with_the_introduction_and_end_with_what_comes_next() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let titles = |step: &LessonStep| -> Vec<String> {
            let page = page(&lesson, step);
            page.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
        };
        let steps = &lesson.steps;
        assert_eq!(titles(&steps[0]), [lesson.title.as_str(), &steps[0].page.title]);
        assert_eq!(titles(&steps[1]), [steps[1].page.title.as_str()]);
        assert_eq!(titles(&steps[steps.len() - 1]), [steps[steps.len() - 1].page.title.as_str(), &lesson.finish.title]);
    }

    #[test]
    fn the_extension_has_the_version_of_the_program() {
        let manifest: Value = serde_json::from_str(MANIFEST).unwrap();
        assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    }
}
