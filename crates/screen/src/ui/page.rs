//! A page of a lesson on a terminal: Markdown as text in lines that fit, commands as they are typed.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::fit;
use super::look::{Look, Paint};

/// Longer lines are hard to read, however wide the terminal is.
const WIDEST: usize = 100;

/// Before every line of a page, so that it stands apart from what programs print.
const MARGIN: &str = "  ";

/// Markdown that has no blocks of code: paragraphs and lists, with a blank line between them.
pub(super) fn prose(markdown: &str, width: usize, look: Look) -> Vec<String> {
    let mut page = Writer { look, width: inner(width), lines: Vec::new(), line: Line::default(), lists: Vec::new() };
    let mut paints = Vec::new();
    let mut address = None;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::List(first)) => page.begin_list(first),
            Event::End(TagEnd::List(_)) => page.end_list(),
            Event::Start(Tag::Item) => page.begin_item(),
            Event::End(TagEnd::Item) => page.end_line(),
            Event::End(TagEnd::Paragraph) => {
                page.end_line();
                page.lines.push(String::new());
            }
            Event::Start(Tag::Strong | Tag::Emphasis) => paints.push(Paint::Bold),
            Event::End(TagEnd::Strong | TagEnd::Emphasis) => drop(paints.pop()),
            Event::Start(Tag::Link { dest_url, .. }) => address = Some(dest_url),
            Event::End(TagEnd::Link) => {
                if let Some(address) = address.take() {
                    page.text(&format!(" ({address})"), Some(Paint::Dim));
                }
            }
            Event::Text(text) => page.text(&text, paints.last().copied()),
            Event::Code(text) => page.text(&text, Some(Paint::Busy)),
            Event::SoftBreak | Event::HardBreak => page.text(" ", None),
            _ => {}
        }
    }
    page.end_line();
    page.lines
}

/// Text that keeps its lines: a file, a picture. What is too long for the terminal is left to it.
pub(super) fn verbatim(text: &str, look: Look) -> Vec<String> {
    text.lines().map(|line| format!("{MARGIN}  {}", look.paint(Paint::Dim, line)).trim_end().to_owned()).collect()
}

/// A command with the sign of a shell, its further lines below.
pub(super) fn command(text: &str, look: Look) -> Vec<String> {
    let sign = |index: usize| if index == 0 { "$ " } else { "> " };
    let line = |(index, line): (usize, &str)| format!("{MARGIN}{}{line}", look.paint(Paint::Hint, sign(index)));
    text.lines().enumerate().map(line).collect()
}

/// `── 4 of 6: Deploy ──────`
pub(super) fn heading(text: &str, width: usize, look: Look) -> String {
    let rule = if look.unicode { "─" } else { "-" };
    let rest = inner(width).saturating_sub(fit::columns(text) + 4);
    look.paint(Paint::Bold, &format!("{0}{0} {text} {1}", rule, rule.repeat(rest)))
}

/// The columns of a line without its margin.
fn inner(width: usize) -> usize {
    width.min(WIDEST).saturating_sub(MARGIN.len() + 1).max(20)
}

/// Puts words into lines.
struct Writer {
    look: Look,
    width: usize,
    lines: Vec<String>,
    line: Line,
    /// Of each open list: the number of its next item, if it has numbers.
    lists: Vec<Option<u64>>,
}

/// The words since the last end of a line.
#[derive(Default)]
struct Line {
    /// What stands before the first word: the sign of a list's item.
    sign: String,
    words: Vec<Word>,
    /// Whether the next text begins a new word.
    apart: bool,
}

#[derive(Default)]
struct Word {
    painted: String,
    columns: usize,
}

impl Writer {
    fn begin_list(&mut self, first: Option<u64>) {
        self.end_line();
        self.lists.push(first);
    }

    fn end_list(&mut self) {
        self.end_line();
        self.lists.pop();
        if self.lists.is_empty() {
            self.lines.push(String::new());
        }
    }

    fn begin_item(&mut self) {
        self.end_line();
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let sign = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ if self.look.unicode => "• ".to_owned(),
            _ => "- ".to_owned(),
        };
        self.line.sign = indent + &sign;
    }

    fn text(&mut self, text: &str, paint: Option<Paint>) {
        for (index, piece) in text.split(' ').enumerate() {
            self.line.apart |= index > 0;
            if piece.is_empty() {
                continue;
            }
            if self.line.apart || self.line.words.is_empty() {
                self.line.words.push(Word::default());
                self.line.apart = false;
            }
            if let Some(word) = self.line.words.last_mut() {
                word.columns += fit::columns(piece);
                word.painted.push_str(&paint.map_or_else(|| piece.to_owned(), |paint| self.look.paint(paint, piece)));
            }
        }
    }

    fn end_line(&mut self) {
        let Line { sign, words, .. } = std::mem::take(&mut self.line);
        if words.is_empty() {
            return;
        }
        let indent = fit::columns(&sign);
        let (mut row, mut used) = (format!("{MARGIN}{sign}"), indent);
        for word in words {
            let begins = used == indent;
            if !begins && used + 1 + word.columns > self.width {
                self.lines.push(std::mem::replace(&mut row, format!("{MARGIN}{}", " ".repeat(indent))));
                used = indent;
            } else if !begins {
                row.push(' ');
                used += 1;
            }
            row.push_str(&word.painted);
            used += word.columns;
        }
        self.lines.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { colour: false, unicode: true };

    #[test]
    fn paragraphs_and_lists_fit_their_width() {
        let text = "A **bold**, *light* word and `some code`,\nwith [a link](https://example.test/).\n\n- one that is long enough to be\n  broken\n- two\n\nThe end.\n";
        let lines = prose(text, 40, PLAIN);
        assert_eq!(
            lines,
            [
                "  A bold, light word and some code,",
                "  with a link (https://example.test/).",
                "",
                "  • one that is long enough to be",
                "    broken",
                "  • two",
                "",
                "  The end.",
                "",
            ]
        );
    }

    #[test]
    fn what_is_painted_is_measured_without_its_paint() {
        let painted = prose("one **two** three four", 23, Look { colour: true, unicode: true });
        let plain: Vec<String> = painted.iter().map(|line| fit::clean(line)).collect();
        assert_eq!(plain, ["  one two three four", ""]);
        assert_ne!(plain, painted);
    }

    #[test]
    fn a_command_shows_where_it_begins_and_goes_on() {
        assert_eq!(command("cat <<END\na\nEND\n", PLAIN), ["  $ cat <<END", "  > a", "  > END"]);
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii() {
        let look = Look { colour: false, unicode: false };
        assert_eq!(prose("- a\n", 40, look), ["  - a", ""]);
        assert_eq!(heading("a", 30, look), format!("-- a {}", "-".repeat(22)));
    }
}
