//! Made-up events for the tests of this folder.

use super::look::Look;
use crate::event::{Event, PlannedStep};
use crate::pins::Tool;
use crate::step::StepId;

pub(super) const PLAIN: Look = Look { colour: false, unicode: true };
pub(super) const HELM: StepId = StepId::Tool(Tool::Helm);
pub(super) const KIND: StepId = StepId::Tool(Tool::Kind);
pub(super) const KUBECTL: StepId = StepId::Tool(Tool::Kubectl);
pub(super) const CNPG: StepId = StepId::Tool(Tool::KubectlCnpg);

pub(super) fn started(steps: &[StepId]) -> Event {
    let planned = |id: &StepId| PlannedStep {
        id: *id,
        title: id.title().to_owned(),
        stage: id.stage(),
        needs: Vec::new(),
        yields_to: Vec::new(),
    };
    let steps = steps.iter().map(planned).collect();
    Event::RunStarted { schema: 1, version: "0.1.0".to_owned(), cluster: "pgedge".to_owned(), steps }
}

pub(super) fn waiting(step: StepId, reason: &str) -> Event {
    Event::StepWaiting { step, reason: reason.to_owned() }
}

pub(super) fn done(step: StepId, detail: &str, changed: bool) -> Event {
    Event::StepDone { step, detail: detail.to_owned(), changed, seconds: 1.24 }
}
