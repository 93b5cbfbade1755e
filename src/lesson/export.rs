//! A lesson as files of a delivery that is not this program.

mod killercoda;
mod vscode;
mod walkthrough;

use std::path::PathBuf;

use anyhow::Result;

use super::{Content, Delivery, Lesson, Page};

/// A file of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Below the folder of the delivery.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) is_program: bool,
}

impl Exported {
    fn page(path: impl Into<PathBuf>, text: String) -> Self {
        Self { path: path.into(), text, is_program: false }
    }
}

/// The files in which a delivery has a lesson; none for the one that is this program.
///
/// # Errors
/// What a delivery has beside the lesson is not in its form.
pub(crate) fn export(lesson: &Lesson, delivery: Delivery) -> Result<Vec<Exported>> {
    Ok(match delivery {
        Delivery::Guide => Vec::new(),
        Delivery::Killercoda => killercoda::scenario(lesson),
        Delivery::Walkthrough => vec![Exported::page("WALKTHROUGH.md", walkthrough::document(lesson))],
        Delivery::Vscode => vscode::contribution(lesson)?,
    })
}

/// A page as Markdown for a delivery, each block followed by an empty line. `run` writes a command for the person to run.
fn markdown(page: &Page, delivery: Delivery, run: impl Fn(&str) -> String) -> String {
    let block = |content: &Content| match content {
        Content::Prose(text) => format!("{text}\n"),
        Content::Run(code) => format!("{}\n", run(code)),
        Content::Show { language, text } => format!("{}\n", fenced(language, text)),
        Content::Output(text) => format!("{}\n", fenced("text", text)),
    };
    page.contents(delivery).map(block).collect()
}

/// Between fences that are longer than any in the code.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}{language}\n{code}{fence}\n")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    /// `pgedge-bootstrap tutorial export FORM --to FOLDER` writes them.
    #[test]
    fn what_is_in_the_repository_is_the_lesson() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [
            (Delivery::Walkthrough, "."),
            (Delivery::Killercoda, "killercoda"),
            (Delivery::Vscode, "vscode-extension"),
        ];
        for (delivery, folder) in folders {
            for file in export(&lesson, delivery).unwrap() {
                let path = root.join(folder).join(&file.path);
                assert_eq!(fs_err::read_to_string(&path).unwrap(), file.text, "{}", path.display());
                let mode = fs_err::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o111 != 0, file.is_program, "{}", path.display());
            }
        }
    }

    #[test]
    fn code_with_fences_in_it_stands_between_longer_ones() {
        assert_eq!(fenced("text", "```\na\n```\n"), "````text\n```\na\n```\n````\n");
    }
}
