//! Where in a file of YAML something stands. JSON is YAML, too.

use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Options, Parser, Span};

/// A value of a file.
#[derive(Debug)]
struct Node {
    /// The place of its first byte, and of the byte behind its last one.
    bytes: Range<usize>,
    /// The line that it begins in, from 1.
    line: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Scalar,
    /// What stands elsewhere in the file.
    Alias,
    List(Vec<Node>),
    /// With the line of each name, from 1.
    Mapping(Vec<(String, usize, Node)>),
}

/// The bytes of the value at a place (RFC 6901), if the file is YAML and has that place, and the value is a word
/// that is written there: no list, no mapping.
pub(crate) fn place_of(text: &str, pointer: &str) -> Option<Range<usize>> {
    let mut node = &read(text)?;
    for part in parts(pointer) {
        node = node.child(&part)?.1;
    }
    (matches!(node.content, Content::Scalar) && !node.bytes.is_empty()).then(|| node.bytes.clone())
}

/// The line of the place, from 1; the line of as much of the way there as the file has.
pub(super) fn line_of(text: &str, pointer: &str) -> usize {
    let Some(root) = read(text) else { return 1 };
    let (mut node, mut line) = (&root, root.line);
    for part in parts(pointer) {
        let Some((there, child)) = node.child(&part) else { break };
        (node, line) = (child, there);
    }
    line
}

/// A name as a part of a place.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// A text as the file writes the value that is there now: between quotes, if it stands between quotes or the file is JSON.
pub(crate) fn quoted_as(text: &str, there: &Range<usize>, value: &str) -> String {
    let old = &text[there.clone()];
    let is_json = text.trim_start().starts_with('{');
    let is_plain =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_./".contains(&byte));
    match old.bytes().next() {
        Some(b'\'') if is_plain => format!("'{value}'"),
        Some(b'"') => json_text(value),
        _ if is_json || !is_plain => json_text(value),
        _ => value.to_owned(),
    }
}

/// A string of JSON is one of YAML, too.
fn json_text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

impl Node {
    /// What is there by this name or number, and the line of it.
    fn child(&self, part: &str) -> Option<(usize, &Self)> {
        match &self.content {
            Content::Scalar | Content::Alias => None,
            Content::List(items) => items.get(part.parse::<usize>().ok()?).map(|node| (node.line, node)),
            Content::Mapping(fields) => {
                fields.iter().find(|(name, ..)| name == part).map(|(_, line, node)| (*line, node))
            }
        }
    }
}

type Events<'text> = dyn Iterator<Item = (Event<'text>, Span)> + 'text;

/// `None` if it is not YAML, or has lists or mappings as names.
fn read(text: &str) -> Option<Node> {
    let mut events: Vec<(Event<'_>, Span)> = Vec::new();
    let mut options = Options::default();
    options.set_emit_comments(false);
    for event in Parser::new_from_str_with_options(text, options) {
        events.push(event.ok()?);
    }
    let mut events: Box<Events<'_>> = Box::new(events.into_iter());
    loop {
        match events.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            first => return node(first, &mut *events),
        }
    }
}

fn node<'text>((event, span): (Event<'text>, Span), events: &mut Events<'text>) -> Option<Node> {
    let (bytes, line) = (span.byte_range()?, span.start.line());
    let (content, end) = match event {
        Event::Scalar(..) => (Content::Scalar, bytes.end),
        Event::Alias(_) | Event::UnresolvedAlias(_) => (Content::Alias, bytes.end),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next()? {
                    (Event::SequenceEnd, end) => break (Content::List(items), end.byte_range()?.end),
                    first => items.push(node(first, events)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut fields = Vec::new();
            loop {
                match events.next()? {
                    (Event::MappingEnd, end) => break (Content::Mapping(fields), end.byte_range()?.end),
                    (Event::Scalar(name, ..), at) => {
                        let first = events.next()?;
                        fields.push((name.into_owned(), at.start.line(), node(first, events)?));
                    }
                    _ => return None,
                }
            }
        }
        _ => return None,
    };
    Some(Node { bytes: bytes.start..end, line, content })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const TEXT: &str = "# ü\na:\n  b/c:\n    - {d: one, e: 'two'}\n    - \"three\"\n  n: null\nlast: x\n";

    #[test]
    fn the_place_of_a_word_is_its_bytes() {
        for (pointer, word) in [
            ("/a/b~1c/0/d", "one"),
            ("/a/b~1c/0/e", "'two'"),
            ("/a/b~1c/1", "\"three\""),
            ("/a/n", "null"),
            ("/last", "x"),
        ] {
            assert_eq!(place_of(TEXT, pointer).map(|bytes| &TEXT[bytes]), Some(word), "{pointer}");
        }
        assert_eq!(place_of("a:\nb: x\n", "/a"), None, "what is left out has no place");
        for pointer in ["/nothing", "/a", "/a/b~1c/9", "/a/b~1c/x", "/last/deeper"] {
            assert_eq!(place_of(TEXT, pointer), None, "{pointer}");
        }
    }

    #[test]
    fn the_line_of_what_is_not_there_is_that_of_what_holds_it() {
        for (pointer, line) in
            [("/a/b~1c/0/e", 4), ("/a/b~1c", 3), ("/a/nothing", 2), ("/a/b~1c/1", 5), ("/last", 7), ("/no", 2)]
        {
            assert_eq!(line_of(TEXT, pointer), line, "{pointer}");
        }
    }

    #[test]
    fn a_value_is_written_as_the_one_before_it() {
        let quoted = |pointer: &str, value: &str| quoted_as(TEXT, &place_of(TEXT, pointer).unwrap(), value);
        assert_eq!(quoted("/last", "sha256:ab"), "sha256:ab");
        assert_eq!(quoted("/a/b~1c/0/e", "new"), "'new'");
        assert_eq!(quoted("/a/b~1c/1", "new"), "\"new\"");
        assert_eq!(quoted("/last", "a # b"), "\"a # b\"");
        let json = "{\"a\": null}";
        assert_eq!(quoted_as(json, &place_of(json, "/a").unwrap(), "new"), "\"new\"");
    }
}
