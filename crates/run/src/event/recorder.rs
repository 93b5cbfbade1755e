//! Keeps what is reported, for tests.

use tokio::sync::watch;

use super::{Event, Reporter, Stamped};

/// A reporter that keeps every event. Whoever waits for one is woken by it.
#[derive(Debug, Default)]
pub struct Recorder(watch::Sender<Vec<Event>>);

impl Recorder {
    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.borrow().clone()
    }

    /// The reasons of the steps that were told to wait, so far.
    pub fn waits(&self) -> Vec<String> {
        waits(&self.0.borrow())
    }

    /// Returns when the waits are such.
    pub async fn until_waits(&self, are_such: impl Fn(&[String]) -> bool) {
        // The sender lives in `self`, so the wait ends by its condition alone.
        let _ = self.0.subscribe().wait_for(|events| are_such(&waits(events))).await;
    }
}

impl Reporter for Recorder {
    fn report(&self, stamped: &Stamped) {
        self.0.send_modify(|events| events.push(stamped.event.clone()));
    }
}

fn waits(events: &[Event]) -> Vec<String> {
    let reason = |event: &Event| match event {
        Event::StepWaiting { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}
