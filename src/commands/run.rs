//! What the commands share that run the engine: one run at a time, and the words at its end.

use std::sync::Arc;

use anyhow::Result;

use super::Verdict;
use crate::context::Context;
use crate::converge::{Deadline, Outcome, Terms, converge};
use crate::event::{Reporter, RunEnd};
use crate::plan::Plan;
use crate::stop::Stop;
use crate::ui;

/// A run of a plan.
pub(super) struct Run<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) plan: Plan,
    pub(super) deadline: Option<Deadline>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) stop: &'a Stop,
}

impl Run<'_> {
    pub(super) async fn outcome(self) -> Outcome {
        let terms = Terms {
            cluster: self.context.options.name.as_str().to_owned(),
            deadline: self.deadline,
            stop: self.stop.clone(),
        };
        converge(Arc::clone(self.context), &self.plan, &terms, self.reporter).await
    }

    /// Runs the plan and turns its end into a verdict; the reporter has told the failures already, and an unexpected
    /// error goes on upwards.
    pub(super) async fn verdict(self) -> Result<Verdict> {
        let (planned, flag) = (self.plan.steps().count(), super::flag_of(&self.context.options.name));
        let outcome = self.outcome().await;
        match outcome.end {
            RunEnd::Done => return Ok(Verdict::Good),
            RunEnd::Interrupted => {
                ui::say_paragraph(&interrupted(&outcome, planned, &flag));
                return Ok(Verdict::Interrupted);
            }
            RunEnd::Failed => {}
        }
        for (step, error) in outcome.errors {
            if crate::failure::of(&error).is_none() {
                return Err(error.context(format!("step {step}")));
            }
        }
        Ok(Verdict::Bad)
    }
}

/// What is done, what is not, and how to go on.
fn interrupted(outcome: &Outcome, planned: usize, flag: &str) -> String {
    let held = outcome.held.len();
    let stopped: Vec<&str> = outcome.cancelled.iter().map(|step| step.as_str()).collect();
    let (stopped, left) = match stopped.len() {
        0 => (String::new(), planned - held),
        cancelled => (format!(", stopped in the middle of {}", stopped.join(", ")), planned - held - cancelled),
    };
    format!(
        "{held} steps of {planned} hold{stopped}, {left} not begun. The programs of this run were ended, and partial downloads are \
         kept: the same command again goes on from here. `pgedge-bootstrap down{flag}` removes what was made so far."
    )
}
