//! Where a person is in a lesson, kept with the cluster: it goes when the cluster goes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bootstrap_run::failure;
use serde::{Deserialize, Serialize};

use crate::lesson::Lesson;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// From 0.
    pub(super) step: usize,
    /// How many pieces of the step were read and done.
    pub(super) done: usize,
}

/// As it is written: steps by their names, for their numbers may change with the lesson.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    step: String,
    done: usize,
}

impl Place {
    pub(super) fn file(state: &Path, lesson: &str) -> PathBuf {
        state.join(format!("guide-{lesson}.json"))
    }

    /// `None` if the lesson was not begun. What cannot be read was written by another edition: it begins anew.
    pub(super) fn read(file: &Path, lesson: &Lesson) -> Option<Self> {
        let written: Written = serde_json::from_str(&bootstrap_run::file::read_text(file).ok()?).ok()?;
        let step = lesson.steps.iter().position(|step| step.id == written.step)?;
        Some(Self { step, done: written.done })
    }

    pub(super) fn write(self, file: &Path, lesson: &Lesson) -> Result<()> {
        let step = lesson.steps.get(self.step).context("the place is in the lesson")?.id.clone();
        bootstrap_run::file::replace(
            file,
            &serde_json::to_vec(&Written { step, done: self.done })?,
            bootstrap_run::file::PRIVATE,
        )
    }

    pub(super) fn forget(file: &Path) -> Result<()> {
        failure::ignore_missing(fs_err::remove_file(file))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_and_forgotten() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let state = tempfile::tempdir().unwrap();
        let file = Place::file(&state.path().join("not-there-yet"), &lesson.id);
        assert_eq!(Place::read(&file, &lesson), None);
        let place = Place { step: 3, done: 2 };
        place.write(&file, &lesson).unwrap();
        assert_eq!(Place::read(&file, &lesson), Some(place));
        Place::forget(&file).unwrap();
        Place::forget(&file).unwrap();
        assert_eq!(Place::read(&file, &lesson), None);
    }

    #[test]
    fn a_place_of_another_edition_begins_anew() {
        let lesson = crate::lesson::find("active-active").unwrap();
        let state = tempfile::tempdir().unwrap();
        let file = Place::file(state.path(), &lesson.id);
        for text in ["", "{}", r#"{"step": "gone", "done": 0}"#] {
            fs_err::write(&file, text).unwrap();
            assert_eq!(Place::read(&file, &lesson), None, "{text}");
        }
    }
}
