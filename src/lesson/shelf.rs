//! The lessons that are compiled in.

use anyhow::{Context as _, Result};

use super::Lesson;
use super::parse::{self, Source};

/// The files of a lesson, in the order in which they are read.
macro_rules! lesson {
    ($id:literal: $($file:literal)*) => {
        ($id, &[$(Source {
            path: concat!("tutorial/", $id, "/", $file),
            text: include_str!(concat!("../../tutorial/", $id, "/", $file)),
        }),*])
    };
}

const SHELF: &[(&str, &[Source<'static>])] = &[lesson!("active-active":
    "lesson.md"
    "1-orient.md" "2-bootstrap.md" "3-configure.md" "4-deploy.md" "5-health.md" "6-prove.md"
    "finish.md"
)];

/// The lesson of this name.
///
/// # Errors
/// There is none; the error names those that there are.
pub(crate) fn find(id: &str) -> Result<Lesson> {
    let (id, sources) = SHELF.iter().find(|(known, _)| *known == id).with_context(|| {
        let known: Vec<&str> = SHELF.iter().map(|(id, _)| *id).collect();
        format!("there is no lesson {id:?}; the lessons are: {}", known.join(", "))
    })?;
    parse::lesson(id, sources)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_lesson_is_whole() {
        for (id, _) in SHELF {
            assert_eq!(find(id).unwrap().id, *id);
        }
    }

    #[test]
    fn every_file_under_tutorial_is_on_the_shelf() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tutorial");
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs_err::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let lessons = names(&root).into_iter().filter(|name| root.join(name).is_dir());
        let here: BTreeSet<String> = lessons
            .flat_map(|lesson| {
                names(&root.join(&lesson)).into_iter().map(move |file| format!("tutorial/{lesson}/{file}"))
            })
            .collect();
        let known = SHELF.iter().flat_map(|(_, sources)| sources.iter().map(|source| source.path.to_owned()));
        assert_eq!(here, known.collect());
    }

    #[test]
    fn a_lesson_that_is_not_there_is_told_with_those_that_are() {
        let error = find("nothing").unwrap_err();
        assert_eq!(error.to_string(), "there is no lesson \"nothing\"; the lessons are: active-active");
    }
}
