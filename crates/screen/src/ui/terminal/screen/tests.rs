//! The pictures on a terminal, and on one that breaks its lines anew when it is resized.

use std::num::NonZero;

use super::*;

fn terminal(rows: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0)
}

fn lines(text: &[&str]) -> Vec<String> {
    text.iter().map(|line| (*line).to_owned()).collect()
}

fn shown(parser: &vt100::Parser) -> Vec<String> {
    let screen = parser.screen();
    let rows = screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned()).collect::<Vec<_>>();
    let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
    rows[..used].to_vec()
}

/// What most terminals do when they get another width: each line is broken anew, and the cursor stays with its text.
/// The cursor is expected at the start of a line.
fn broken_anew(parser: &vt100::Parser, rows: u16, columns: u16) -> vt100::Parser {
    let (cursor, _) = parser.screen().cursor_position();
    let old: Vec<String> = shown(parser);
    let height = |line: &String| u16::try_from(line.chars().count().max(1)).unwrap().div_ceil(columns);
    let row: u16 = old.iter().take(cursor.into()).map(height).sum();
    let mut new = terminal(rows, columns);
    new.process(format!("{}\x1b[{};1H", old.join("\r\n"), row + 1).as_bytes());
    new
}

fn draw(parser: &mut vt100::Parser, screen: &mut Screen, kept: &[&str], moving: &[&str], begins: bool) {
    let (rows, columns) = parser.screen().size();
    let size = (usize::from(rows.get()), usize::from(columns.get()));
    if let Some(picture) = screen.picture(&lines(kept), &lines(moving), size, begins) {
        parser.process(picture.as_bytes());
    }
}

#[test]
fn lines_that_are_broken_anew_leave_nothing_behind() {
    let (mut parser, mut screen) = (terminal(20, 40), Screen::new());
    parser.process(b"$ pgedge-bootstrap tools\r\n");
    draw(
        &mut parser,
        &mut screen,
        &["heading"],
        &["first with thirty-five columns here", "second with thirty-five columns too"],
        true,
    );
    for (rows, columns) in [(20, 12), (20, 25), (9, 9), (20, 60)] {
        parser = broken_anew(&parser, rows, columns);
        draw(&mut parser, &mut screen, &[], &["first", "second", "third"], false);
        let text = shown(&parser).concat();
        assert_eq!(text, "$ pgedge-bootstrap toolsheadingfirstsecondthird", "{rows} x {columns}");
    }
    draw(&mut parser, &mut screen, &["done"], &[], false);
    assert!(shown(&parser).concat().ends_with("headingdone"), "{:?}", shown(&parser));
}

#[test]
fn only_what_has_changed_is_written() {
    let mut screen = Screen::new();
    let mut picture = |moving: &[&str]| screen.picture(&[], &lines(moving), (20, 40), false);
    assert!(picture(&["one", "two"]).unwrap().contains("one"));
    assert_eq!(picture(&["one", "two"]), None);
    let changed = picture(&["one", "2"]).unwrap();
    assert!(!changed.contains("one") && changed.contains('2'), "{changed:?}");
}

#[test]
fn at_the_end_of_the_screen_lines_move_up() {
    let (mut parser, mut screen) = (terminal(5, 40), Screen::new());
    draw(&mut parser, &mut screen, &["a", "b", "c"], &["x", "y"], true);
    draw(&mut parser, &mut screen, &[], &["x", "y", "z"], false);
    draw(&mut parser, &mut screen, &["d"], &["x", "z"], false);
    assert_eq!(shown(&parser), ["b", "c", "d", "x", "z"]);
    draw(&mut parser, &mut screen, &["e"], &[], false);
    assert_eq!(shown(&parser), ["b", "c", "d", "e"]);
    assert!(!parser.screen().hide_cursor());
}
