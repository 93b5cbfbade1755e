//! Made-up events for the tests of this folder.

use bootstrap_run::event::Event;
use bootstrap_run::event::made_up::planned;
use bootstrap_run::step::StepName;

use super::look::Look;

pub(super) const PLAIN: Look = Look { colour: false, unicode: true };
pub(super) const HELM: StepName = StepName::fixed("helm");
pub(super) const KIND: StepName = StepName::fixed("kind");
pub(super) const KUBECTL: StepName = StepName::fixed("kubectl");
pub(super) const CNPG: StepName = StepName::fixed("kubectl-cnpg");

pub(super) fn started(steps: &[StepName]) -> Event {
    let steps = steps.iter().map(|step| planned(*step, &[])).collect();
    Event::RunStarted { schema: 1, version: "0.1.0".to_owned(), cluster: "pgedge".to_owned(), steps }
}

pub(super) fn waiting(step: StepName, reason: &str) -> Event {
    Event::StepWaiting { step, reason: reason.to_owned() }
}

pub(super) fn done(step: StepName, detail: &str, changed: bool) -> Event {
    Event::StepDone { step, detail: detail.to_owned(), changed, seconds: 1.24 }
}
