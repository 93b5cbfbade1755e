//! Whether a lesson can begin: what must hold before its first command works.

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};

use crate::commands::survey::survey;
use crate::context::Context;
use crate::lesson::Lesson;
use crate::plan;

/// # Errors
/// [`FailureId::LessonNotPrepared`] with what is missing.
pub(super) async fn check(context: &Context, lesson: &Lesson) -> Result<()> {
    let found = survey(context, &plan::lesson(&context.stack, context.options.provider, lesson.begins)).await?;
    let missing: Vec<String> = found
        .iter()
        .filter(|(_, finding)| !finding.holds())
        .map(|(step, finding)| format!("{step}: {}", finding.detail()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("the lesson {:?} cannot begin: its cluster is not prepared", lesson.title);
    let failure = Failure::new(FailureId::LessonNotPrepared, what).evidence(missing.join("\n"));
    let advice = hint![Ours::UpUntil(lesson.begins), " prepares a cluster for it"];
    Err(failure.hint(advice).into())
}
