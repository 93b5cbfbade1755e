//! A terminal: a line that moves for each running step, and a line that stays for each finished one.
//!
//! Events are only noted where they happen; one thread draws, ten times a second. So a step never waits for a
//! terminal, be it slow, held by Ctrl-S or gone.

mod screen;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::board::{Board, Kept};
use super::look::Look;
use super::run_time::RunTime;
use super::{kept, look, moving};
use bootstrap_run::event::{Event, Reporter, Stamped};
use screen::Screen;

pub(super) use screen::restore;

/// Between two pictures.
const REDRAW: Duration = Duration::from_millis(100);

/// How long the end of a run waits for its last picture. A terminal that is held takes none.
const LAST_PICTURE: Duration = Duration::from_secs(2);

pub(super) struct Terminal {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// The run is over, or its last picture was drawn.
    changed: Condvar,
}

struct State {
    board: Board,
    time: RunTime,
    /// What stays and was not drawn yet.
    kept: Vec<Kept>,
    over: bool,
    drawn: bool,
}

impl Terminal {
    pub(super) fn new(look: Look, verbose: bool) -> Self {
        let (board, time) = (Board::new(verbose), RunTime::starting_now());
        let state = State { board, time, kept: Vec::new(), over: false, drawn: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let drawn = Arc::clone(&shared);
        std::thread::spawn(move || draw(&drawn, look));
        Self { shared }
    }

    /// Lets the last picture be drawn, and waits for it.
    fn finish(&self) {
        let mut state = self.shared.state();
        state.over = true;
        self.shared.changed.notify_all();
        // Whether it was drawn or the terminal takes nothing: the run ends.
        let _ = self.shared.changed.wait_timeout_while(state, LAST_PICTURE, |state| !state.drawn);
    }
}

impl Reporter for Terminal {
    fn report(&self, stamped: &Stamped) {
        let mut state = self.shared.state();
        let time = state.time.of(stamped);
        let kept = state.board.apply(&stamped.event, time);
        state.kept.extend(kept);
        drop(state);
        if matches!(stamped.event, Event::RunFinished { .. }) {
            self.finish();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let kept = self.shared.state().board.conclude(None);
        self.shared.state().kept.extend(kept);
        self.finish();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Draws until the run is over or the terminal is gone.
fn draw(shared: &Shared, look: Look) {
    let mut screen = Screen::new();
    let mut state = shared.state();
    loop {
        let size = look::terminal_size();
        // The last column stays free: a terminal that has filled it wraps, or not, as it likes.
        let width = size.1.saturating_sub(1).max(1);
        let over = state.over;
        let kept: Vec<String> =
            std::mem::take(&mut state.kept).iter().flat_map(|kept| kept::lines(kept, width, look)).collect();
        let moving = match over {
            true => Vec::new(),
            false => moving::lines(&state.board, state.time.now(), (size.0.saturating_sub(1), width), look),
        };
        drop(state);
        // A terminal that went away loses nothing: the run goes on.
        let gone = screen.show(&kept, &moving, size).is_err();
        state = shared.state();
        if gone || over && state.kept.is_empty() {
            state.drawn = true;
            shared.changed.notify_all();
            return;
        }
        if !state.over {
            state = shared.changed.wait_timeout(state, REDRAW).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
