//! How the text forms look here: what the person, the terminal and the locale ask for. Nothing is read from the
//! environment anywhere else in `ui`.

use std::io::IsTerminal as _;

use console::{Style, Term};

/// Colours and marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) colour: bool,
    pub(super) unicode: bool,
}

/// What a piece of text means, for those who see colours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Paint {
    Good,
    Bad,
    Busy,
    Hint,
    Dim,
    Bold,
}

/// Whether lines may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Terminal,
    Plain,
}

/// The width where neither the terminal nor COLUMNS tells one.
const USUAL_WIDTH: usize = 80;

/// The width and the height where nothing tells them.
const USUAL_HEIGHT: usize = 24;

/// How to look on the standard error of this process.
pub(super) fn here() -> Look {
    surroundings().look()
}

/// Whether lines may move on the standard error of this process.
pub(super) fn form() -> Form {
    surroundings().form()
}

/// The rows and the columns of the terminal at this moment.
pub(super) fn terminal_size() -> (usize, usize) {
    surroundings().size(Term::stderr().size_checked())
}

/// Whether somebody sees the standard error of this process.
pub(super) fn attended() -> bool {
    std::io::stderr().is_terminal()
}

fn surroundings() -> Surroundings<'static> {
    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
    Surroundings { attended: attended(), read: &variable }
}

/// What the environment says about how to look. `read` looks a variable up; an empty one is as good as none.
struct Surroundings<'a> {
    attended: bool,
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        (self.read)(name).filter(|value| !value.is_empty())
    }

    fn form(&self) -> Form {
        let dumb = self.variable("TERM").is_some_and(|term| term == "dumb");
        if self.attended && !dumb { Form::Terminal } else { Form::Plain }
    }

    fn look(&self) -> Look {
        Look { colour: self.colour(), unicode: self.unicode() }
    }

    /// `NO_COLOR` wins, as <https://no-color.org> asks for; then `CLICOLOR_FORCE`, which colours files and pipes too.
    fn colour(&self) -> bool {
        if self.variable("NO_COLOR").is_some() {
            return false;
        }
        let forced = self.variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let wanted = self.variable("CLICOLOR").is_none_or(|value| value != "0");
        forced || wanted && self.form() == Form::Terminal
    }

    /// A locale that is set and has another encoding than UTF-8, such as `C`, gets ASCII marks; so does the console of
    /// Linux, whose font lacks the others. No locale at all says nothing about the terminal.
    fn unicode(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| self.variable(name));
        let fits = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        fits && self.variable("TERM").is_none_or(|term| term != "linux")
    }

    /// The height and the width to draw in: what the terminal says, which follows a resize. COLUMNS counts only where
    /// the terminal says nothing, since a shell that exports it does not change it in a program that runs.
    fn size(&self, told: Option<(u16, u16)>) -> (usize, usize) {
        let typed = || self.variable("COLUMNS").and_then(|value| value.parse().ok()).filter(|width| *width > 0);
        told.map_or_else(
            || (USUAL_HEIGHT, typed().unwrap_or(USUAL_WIDTH)),
            |(rows, columns)| (usize::from(rows), usize::from(columns)),
        )
    }
}

impl Look {
    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = match paint {
            Paint::Good => Style::new().green(),
            Paint::Bad => Style::new().red().bold(),
            Paint::Busy => Style::new().cyan(),
            Paint::Hint => Style::new().cyan().bold(),
            Paint::Dim => Style::new().dim(),
            Paint::Bold => Style::new().bold(),
        };
        style.force_styling(true).apply_to(text).to_string()
    }

    pub(super) fn good(self) -> &'static str {
        if self.unicode { "✓" } else { "+" }
    }

    pub(super) fn bad(self) -> &'static str {
        if self.unicode { "✗" } else { "x" }
    }

    pub(super) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// The picture of a spinner that has turned so many times.
    pub(super) fn spinner(self, turns: u128) -> &'static str {
        let pictures: &[&'static str] = if self.unicode {
            &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
        } else {
            &["|", "/", "-", "\\"]
        };
        usize::try_from(turns % pictures.len() as u128).map_or("", |turn| pictures[turn])
    }

    /// A bar of `width` columns, filled in the ratio of `done` to `total`: what is done, and what is left.
    pub(super) fn bar(self, done: u64, total: u64, width: usize) -> (String, String) {
        let filled = if total == 0 { 0 } else { u128::from(done.min(total)) * width as u128 / u128::from(total) };
        let filled = usize::try_from(filled).unwrap_or(width);
        let (full, empty) = if self.unicode { ("━", "─") } else { ("#", "-") };
        (full.repeat(filled), empty.repeat(width - filled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(attended: bool, variables: &[(&str, &str)]) -> (Form, bool, bool) {
        let read = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let surroundings = Surroundings { attended, read: &read };
        let Look { colour, unicode } = surroundings.look();
        (surroundings.form(), colour, unicode)
    }

    #[test]
    fn colours_follow_the_three_variables() {
        let colour = |attended, variables: &[(&str, &str)]| look(attended, variables).1;
        assert!(colour(true, &[]) && !colour(false, &[]));
        assert!(!colour(true, &[("NO_COLOR", "1")]) && colour(true, &[("NO_COLOR", "")]));
        assert!(!colour(true, &[("CLICOLOR", "0")]) && colour(true, &[("CLICOLOR", "1")]));
        assert!(colour(false, &[("CLICOLOR_FORCE", "1")]) && !colour(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!colour(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(!colour(true, &[("TERM", "dumb")]));
    }

    #[test]
    fn a_dumb_terminal_gets_lines_that_stay() {
        assert_eq!(look(true, &[("TERM", "dumb")]).0, Form::Plain);
        assert_eq!((look(true, &[("TERM", "xterm")]).0, look(true, &[]).0), (Form::Terminal, Form::Terminal));
        assert_eq!(look(false, &[("TERM", "xterm")]).0, Form::Plain);
    }

    #[test]
    fn a_locale_without_utf_8_gets_ascii() {
        let unicode = |variables: &[(&str, &str)]| look(true, variables).2;
        assert!(unicode(&[]) && unicode(&[("LANG", "de_DE.UTF-8")]) && unicode(&[("LANG", "C.utf8")]));
        assert!(!unicode(&[("LANG", "C")]) && !unicode(&[("LC_ALL", "POSIX"), ("LANG", "de_DE.UTF-8")]));
        assert!(unicode(&[("LC_ALL", ""), ("LANG", "en_GB.UTF-8")]) && !unicode(&[("TERM", "linux")]));
    }

    #[test]
    fn the_terminal_tells_the_width_before_columns_does() {
        let read = |name: &str| (name == "COLUMNS").then(|| "132".to_owned());
        let surroundings = Surroundings { attended: true, read: &read };
        assert_eq!(surroundings.size(Some((30, 100))), (30, 100));
        assert_eq!(surroundings.size(None), (24, 132));
        assert_eq!(Surroundings { attended: true, read: &|_| None }.size(None), (24, 80));
    }

    #[test]
    fn a_bar_has_the_width_that_was_asked_for() {
        let look = Look { colour: false, unicode: false };
        let bar = |done, total| [look.bar(done, total, 8)].map(|(full, empty)| full + &empty).concat();
        assert_eq!((bar(0, 0), bar(5, 10), bar(10, 10)), ("--------".into(), "####----".into(), "########".into()));
        assert_eq!((bar(20, 10), bar(u64::MAX, u64::MAX)), ("########".into(), "########".into()));
    }
}
