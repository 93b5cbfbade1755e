//! Only failures, and how the run ended.

use std::sync::{Mutex, PoisonError};

use bootstrap_run::event::{Reporter, Stamped};

use super::board::{Board, Kept};
use super::look::Look;
use super::words;

pub(super) struct Quiet {
    board: Mutex<Board>,
    look: Look,
}

impl Quiet {
    pub(super) fn new(look: Look) -> Self {
        Self { board: Mutex::default(), look }
    }
}

impl Reporter for Quiet {
    fn report(&self, stamped: &Stamped) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing here tells the time.
        let kept = board.apply(&stamped.event, std::time::Duration::ZERO);
        drop(board);
        if let Some(Kept::Closing { end, changed, seconds }) =
            kept.iter().find(|kept| matches!(kept, Kept::Closing { .. }))
        {
            super::say(&format!("{}\n", words::closing(*end, *changed, *seconds)));
        }
        super::plain::say_failures(&kept, self.look);
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let kept = self.board.get_mut().unwrap_or_else(PoisonError::into_inner).conclude(None);
        super::plain::say_failures(&kept, self.look);
    }
}
