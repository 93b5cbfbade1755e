//! The learner: an interactive login shell on a terminal, into which everything is typed.

use std::cell::Cell;
use std::time::Duration;

use crate::terminal::Terminal;

/// The longest block of the lesson installs the chart.
const BLOCK: Duration = Duration::from_secs(300);

/// What the shell does before each prompt: it says which one it is, and how the last command ended.
pub(crate) const PROMPT: &str = r#"PROMPT_COMMAND=echo "prompt $((++prompts)) after $?""#;

pub(crate) struct Learner {
    terminal: Terminal,
    /// How many prompts the shell has shown when all is done that was typed so far: one was there before the first.
    prompts: Cell<usize>,
}

impl Learner {
    pub(crate) fn at(terminal: Terminal) -> Self {
        Self { terminal, prompts: Cell::new(1) }
    }

    /// Types this at once, as Killercoda does; every line end is an Enter.
    pub(crate) fn types(&self, text: &str) {
        self.prompts.set(self.prompts.get() + commands(text));
        self.terminal.press(text.as_bytes());
    }

    /// What is on the terminal when the foreground has ended.
    pub(crate) fn after_foreground(&self, patience: Duration) -> String {
        let (_, text) = self.ended(patience, "the foreground");
        text
    }

    /// Types a block of code, which must succeed.
    pub(crate) fn click(&self, block: &str) {
        self.types(block);
        let (code, text) = self.ended(BLOCK, block);
        assert_eq!(code, "0", "{block}\n{text}");
    }

    /// The exit code of what was typed last, and everything on the terminal so far.
    fn ended(&self, patience: Duration, what: &str) -> (String, String) {
        let prompt = format!("prompt {} after ", self.prompts.get());
        self.terminal.wait_within(patience, what, |seen| {
            let text = plain(&seen.raw());
            let (_, after) = text.split_once(&prompt)?;
            let (code, _) = after.split_once('\n')?;
            Some((code.to_owned(), text.clone()))
        })
    }
}

/// How many commands these lines are: a document between `<<'END'` and `END` belongs to the command above it.
fn commands(text: &str) -> usize {
    let (mut commands, mut inside) = (0, false);
    for line in text.lines() {
        if inside {
            inside = line != "END";
            continue;
        }
        commands += 1;
        inside = line.ends_with("<<'END'");
    }
    commands
}

/// Without the control codes, for the words alone.
fn plain(raw: &str) -> String {
    let mut plain = String::new();
    let mut letters = raw.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.peek() == Some(&'[') => {
                letters.next();
                while letters.next().is_some_and(|letter| !letter.is_ascii_alphabetic()) {}
            }
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}
