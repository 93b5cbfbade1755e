//! `up --dry-run`: the plan, and what of it holds already. Changes nothing.

use std::time::Duration;

use anyhow::Result;
use bootstrap_engine as engine;
use bootstrap_run::duration::in_words;
use bootstrap_run::event::Adopted;
use bootstrap_run::failure::{Failure, FailureId, first_cause};
use bootstrap_run::lock;
use bootstrap_run::step::Stage;
use bootstrap_screen::ui;
use serde::{Serialize, Serializer};

use super::Verdict;
use super::finding::Finding;
use super::survey::survey;
use crate::cli::Output;
use crate::context::Context;
use crate::plan::Plan;
use crate::step_id::StepId;

/// A step of the plan and what a look at it found.
#[derive(Debug, Serialize)]
struct Row {
    id: StepId,
    title: String,
    stage: Stage,
    needs: Vec<StepId>,
    yields_to: Vec<StepId>,
    /// The longest that making it true may take.
    #[serde(rename = "deadline_seconds", serialize_with = "seconds")]
    deadline: Duration,
    #[serde(flatten)]
    finding: Finding,
}

/// Gives a look up after its deadline, if it has one.
///
/// # Errors
/// [`FailureId::RunDeadline`], and those of the look.
pub(super) async fn within(deadline: Option<Duration>, look: impl Future<Output = Result<Verdict>>) -> Result<Verdict> {
    let Some(deadline) = deadline else { return look.await };
    tokio::time::timeout(deadline, look).await.unwrap_or_else(|_| {
        let what = format!("the look's deadline of {} has passed", in_words(deadline));
        let hint = "run this again with a longer --deadline, or without one";
        Err(Failure::new(FailureId::RunDeadline, what).hint(hint).into())
    })
}

/// Bad if a look failed: what is only to do is no failure. `adopted`: the cluster, if it is one that was there before and is known.
pub(super) async fn run(context: &Context, plan: &Plan, adopted: Option<Adopted>, output: Output) -> Result<Verdict> {
    let found = survey(context, plan).await?;
    let rows = plan.rows().zip(found).map(|(row, (_, finding))| Row::of(plan, row, finding.of_a_run(context)));
    let rows: Vec<Row> = rows.collect();
    let in_progress = lock::holder(&context.places.state);
    let failure = first_cause(rows.iter().filter_map(|row| row.finding.failure()));
    let good = failure.is_none();
    match output {
        Output::Json => {
            let cluster = context.options.name.as_str();
            let document = serde_json::json!({
                "schema": 1, "cluster": cluster, "ok": good, "failure": failure, "in_progress": in_progress,
                "adopted": adopted, "steps": rows,
            });
            ui::print(&format!("{document}\n"))?;
        }
        Output::Text => {
            ui::print(&tree(&rows))?;
            if let Some(holder) = in_progress {
                ui::say_paragraph(&format!(
                    "another run is changing this cluster: {holder}. These results may be outdated."
                ));
            }
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

fn seconds<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(length.as_secs())
}

impl Row {
    fn of(plan: &Plan, row: &engine::Row<StepId>, finding: Finding) -> Self {
        Self {
            id: row.id,
            title: row.title.clone(),
            stage: row.stage,
            needs: plan.planned(&row.needs).into_iter().collect(),
            yields_to: plan.planned(&row.yields_to).into_iter().collect(),
            deadline: row.deadline,
            finding,
        }
    }
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
    text + &advice(rows)
}

/// What to do about the looks that failed: each hint once, with the steps that it is for.
fn advice(rows: &[Row]) -> String {
    let mut hints: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in rows {
        let Some(hint) = row.finding.hint() else { continue };
        match hints.iter_mut().find(|(known, _)| *known == hint) {
            Some((_, steps)) => steps.push(row.id.as_str()),
            None => hints.push((hint, vec![row.id.as_str()])),
        }
    }
    hints.iter().map(|(hint, steps)| format!("hint for {}: {hint}\n", steps.join(", "))).collect()
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
    order.push(format!("at most {}", in_words(row.deadline)));
    let mark = if finding.failed() { "✗" } else { "·" };
    format!("{mark} {id:<24} {seen} ({})", order.join("; "))
}
