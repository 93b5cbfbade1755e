//! Keeps what is reported, for tests.

use tokio::sync::watch;

use super::{Event, Reporter};

#[derive(Debug, Default)]
pub(crate) struct Recorder(watch::Sender<Vec<Event>>);

impl Recorder {
    /// Everything so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.borrow().clone()
    }

    /// The reasons of the steps that were told to wait, so far.
    pub(crate) fn waits(&self) -> Vec<String> {
        waits(&self.0.borrow())
    }

    /// Returns when the waits are such.
    pub(crate) async fn until_waits(&self, are_such: impl Fn(&[String]) -> bool) {
        // The sender lives in `self`, so the wait ends by its condition alone.
        let _ = self.0.subscribe().wait_for(|events| are_such(&waits(events))).await;
    }
}

impl Reporter for Recorder {
    fn report(&self, event: &Event) {
        self.0.send_modify(|events| events.push(event.clone()));
    }
}

fn waits(events: &[Event]) -> Vec<String> {
    let reason = |event: &Event| match event {
        Event::StepWaiting { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}
