//! One JSON object per event and line, as `docs/events.md` describes them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use bootstrap_run::event::{Event, Reporter, Stamped};

/// Whether the end of a run was told, in the words of this process or of another one: there is only one.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Whether no event may follow.
pub(super) fn has_ended() -> bool {
    ENDED.load(Ordering::Relaxed)
}

/// Whether the events can no longer be written. A line may have been cut in the middle then, so none follows it.
#[derive(Default)]
pub(super) struct Json {
    broken: AtomicBool,
}

impl Reporter for Json {
    fn report(&self, stamped: &Stamped) {
        if matches!(stamped.event, Event::RunFinished { .. } | Event::RunFailed { .. }) {
            ENDED.store(true, Ordering::Relaxed);
        }
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
