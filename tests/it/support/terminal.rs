//! A terminal for one run: a pseudo-terminal, and the screen that a person would see on it.

use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::Home;

/// What a test waits for comes within this, or never.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program on a terminal of its own, which is its controlling terminal.
pub(crate) struct Terminal {
    child: Child,
    pty: Option<Arc<pty_process::blocking::Pty>>,
    shared: Arc<Shared>,
}

struct Shared {
    screen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    parser: vt100::Parser,
    /// Everything that was written, as it came.
    raw: Vec<u8>,
    over: bool,
}

impl Terminal {
    /// Runs the program in so many rows and columns, with these variables besides HOME, PATH and TERM.
    pub(crate) fn start(home: &Home, size: (u16, u16), variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(size.0, size.1)).unwrap();
        let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_pgedge-bootstrap"))
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied())
            .current_dir(home.path());
        let child = command.spawn(pts).unwrap();
        let seen = Seen { parser: vt100::Parser::new(lines(size.0), lines(size.1), 0), raw: Vec::new(), over: false };
        let shared = Arc::new(Shared { screen: Mutex::new(seen), changed: Condvar::new() });
        let pty = Arc::new(pty);
        // The reader holds no terminal of its own, so that dropping ours closes it.
        let (weak, read) = (Arc::downgrade(&pty), Arc::clone(&shared));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Some(pty) = weak.upgrade() {
                if !readable(&pty) {
                    continue;
                }
                // The other end is closed when the program has ended: that is an error of the reader on Linux.
                let Ok(length @ 1..) = (&*pty).read(&mut bytes) else { break };
                let mut seen = read.screen.lock().unwrap();
                seen.parser.process(&bytes[..length]);
                seen.raw.extend(&bytes[..length]);
                read.changed.notify_all();
            }
            read.screen.lock().unwrap().over = true;
            read.changed.notify_all();
        });
        Self { child, pty: Some(pty), shared }
    }

    /// Waits until the screen shows what is wanted, and returns its lines.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut seen = self.shared.screen.lock().unwrap();
        loop {
            let screen = contents(&seen);
            if wanted(&screen) {
                return screen;
            }
            let left = PATIENCE.checked_sub(start.elapsed()).filter(|_| !seen.over);
            let left = left.unwrap_or_else(|| panic!("{what} was never on the screen; it showed\n{screen}"));
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Makes the terminal another size, as a person who pulls at its corner.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        // Both at once for those who read the screen.
        let mut seen = self.shared.screen.lock().unwrap();
        seen.parser.screen_mut().set_size(lines(rows), lines(columns));
        self.pty.as_ref().unwrap().resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    pub(crate) fn press(&self, keys: &[u8]) {
        (&**self.pty.as_ref().unwrap()).write_all(keys).unwrap();
    }

    /// Closes the window: what runs in it is told by a signal, and can write no more.
    pub(crate) fn close(&mut self) {
        self.pty = None;
    }

    pub(crate) fn cursor_is_visible(&self) -> bool {
        !self.shared.screen.lock().unwrap().parser.screen().hide_cursor()
    }

    /// Everything that was written, control codes and all.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.shared.screen.lock().unwrap().raw).into_owned()
    }

    /// Waits for the end; returns the exit code (-1 after a signal) and what stays on the screen.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let start = Instant::now();
        let mut seen = self.shared.screen.lock().unwrap();
        while !seen.over {
            let left = PATIENCE.checked_sub(start.elapsed());
            let left =
                left.unwrap_or_else(|| panic!("the program does not end; the screen shows\n{}", contents(&seen)));
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
        let screen = contents(&seen);
        drop(seen);
        (self.child.wait().unwrap().code().unwrap_or(-1), screen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed must leave nothing running; one that did not has waited for the end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is something to read; asked anew now and then, since the terminal may be closed meanwhile.
fn readable(pty: &pty_process::blocking::Pty) -> bool {
    let mut polled = [rustix::event::PollFd::new(pty, rustix::event::PollFlags::IN)];
    let while_waiting = rustix::event::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    rustix::event::poll(&mut polled, Some(&while_waiting)).is_ok_and(|ready| ready > 0)
}

fn lines(number: u16) -> std::num::NonZero<u16> {
    number.try_into().unwrap()
}

/// The lines of the screen, without the blanks at their ends and the empty lines at its end.
fn contents(seen: &Seen) -> String {
    let screen = seen.parser.screen();
    let (rows, columns) = screen.size();
    for row in 0..rows.get() {
        assert!(!screen.row_wrapped(row), "row {row} is wrapped:\n{}", screen.contents());
    }
    let lines: Vec<String> = screen.rows(0, columns.get()).map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned()
}
