//! This program on a terminal, and what is asked of its screen.

use std::time::Duration;

use super::Home;
pub(crate) use crate::common_terminal::Terminal;
use crate::common_terminal::{Seen, lines};

/// What a test waits for comes within this, or never.
const PATIENCE: Duration = Duration::from_secs(30);

impl Terminal {
    /// Runs the program in so many rows and columns, with these variables besides HOME, PATH and TERM.
    pub(crate) fn start(home: &Home, size: (u16, u16), variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_pgedge-bootstrap"))
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied())
            .current_dir(home.path());
        Self::spawn(command, size)
    }

    /// Waits until the screen shows what is wanted, and returns its lines.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_within(PATIENCE, what, |seen| Some(unwrapped(seen)).filter(|screen| wanted(screen)))
    }

    /// Makes the terminal another size, as a person who pulls at its corner.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        // Both at once for those who read the screen.
        let mut seen = self.shared.seen.lock().unwrap();
        seen.parser.screen_mut().set_size(lines(rows), lines(columns));
        self.pty.as_ref().unwrap().resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    /// Closes the window: what runs in it is told by a signal, and can write no more.
    pub(crate) fn close(&mut self) {
        self.pty = None;
    }

    pub(crate) fn cursor_is_visible(&self) -> bool {
        !self.shared.seen.lock().unwrap().parser.screen().hide_cursor()
    }

    /// Everything that was written, control codes and all.
    pub(crate) fn raw(&self) -> String {
        self.shared.seen.lock().unwrap().raw()
    }

    /// Waits for the end, which is to be with this exit code (-1 after a signal); returns what stays on the screen.
    pub(crate) fn end(&mut self, wanted: i32) -> String {
        let (code, screen) = self.end_within(PATIENCE);
        assert_eq!(code, wanted, "{screen}\n{:?}", self.raw());
        unwrapped(&self.shared.seen.lock().unwrap());
        screen
    }
}

/// The screen, on which no line of this program may be longer than the terminal is wide.
fn unwrapped(seen: &Seen) -> String {
    let screen = seen.parser.screen();
    for row in 0..screen.size().0.get() {
        assert!(!screen.row_wrapped(row), "row {row} is wrapped:\n{}", screen.contents());
    }
    seen.screen()
}
