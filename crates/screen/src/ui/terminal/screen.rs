//! The lower end of the screen, in which lines move.
//!
//! Between two pictures the cursor stands, hidden, at the start of the first moving line. Terminals keep the cursor
//! with the text when they are resized, whether they break long lines anew or cut them, so everything below the cursor
//! is ours to draw again, and nothing above it ever is.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether there are moving lines on the screen, and the cursor is hidden.
static ACTIVE: AtomicBool = AtomicBool::new(false);

const HIDE_CURSOR: &str = "\x1b[?25l";
/// Lines that are longer than the terminal, because it was made narrower a moment ago, are cut and not wrapped.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const CLEAR_REST_OF_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Removes the moving lines, and shows the cursor.
const RESTORE: &str = "\r\x1b[J\x1b[?7h\x1b[?25h";

/// After so many pictures everything is drawn, not only what has changed: somebody may have typed into it.
const REFRESH: u32 = 20;

/// What is on the screen.
pub(super) struct Screen {
    shown: Vec<String>,
    size: (usize, usize),
    pictures: u32,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { shown: Vec::new(), size: (0, 0), pictures: 0 }
    }

    /// Writes the lines that stay above the moving ones, and the moving ones anew, as far as they have changed. No line
    /// may be longer than the width. Without moving lines the cursor is left below, and shown.
    ///
    /// # Errors
    /// Those of a terminal that went away.
    pub(super) fn show(&mut self, kept: &[String], moving: &[String], size: (usize, usize)) -> io::Result<()> {
        let mut output = io::stderr().lock();
        // Somebody else has written, and removed the moving lines for it.
        let begins = !ACTIVE.load(Ordering::SeqCst);
        let Some(picture) = self.picture(kept, moving, size, begins) else { return Ok(()) };
        ACTIVE.store(!moving.is_empty(), Ordering::SeqCst);
        output.write_all(picture.as_bytes())?;
        output.flush()
    }

    /// What is to be written, if anything. `begins`: the cursor stands in an empty line, and nothing moves below it.
    fn picture(&mut self, kept: &[String], moving: &[String], size: (usize, usize), begins: bool) -> Option<String> {
        let resized = !begins && self.size != size;
        self.pictures = self.pictures.wrapping_add(1);
        let all = begins
            || resized
            || !kept.is_empty()
            || moving.len() < self.shown.len()
            || self.pictures.is_multiple_of(REFRESH);
        if begins && moving.is_empty() && kept.is_empty() || !all && self.shown == moving {
            return None;
        }
        let mut picture = String::new();
        picture.push_str(if begins { HIDE_CURSOR } else { "" });
        picture.push_str(NO_WRAP);
        picture.push('\r');
        // Lines that the terminal has broken anew take more room than the new picture.
        picture.push_str(if resized { CLEAR_BELOW } else { "" });
        for line in kept {
            picture.push_str(&format!("{line}{CLEAR_REST_OF_LINE}\r\n"));
        }
        for (place, line) in moving.iter().enumerate() {
            picture.push_str(if place > 0 { "\r\n" } else { "" });
            if all || self.shown.get(place) != Some(line) {
                picture.push_str(&format!("{line}{CLEAR_REST_OF_LINE}"));
            }
        }
        picture.push_str(if all { CLEAR_BELOW } else { "" });
        picture.push('\r');
        if moving.len() > 1 {
            picture.push_str(&format!("\x1b[{}A", moving.len() - 1));
        }
        picture.push_str(WRAP);
        picture.push_str(if moving.is_empty() { RESTORE } else { "" });
        moving.clone_into(&mut self.shown);
        self.size = size;
        Some(picture)
    }
}

/// Removes the moving lines and shows the cursor, if a terminal's reporter has drawn some: for what is written beside
/// it, for a panic, and before a hard exit. May be called from any thread at any time: it waits for no lock, not even
/// that of the standard error, which a thread may hold that writes to a terminal that takes nothing.
pub(in crate::ui) fn restore() {
    if ACTIVE.swap(false, Ordering::SeqCst) {
        // A terminal that went away needs nothing.
        let _ = rustix::io::write(rustix::stdio::stderr(), RESTORE.as_bytes());
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
