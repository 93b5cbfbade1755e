//! `up`: everything, to the proof.

mod adopt;

use std::sync::Arc;

use anyhow::Result;

use super::run::Run;
use super::{Verdict, turn};
use crate::adoption::Adoption;
use crate::cli::{Output, Up};
use crate::converge::Deadline;
use crate::options::Provider;
use crate::plan::Plan;
use crate::step::Stage;
use crate::stop::Stop;
use crate::ui;

pub(super) async fn run(arguments: &Up, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let page = arguments.timings.as_deref().map(ui::timeline).transpose()?;
    let (places, adoption) = adopt::places(arguments)?;
    let provider = if adoption.is_some() { Provider::Adopted } else { Provider::Kind };
    // Who is given a machine with a lesson deploys pgEdge by hand.
    let is_lesson = arguments.codespace || provider == Provider::Adopted;
    let until = arguments.until.unwrap_or(if is_lesson { Stage::Operators } else { Stage::Prove });
    let plan = Plan::until(provider, until);
    let places = (places, adoption.clone());
    let context = Arc::new(super::context_of(common, Some(&arguments.shape), places, arguments.codespace)?);
    if arguments.dry_run {
        return super::dry_run::run(&context, &plan, common.output).await;
    }
    let began = tokio::time::Instant::now();
    let lock = tokio::select! {
        lock = turn::take(&context, common, arguments.deadline) => lock?,
        () = stop.asked() => return Ok(Verdict::Interrupted),
    };
    for program in &lock.ended {
        ui::say(&format!("ended what a killed run had left: {program}\n"));
    }
    if let Some(adoption) = adoption {
        // A run that was waited for may have decided meanwhile.
        match Adoption::read(&context.places.state)? {
            Some(now) => super::decided(&context, Some(&arguments.shape), Some(now)),
            None => adoption.write(&context.places.state)?,
        }
    }
    let deadline = arguments.deadline.map(|length| Deadline { began, length });
    let reporter = super::recorded(&context, common, "up", true, page);
    let run = Run { context: &context, plan, deadline, reporter, stop };
    let verdict = run.verdict().await?;
    if verdict == Verdict::Good && common.output == Output::Text {
        if let Some(matrix) = context.proof.get() {
            ui::print(&matrix.table())?;
        }
        if !common.quiet {
            ui::say(&next(until, &super::cluster_flag(common)));
        }
    }
    Ok(verdict)
}

/// What a person may want to do now.
fn next(until: Stage, flag: &str) -> String {
    let environment = format!("eval \"$(pgedge-bootstrap env{flag})\"");
    match until {
        Stage::Tools => format!("\nthe tools:    {environment}\n"),
        Stage::Cluster | Stage::Operators => {
            format!("\nlook around:  {environment}\n              kubectl get pods --all-namespaces\n")
        }
        Stage::Deploy | Stage::Prove => format!(
            "\nlook around:  {environment}\n              kubectl cnpg status pgedge-n1\n              \
             kubectl cnpg psql pgedge-n1 -- -U app app\nremove it:    pgedge-bootstrap down{flag}\n"
        ),
    }
}
