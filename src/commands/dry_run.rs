//! `up --dry-run`: the plan, and what of it holds already. Changes nothing.

use anyhow::Result;
use serde::Serialize;

use super::Verdict;
use super::finding::Finding;
use crate::cli::Output;
use crate::context::Context;
use crate::options::in_words;
use crate::plan::{Plan, Step};
use crate::step::{Stage, StepId};
use crate::ui;

/// A step of the plan and what a look at it found.
#[derive(Debug, Serialize)]
struct Row {
    id: StepId,
    title: &'static str,
    stage: Stage,
    needs: Vec<StepId>,
    yields_to: Vec<StepId>,
    /// The longest that making it true may take.
    deadline_seconds: u64,
    #[serde(flatten)]
    finding: Finding,
}

pub(super) async fn run(context: &Context, plan: &Plan, output: Output) -> Result<Verdict> {
    let looks = plan.steps().map(|step| look(context, plan, step));
    let rows: Vec<Row> = futures::future::try_join_all(looks).await?;
    match output {
        Output::Json => {
            let document = serde_json::json!({"schema": 1, "cluster": context.options.name.as_str(), "steps": rows});
            ui::print(&format!("{document}\n"))?;
        }
        Output::Text => ui::print(&tree(&rows))?,
    }
    Ok(Verdict::Good)
}

async fn look(context: &Context, plan: &Plan, step: &Step) -> Result<Row> {
    Ok(Row {
        id: step.id,
        title: step.id.title(),
        stage: step.id.stage(),
        needs: plan.planned(&step.needs).into_iter().collect(),
        yields_to: plan.planned(&step.yields_to).into_iter().collect(),
        deadline_seconds: step.id.deadline().as_secs(),
        finding: Finding::of(context, step.id).await?,
    })
}

/// ```text
/// cluster
/// ├── ✓ docker                  28.0, 4 CPUs
/// └── · cluster                  missing: there is no cluster "pgedge" (after kind, node-image; at most 10 min)
/// ```
fn tree(rows: &[Row]) -> String {
    let mut stages: Vec<Stage> = rows.iter().map(|row| row.stage).collect();
    stages.sort();
    stages.dedup();
    let mut text = String::new();
    for stage in stages {
        text.push_str(&format!("{}\n", stage.as_str()));
        let rows: Vec<&Row> = rows.iter().filter(|row| row.stage == stage).collect();
        for (number, row) in rows.iter().enumerate() {
            let branch = if number + 1 == rows.len() { "└──" } else { "├──" };
            text.push_str(&format!("{branch} {}\n", line(row)));
        }
    }
    let to_do = rows.iter().filter(|row| !row.finding.holds()).count();
    text.push_str(&match to_do {
        0 => "\neverything holds; nothing was changed\n".to_owned(),
        1 => format!("\n1 of {} steps is to do; nothing was changed\n", rows.len()),
        _ => format!("\n{to_do} of {} steps are to do; nothing was changed\n", rows.len()),
    });
    text
}

fn line(row: &Row) -> String {
    let (id, finding) = (row.id.as_str(), &row.finding);
    let seen = format!("{}: {}", finding.state(), finding.detail());
    if finding.holds() {
        return format!("✓ {id:<24} {}", finding.detail());
    }
    let words = |steps: &[StepId]| steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ");
    let mut order = Vec::new();
    if !row.needs.is_empty() {
        order.push(format!("after {}", words(&row.needs)));
    }
    if !row.yields_to.is_empty() {
        order.push(format!("yields to {}", words(&row.yields_to)));
    }
    order.push(format!("at most {}", in_words(row.id.deadline())));
    let mark = if finding.failed() { "✗" } else { "·" };
    format!("{mark} {id:<24} {seen} ({})", order.join("; "))
}
