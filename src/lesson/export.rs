//! A lesson as files of a delivery that is not this program.

use super::{Content, Delivery, Lesson, Page};

/// One document with everything in it. Its commands are for one shell, from the first to the last.
pub(crate) fn walkthrough(lesson: &Lesson) -> String {
    let id = &lesson.id;
    let mut text = format!("# {}\n\n{}\n\n", lesson.title, lesson.summary);
    text.push_str(&format!("About {} minutes. ", lesson.minutes));
    text.push_str(&format!("`pgedge-bootstrap guide {id}` is the same in a terminal, one command at a time.\n\n"));
    text.push_str(&markdown(&lesson.introduction));
    for (index, step) in lesson.steps.iter().enumerate() {
        text.push_str(&format!("## {}. {}\n\n{}", index + 1, step.page.title, markdown(&step.page)));
        text.push_str(&format!("Done? This tells: `pgedge-bootstrap verify {id}/{}`\n\n", step.id));
    }
    text.push_str(&format!("## {}\n\n{}", lesson.finish.title, markdown(&lesson.finish)));
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// A page as plain Markdown, each block followed by an empty line.
fn markdown(page: &Page) -> String {
    let block = |content: &Content| match content {
        Content::Prose(text) => format!("{text}\n"),
        Content::Run(code) => fenced("sh", code),
        Content::Show { language, text } => fenced(language, text),
        Content::Output(text) => fenced("text", text),
    };
    page.contents(Delivery::Walkthrough).map(block).collect()
}

/// Between fences that are longer than any in the code.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}{language}\n{code}{fence}\n\n")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// `pgedge-bootstrap tutorial export walkthrough --to .` writes it.
    #[test]
    fn the_walkthrough_in_the_repository_is_the_lesson() {
        let lesson = crate::lesson::find("active-active").unwrap();
        assert_eq!(walkthrough(&lesson), include_str!("../../WALKTHROUGH.md"));
    }

    #[test]
    fn code_with_fences_in_it_stands_between_longer_ones() {
        assert_eq!(fenced("text", "```\na\n```\n"), "````text\n```\na\n```\n````\n\n");
    }
}
