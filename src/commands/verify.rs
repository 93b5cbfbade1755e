//! `verify`: what holds and what does not, without changing anything.

use anyhow::Result;
use bootstrap_run::failure::{Invocation, first_cause};
use bootstrap_run::step::Stage;
use bootstrap_screen::ui;
use serde::Serialize;
use serde_json::json;

use super::finding::Finding;
use super::survey::survey;
use super::{Verdict, lesson_check};
use crate::cli::{self, Output, Subject, Verify};
use crate::context::Context;
use crate::lesson::LessonStep;
use crate::plan;
use crate::stack::Stack;
use crate::step_id::StepId;

pub(super) async fn run(arguments: &Verify, given: &Invocation) -> Result<Verdict> {
    let context = super::located_context(&arguments.common, Some(&arguments.shape), given).await?;
    let rows: Vec<Row> = if arguments.subjects.is_empty() {
        let found = survey(&context, &plan::until(&context.stack, context.options.provider, Stage::Deploy)).await?;
        found.into_iter().map(|(step, finding)| Row::of_step(&context.stack, step, finding)).collect()
    } else {
        // What is named is answered by itself, whatever it stands on.
        let wanted = arguments.subjects.iter().map(|subject| wanted(subject, &context.stack));
        let looks = wanted.collect::<Result<Vec<_>>>()?.into_iter().map(|subject| look(&context, subject));
        futures::future::try_join_all(looks).await?
    };
    let good = rows.iter().all(|row| row.finding.holds());
    let failure = first_cause(rows.iter().filter_map(|row| row.finding.failure()));
    match arguments.common.output {
        Output::Json => {
            let document = json!({"schema": 1, "ok": good, "failure": failure, "steps": rows});
            ui::print(&format!("{document}\n"))?;
        }
        Output::Text => ui::print(&in_lines(&rows))?,
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// What is looked at.
enum Wanted {
    Step(StepId),
    LessonStep { lesson: String, step: LessonStep },
}

/// # Errors
/// A usage error: the stack has no step of this name.
fn wanted(subject: &Subject, stack: &Stack) -> Result<Wanted> {
    let name = match subject {
        Subject::LessonStep { lesson, step } => {
            return Ok(Wanted::LessonStep { lesson: lesson.clone(), step: step.clone() });
        }
        Subject::Step(name) => name,
    };
    match StepId::parse(name, stack) {
        Some(StepId::Proof) => Err(cli::proof_is_no_look().into()),
        Some(step) => Ok(Wanted::Step(step)),
        None => {
            let known = StepId::all(stack).into_iter().filter(|step| *step != StepId::Proof);
            let known: Vec<&str> = known.map(StepId::as_str).collect();
            Err(cli::wrong_value(name, &format!("the steps are: {}", known.join(", "))).into())
        }
    }
}

/// The columns of the longest state, and one more: `missing`, `waiting` or `blocked`.
const STATE: usize = 8;

fn in_lines(rows: &[Row]) -> String {
    let widest = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    rows.iter().map(|row| row.text(widest)).collect()
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    title: String,
    /// None of a step of a lesson.
    stage: Option<Stage>,
    #[serde(flatten)]
    finding: Finding,
}

async fn look(context: &Context, subject: Wanted) -> Result<Row> {
    match subject {
        Wanted::Step(step) => Ok(Row::of_step(&context.stack, step, Finding::of(context, step).await?)),
        Wanted::LessonStep { lesson, step } => {
            let mut checked = lesson_check::check(context, &step).await?;
            // What does not hold is what a person must know; where all holds, the last check says most.
            let index = checked.iter().position(|checked| !checked.finding.holds()).unwrap_or(checked.len() - 1);
            let finding = checked.swap_remove(index).finding;
            Ok(Row { id: format!("{lesson}/{}", step.id), title: step.page.title, stage: None, finding })
        }
    }
}

impl Row {
    fn of_step(stack: &Stack, step: StepId, finding: Finding) -> Self {
        let (id, title) = (step.as_str().to_owned(), step.title(stack));
        Self { id, title, stage: Some(step.stage()), finding }
    }

    /// A line whose ids have so many columns, and one for the hint.
    fn text(&self, width: usize) -> String {
        let indent = STATE + 2 + width + 2;
        let hint = self.finding.hint().map(|hint| format!("{:indent$}hint: {hint}\n", "")).unwrap_or_default();
        format!("{:<STATE$}  {:<width$}  {}\n{hint}", self.finding.state(), self.id, self.finding.detail())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use bootstrap_run::step::Observation;

    #[test]
    fn the_details_of_every_step_begin_in_one_column() {
        let row = |step: StepId| {
            let finding = Finding::from_look(Ok(Observation::Done("@".to_owned())), &Invocation::default()).unwrap();
            Row::of_step(Stack::pgedge().unwrap(), step, finding)
        };
        let steps = StepId::all(Stack::pgedge().unwrap());
        let rows: Vec<Row> = steps.iter().copied().map(row).collect();
        let columns: Vec<usize> = in_lines(&rows).lines().map(|line| line.find('@').unwrap()).collect();
        assert_eq!(columns.len(), steps.len());
        assert!(columns.iter().all(|column| *column == columns[0]), "{}", in_lines(&rows));
    }
}
