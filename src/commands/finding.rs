//! What a look at a step finds, in the form in which `verify` and `up --dry-run` tell it.

use anyhow::Result;
use bootstrap_run::failure::{self, Failure, FailureId, Invocation, Layer, Report};
use bootstrap_run::step::Observation;
use serde::Serialize;

use super::look;
use crate::context::Context;
use crate::patience;
use crate::step_id::StepId;
use crate::steps;

/// The word of what is not there at all.
const MISSING: &str = "missing";

/// The word of what was not looked at, because what a look goes through does not hold.
const BLOCKED: &str = "blocked";

/// What was found of one step.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "Told")]
pub(super) struct Finding {
    /// `done`, `missing`, `wrong`, `waiting`, `failed` where the look itself found an expected failure, or `blocked`.
    state: &'static str,
    detail: String,
    /// The steps that do not hold, where that is why it was not looked at.
    blocked_by: Vec<StepId>,
    failure: Option<Report>,
}

/// A finding in JSON, as a part of an object that may have an `id` of its own.
#[derive(Debug, Serialize)]
struct Told {
    state: &'static str,
    detail: String,
    blocked_by: Vec<StepId>,
    /// The id of the failure.
    failure: Option<String>,
    layer: Option<Layer>,
    summary: Option<String>,
    evidence: Option<Vec<String>>,
    hint: Option<String>,
}

impl From<Finding> for Told {
    fn from(Finding { state, detail, blocked_by, failure }: Finding) -> Self {
        let told =
            Self { state, detail, blocked_by, failure: None, layer: None, summary: None, evidence: None, hint: None };
        let Some(Report { id, layer, summary, evidence, hint }) = failure else { return told };
        let (failure, layer) = (Some(id), Some(layer));
        Self { failure, layer, summary: Some(summary), evidence: Some(evidence), hint: Some(hint), ..told }
    }
}

impl Finding {
    /// Looks at a step by itself, for as long as a person waits.
    ///
    /// # Errors
    /// What is not an expected failure.
    pub(super) async fn of(context: &Context, step: StepId) -> Result<Self> {
        let finding = match look::look(context, step).await {
            // Of what is in a cluster that is not there, nothing is there.
            Err(error) if failure::of(&error).map(Failure::id) == Some(FailureId::ClusterMissing) => {
                Self::missing("there is no cluster")
            }
            look => Self::from_look(look, &context.invocation)?,
        };
        // What docker shows of the cluster is the cause of what is seen in it.
        if !finding.holds() && !finding.failed_by(FailureId::DockerNotRunning) && look::is_in_docker(step) {
            let cause = tokio::time::timeout(patience::LOOK_OF_A_COMMAND, steps::cause_in_docker(context)).await;
            let silent = || Ok((!context.places.kubeconfig.exists()).then(look::silent_docker));
            if let Some(cause) = cause.unwrap_or_else(|_| silent())? {
                return Ok(Self::failed_with(&cause, &context.invocation));
            }
        }
        if step != StepId::Replication || finding.holds() || finding.failed() || finding.is_missing() {
            return Ok(finding);
        }
        // Of nodes that do not replicate, the servers know more than their state.
        let asked = tokio::time::timeout(patience::LOOK_OF_A_COMMAND, steps::replication_failure(context)).await;
        Ok(match asked {
            Ok(Ok(Some(found))) => finding.with(&found, &context.invocation),
            // What cannot be asked now was looked at a moment ago.
            Ok(Ok(None) | Err(_)) | Err(_) => finding,
        })
    }

    /// The same state, with what a failure says of it.
    fn with(self, found: &Failure, run: &Invocation) -> Self {
        let detail = found.seen().first().cloned().unwrap_or(self.detail);
        Self { detail, failure: Some(Report::of_failure(found, run)), ..self }
    }

    /// A look that found this.
    pub(super) fn failed_with(found: &Failure, run: &Invocation) -> Self {
        let seen = found.seen().first().map(|seen| format!(": {seen}")).unwrap_or_default();
        let detail = format!("{}{seen}", found.summary());
        Self { state: "failed", detail, blocked_by: Vec::new(), failure: Some(Report::of_failure(found, run)) }
    }

    /// As a run finds it that would bring a halted cluster back, and write the kubeconfig of one of ours anew: that is to do, and no
    /// failure.
    pub(super) fn of_a_run(self, context: &Context) -> Self {
        let is = |id: FailureId| self.failure.as_ref().is_some_and(|failure| failure.is(id));
        let astray = [FailureId::ClusterChanged, FailureId::KubeconfigInvalid].into_iter().any(is);
        if !is(FailureId::ClusterNotReady) && (context.is_adopted() || !astray) {
            return self;
        }
        Self { state: "wrong", failure: None, ..self }
    }

    /// What is not there: nobody has failed.
    pub(super) fn missing(detail: &str) -> Self {
        Self { state: MISSING, detail: detail.to_owned(), blocked_by: Vec::new(), failure: None }
    }

    /// What was not looked at, because these do not hold.
    pub(super) fn blocked(by: Vec<StepId>) -> Self {
        let verb = if by.len() == 1 { "does" } else { "do" };
        let steps: Vec<&str> = by.iter().map(|step| step.as_str()).collect();
        Self { state: BLOCKED, detail: format!("{} {verb} not hold", steps.join(", ")), blocked_by: by, failure: None }
    }

    /// # Errors
    /// What is not an expected failure.
    pub(super) fn from_look(look: Result<Observation>, run: &Invocation) -> Result<Self> {
        match look {
            Ok(seen) => {
                let (state, detail) = (seen.word(), seen.detail().to_owned());
                Ok(Self { state, detail, blocked_by: Vec::new(), failure: None })
            }
            Err(error) => match failure::of(&error) {
                Some(found) => Ok(Self::failed_with(found, run)),
                None => Err(error),
            },
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.state == "done"
    }

    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether it is this failure that was found.
    pub(super) fn failed_by(&self, id: FailureId) -> bool {
        self.failure.as_ref().is_some_and(|found| found.is(id))
    }

    pub(super) fn is_missing(&self) -> bool {
        self.state == MISSING
    }

    pub(super) fn failure(&self) -> Option<&Report> {
        self.failure.as_ref()
    }

    pub(super) fn state(&self) -> &'static str {
        self.state
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn hint(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.hint.as_str()).filter(|hint| !hint.is_empty())
    }
}
