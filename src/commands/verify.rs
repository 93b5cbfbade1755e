//! `verify`: what holds and what does not, without changing anything.

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::Verdict;
use super::finding::Finding;
use crate::cli::{Output, Verify};
use crate::context::Context;
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
    let looks = steps.into_iter().map(|step| look(&context, step));
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
    id: StepId,
    title: &'static str,
    stage: Stage,
    #[serde(flatten)]
    finding: Finding,
}

async fn look(context: &Context, id: StepId) -> Result<Row> {
    Ok(Row { id, title: id.title(), stage: id.stage(), finding: Finding::of(context, id).await? })
}

impl Row {
    fn text(&self) -> String {
        let hint = self.finding.hint().map(|hint| format!("{:34}hint: {hint}\n", "")).unwrap_or_default();
        format!("{:<8}  {:<22}  {}\n{hint}", self.finding.state(), self.id.as_str(), self.finding.detail())
    }
}
