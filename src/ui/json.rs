//! One JSON object per event and line, as `docs/events.md` describes them.

use crate::event::{Event, Reporter, Stamped};

pub(super) struct Json;

impl Reporter for Json {
    fn report(&self, event: &Event) {
        self.replay(&Stamped::now(event));
    }

    fn replay(&self, stamped: &Stamped) {
        // An event is plain data, and a reader that went away must not stop the run.
        if let Ok(line) = serde_json::to_string(stamped) {
            let _ = super::print(&format!("{line}\n"));
        }
    }
}
