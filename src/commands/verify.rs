//! `verify`: what holds and what does not, without changing anything.

use anyhow::Result;
use serde_json::json;

use super::Verdict;
use crate::cli::{Output, Verify};
use crate::failure;
use crate::plan::Plan;
use crate::step::{Stage, StepId};
use crate::ui;

pub(super) async fn run(arguments: &Verify) -> Result<Verdict> {
    let context = super::context(&arguments.common, Some(&arguments.shape))?;
    let steps: Vec<StepId> = if arguments.steps.is_empty() {
        Plan::until(Stage::Deploy).steps().map(|step| step.id).collect()
    } else {
        arguments.steps.clone()
    };
    let looks = steps.iter().map(|step| super::look(&context, *step));
    let found = futures::future::join_all(looks).await;
    let mut good = true;
    let mut rows = Vec::new();
    for (step, look) in steps.into_iter().zip(found) {
        let row = match look {
            Ok(observation) => {
                Row { step, word: observation.word(), detail: observation.detail().to_owned(), id: None, hint: None }
            }
            Err(error) => match failure::of(&error) {
                Some(found) => {
                    let seen = found.seen().first().map(|seen| format!(": {seen}")).unwrap_or_default();
                    let detail = format!("{}{seen}", found.summary());
                    Row { step, word: "failed", detail, id: Some(found.id().as_str()), hint: Some(found.advice()) }
                }
                None => return Err(error),
            },
        };
        good &= row.word == "done";
        rows.push(row);
    }
    match arguments.common.output {
        Output::Json => ui::print(&format!(
            "{}\n",
            json!({"schema": 1, "ok": good, "steps": rows.iter().map(Row::json).collect::<Vec<_>>()})
        ))?,
        Output::Text => ui::print(&rows.iter().map(Row::text).collect::<String>())?,
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

struct Row {
    step: StepId,
    word: &'static str,
    detail: String,
    id: Option<&'static str>,
    hint: Option<String>,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        json!({
            "id": self.step, "title": self.step.title(), "stage": self.step.stage(), "state": self.word, "detail": self.detail,
            "failure": self.id, "hint": self.hint,
        })
    }

    fn text(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("{:34}hint: {hint}\n", "")).unwrap_or_default();
        format!("{:<8}  {:<22}  {}\n{hint}", self.word, self.step.as_str(), self.detail)
    }
}
