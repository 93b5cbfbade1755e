//! One JSON object per event and line, as `docs/events.md` describes them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use bootstrap_run::event::{Reporter, Stamped};

/// Whether the events can no longer be written. A line may have been cut in the middle then, so none follows it.
#[derive(Default)]
pub(super) struct Json {
    broken: AtomicBool,
}

impl Reporter for Json {
    fn report(&self, stamped: &Stamped) {
        // An event is plain data, which can always be written as JSON.
        let Ok(line) = serde_json::to_string(stamped) else { return };
        if self.broken.load(Ordering::Relaxed) {
            return;
        }
        // A reader that went away, or a disk that is full, does not stop the run: its exit code tells how it ended.
        if let Err(error) = super::write(&format!("{line}\n"))
            && !self.broken.swap(true, Ordering::Relaxed)
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            super::say(&format!("the events can no longer be written: {error}; the run continues\n"));
        }
    }
}
