//! `verify`: what holds and what does not, without changing anything.

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::finding::Finding;
use super::{Verdict, lesson_check};
use crate::cli::{Output, Subject, Verify};
use crate::context::Context;
use crate::plan::Plan;
use crate::step::Stage;
use crate::ui;

pub(super) async fn run(arguments: &Verify) -> Result<Verdict> {
    let context = super::context(&arguments.common, Some(&arguments.shape))?;
    let subjects: Vec<Subject> = if arguments.subjects.is_empty() {
        Plan::until(context.options.provider, Stage::Deploy).steps().map(|step| Subject::Step(step.id)).collect()
    } else {
        arguments.subjects.clone()
    };
    let looks = subjects.into_iter().map(|subject| look(&context, subject));
    let rows: Vec<Row> = futures::future::try_join_all(looks).await?;
    let good = rows.iter().all(|row| row.finding.holds());
    match arguments.common.output {
        Output::Json => ui::print(&format!("{}\n", json!({"schema": 1, "ok": good, "steps": rows})))?,
        Output::Text => ui::print(&rows.iter().map(Row::text).collect::<String>())?,
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
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

async fn look(context: &Context, subject: Subject) -> Result<Row> {
    match subject {
        Subject::Step(id) => {
            let (name, title) = (id.as_str().to_owned(), id.title().to_owned());
            Ok(Row { id: name, title, stage: Some(id.stage()), finding: Finding::of(context, id).await? })
        }
        Subject::LessonStep { lesson, step } => {
            let mut checked = lesson_check::check(context, &step).await?;
            // What does not hold is what a person must know; where all holds, the last check says most.
            let index = checked.iter().position(|checked| !checked.finding.holds()).unwrap_or(checked.len() - 1);
            let finding = checked.swap_remove(index).finding;
            Ok(Row { id: format!("{lesson}/{}", step.id), title: step.page.title, stage: None, finding })
        }
    }
}

impl Row {
    fn text(&self) -> String {
        let hint = self.finding.hint().map(|hint| format!("{:34}hint: {hint}\n", "")).unwrap_or_default();
        format!("{:<8}  {:<22}  {}\n{hint}", self.finding.state(), self.id, self.finding.detail())
    }
}
