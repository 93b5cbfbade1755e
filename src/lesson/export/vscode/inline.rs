//! Markdown as the description of a walkthrough's step understands it: a paragraph is a line, and its marks come in pairs. There
//! are no lists and no blocks.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// The last paragraph, a line; if a list stands there, a line for each item, behind the paragraph that leads to it.
pub(super) fn last(prose: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut in_list = false;
    for event in Parser::new(prose) {
        match event {
            Event::Start(Tag::Paragraph) if !in_list => lines = vec![String::new()],
            Event::Start(Tag::List(_)) => in_list = true,
            Event::End(TagEnd::List(_)) => in_list = false,
            Event::Start(Tag::Item) => lines.push("• ".to_owned()),
            event => {
                if let Some(line) = lines.last_mut() {
                    mark(event, line);
                }
            }
        }
    }
    lines
}

fn mark(event: Event<'_>, line: &mut String) {
    match event {
        Event::Text(text) => line.push_str(&text),
        Event::Code(code) => line.push_str(&format!("``{code}``")),
        Event::SoftBreak | Event::HardBreak => line.push(' '),
        Event::Start(Tag::Strong) | Event::End(TagEnd::Strong) => line.push_str("**"),
        Event::Start(Tag::Emphasis) | Event::End(TagEnd::Emphasis) => line.push_str("__"),
        // An address is in the page beside it; here its words are enough.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_a_command_is_lines_whose_marks_come_in_pairs() {
        assert_eq!(last("Before.\n\nThe *next* **one**,\nby `a [b]`:\n"), ["The __next__ **one**, by ``a [b]``:"]);
        assert_eq!(
            last("Two:\n\n- **one**, [a link](https://a.b)\n  on;\n- two.\n"),
            ["Two:", "• **one**, a link on;", "• two."]
        );
        assert_eq!(last("Two:\n\n- one\n\n  more\n\nAfter:\n"), ["After:"]);
    }
}
