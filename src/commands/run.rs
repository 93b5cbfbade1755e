//! What the commands share that run the engine: one run at a time, and the words at its end.

use std::sync::Arc;

use bootstrap_engine::{Outcome, Terms, converge};
use bootstrap_run::deadline::Deadline;
use bootstrap_run::event::{Reporter, RunEnd};
use bootstrap_run::failure::Ours;
use bootstrap_run::stop::Stop;
use bootstrap_screen::ui;

use super::Verdict;
use crate::context::Context;
use crate::plan::Plan;
use crate::step_id::StepId;

/// A run of a plan.
pub(super) struct Run<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) plan: Plan,
    pub(super) deadline: Option<Deadline>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) stop: &'a Stop,
}

impl Run<'_> {
    pub(super) async fn outcome(self) -> Outcome<StepId> {
        let terms = Terms {
            cluster: self.context.options.name.as_str().to_owned(),
            deadline: self.deadline,
            stop: self.stop.clone(),
            invocation: self.context.invocation.clone(),
        };
        converge(Arc::clone(self.context), &self.plan, &terms, self.reporter).await
    }

    /// Runs the plan and turns its end into a verdict. The reporter has told every error already.
    pub(super) async fn verdict(self) -> Verdict {
        let (planned, down) = (self.plan.rows().count(), self.context.invocation.line(Ours::Down));
        let outcome = self.outcome().await;
        match outcome.end {
            RunEnd::Done => return Verdict::Good,
            RunEnd::Interrupted => {
                ui::say_paragraph(&interrupted(&outcome, planned, &down));
                return Verdict::Interrupted;
            }
            RunEnd::Failed => {}
        }
        let unexpected = outcome.errors.iter().any(|(_, error)| bootstrap_run::failure::of(error).is_none());
        if unexpected { Verdict::Unexpected } else { Verdict::Bad }
    }
}

/// What is done, what is not, and how to go on.
fn interrupted(outcome: &Outcome<StepId>, planned: usize, down: &str) -> String {
    let held = outcome.held.len();
    let stopped: Vec<&str> = outcome.cancelled.iter().map(|step| step.as_str()).collect();
    let (stopped, left) = match stopped.len() {
        0 => (String::new(), planned - held),
        cancelled => (format!(", stopped in the middle of {}", stopped.join(", ")), planned - held - cancelled),
    };
    format!(
        "{held} steps of {planned} hold{stopped}, {left} not begun. The programs of this run were ended, and partial downloads are \
         kept: the same command continues from here. `{down}` removes what was made so far."
    )
}
