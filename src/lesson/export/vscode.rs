//! A walkthrough of Visual Studio Code, as an extension contributes it: its manifest's part, and the pages beside it.
//!
//! The form: <https://code.visualstudio.com/api/references/contribution-points#contributes.walkthroughs>.

use serde_json::{Value, json};

use super::super::{Content, Delivery, Lesson, LessonStep, Page};
use super::{Exported, fenced, markdown};

/// The extension's command that runs a command of a lesson in a terminal. It is told the lesson, the step and which of the
/// step's commands, from 0.
const RUN: &str = "pgedge-bootstrap.run";

pub(super) fn contribution(lesson: &Lesson) -> Vec<Exported> {
    let walkthrough = format!("{:#}\n", walkthrough(lesson));
    let mut files = vec![Exported::page("walkthrough.json", walkthrough)];
    files.extend(lesson.steps.iter().map(|step| Exported::page(media(lesson, step), page(&step.page))));
    files
}

fn media(lesson: &Lesson, step: &LessonStep) -> String {
    format!("media/{}/{}.md", lesson.id, step.id)
}

fn page(page: &Page) -> String {
    let text = markdown(page, Delivery::Vscode, |code| fenced("sh", code));
    format!("# {}\n\n{}\n", page.title, text.trim_end())
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
        // For the extension, which finds the command behind a button here.
        "commands": lesson.steps.iter().map(|step| (step.id.clone(), json!(commands(step)))).collect::<serde_json::Map<_, _>>(),
    })
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

/// A button for every command: a link that is alone on its line.
fn description(lesson: &Lesson, step: &LessonStep) -> String {
    let button = |(number, command): (usize, &str)| {
        let arguments = json!([lesson.id, step.id, number]).to_string();
        format!("[{}](command:{RUN}?{})", label(command), encoded(&arguments))
    };
    commands(step).into_iter().enumerate().map(button).collect::<Vec<_>>().join("\n")
}

/// The first line of a command, without what would end the label.
fn label(command: &str) -> String {
    let first = command.lines().next().unwrap_or_default();
    let label: String = first.chars().filter(|letter| !"[]".contains(*letter)).take(60).collect();
    let more = if label.len() < command.len() { " …" } else { "" };
    format!("Run: {label}{more}")
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
        let step = lesson.step("orient").unwrap();
        let button =
            "[Run: kubectl get nodes](command:pgedge-bootstrap.run?%5B%22active-active%22%2C%22orient%22%2C0%5D)";
        assert_eq!(description(&lesson, step), button);
        assert_eq!(label("echo [a]\nb"), "Run: echo a …");
    }

    #[test]
    fn every_step_has_a_page_and_is_done_by_what_holds() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let files = contribution(&lesson);
        let walkthrough: Value = serde_json::from_str(&files[0].text).unwrap();
        for step in walkthrough["steps"].as_array().unwrap() {
            let media = step["media"]["markdown"].as_str().unwrap();
            assert!(files.iter().any(|file| file.path.to_str() == Some(media)), "{media}");
            let events = step["completionEvents"].as_array().unwrap();
            assert!(events.len() == 1 && events[0].as_str().unwrap().starts_with("onContext:"), "{events:?}");
        }
    }
}
