//! A terminal for one program: a pseudo-terminal, and the screen that a person would see on it.

use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A program on a terminal of its own, which is its controlling terminal.
pub(crate) struct Terminal {
    child: Child,
    pub(crate) pty: Option<Arc<pty_process::blocking::Pty>>,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) seen: Mutex<Seen>,
    changed: Condvar,
}

/// What the program has written.
pub(crate) struct Seen {
    pub(crate) parser: vt100::Parser,
    /// Everything, as it came.
    raw: Vec<u8>,
    over: bool,
}

impl Seen {
    /// Everything that was written, control codes and all.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The lines of the screen, without the blanks at their ends and the empty lines at its end.
    pub(crate) fn screen(&self) -> String {
        let screen = self.parser.screen();
        let lines: Vec<String> = screen.rows(0, screen.size().1.get()).map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

impl Terminal {
    /// Starts the program in so many rows and columns.
    pub(crate) fn spawn(command: pty_process::blocking::Command, (rows, columns): (u16, u16)) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let child = command.spawn(pts).unwrap();
        let seen = Seen { parser: vt100::Parser::new(lines(rows), lines(columns), 0), raw: Vec::new(), over: false };
        let shared = Arc::new(Shared { seen: Mutex::new(seen), changed: Condvar::new() });
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
                let mut seen = read.seen.lock().unwrap();
                seen.parser.process(&bytes[..length]);
                seen.raw.extend(&bytes[..length]);
                read.changed.notify_all();
            }
            read.seen.lock().unwrap().over = true;
            read.changed.notify_all();
        });
        Self { child, pty: Some(pty), shared }
    }

    /// Waits until `wanted` finds what it looks for, and returns that.
    pub(crate) fn wait_within<T>(&self, patience: Duration, what: &str, wanted: impl Fn(&Seen) -> Option<T>) -> T {
        let start = Instant::now();
        let mut seen = self.shared.seen.lock().unwrap();
        loop {
            if let Some(found) = wanted(&seen) {
                return found;
            }
            let left = patience.checked_sub(start.elapsed()).filter(|_| !seen.over);
            let left = left.unwrap_or_else(|| panic!("{what} was never seen; the screen shows\n{}", seen.screen()));
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    pub(crate) fn press(&self, keys: &[u8]) {
        (&**self.pty.as_ref().unwrap()).write_all(keys).unwrap();
    }

    /// Waits for the end; returns the exit code (-1 after a signal) and what stays on the screen.
    pub(crate) fn end_within(&mut self, patience: Duration) -> (i32, String) {
        let start = Instant::now();
        let mut seen = self.shared.seen.lock().unwrap();
        while !seen.over {
            let left = patience.checked_sub(start.elapsed());
            let left = left.unwrap_or_else(|| panic!("the program does not end; the screen shows\n{}", seen.screen()));
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
        let screen = seen.screen();
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

pub(crate) fn lines(number: u16) -> std::num::NonZero<u16> {
    number.try_into().unwrap()
}
