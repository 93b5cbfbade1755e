//! Text that fits a line: cleaned of what a terminal would obey, measured in columns, cut and wrapped.

/// The text without anything that a terminal would obey or that would move its cursor: escape sequences go, other
/// control characters and the ends of lines become one blank.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_escape(&mut letters),
            '\u{9b}' => skip_until_final(&mut letters),
            // What overrides the direction of writing makes a line read as something else than it is.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            '\u{2028}' | '\u{2029}' => push_blank(&mut clean),
            letter if letter.is_control() => push_blank(&mut clean),
            letter => clean.push(letter),
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// The lines of a text, each cleaned. A carriage return ends a line too: programs draw their own progress with it.
pub(super) fn clean_lines(text: &str) -> Vec<String> {
    text.split(['\n', '\r']).map(clean).filter(|line| !line.is_empty()).collect()
}

fn push_blank(text: &mut String) {
    if !text.is_empty() && !text.ends_with(' ') {
        text.push(' ');
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows an ESC, as ECMA-48 writes it.
fn skip_escape(letters: &mut Letters<'_>) {
    match letters.next() {
        Some('[') => skip_until_final(letters),
        // A title, or a string for a device: up to its terminator, or to the end of the line if that never comes.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(letter) = letters.next_if(|letter| *letter != '\n') {
                match letter {
                    '\u{7}' | '\u{9c}' => return,
                    '\u{1b}' => {
                        letters.next_if_eq(&'\\');
                        return;
                    }
                    _ => {}
                }
            }
        }
        Some(' '..='/') => {
            while letters.next_if(|letter| matches!(letter, ' '..='/')).is_some() {}
            letters.next();
        }
        _ => {}
    }
}

/// The parameters of a control sequence, and the letter that ends it.
fn skip_until_final(letters: &mut Letters<'_>) {
    while letters.next_if(|letter| matches!(letter, ' '..='?')).is_some() {}
    letters.next_if(|letter| matches!(letter, '@'..='~'));
}

/// How many columns a cleaned text takes at most. Terminals differ in what they join to one picture; the sum of the
/// parts is what the most modest one needs.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(letter: char) -> usize {
    match letter {
        // Asks for the coloured picture of the letter before it, which takes a column more.
        '\u{fe0f}' => 1,
        letter => console::measure_text_width(letter.encode_utf8(&mut [0; 4])),
    }
}

/// The text, or as much of it as fits `width` columns together with the `ellipsis` that stands for the rest.
pub(super) fn fit(text: &str, width: usize, ellipsis: &str) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    match width.checked_sub(columns(ellipsis)) {
        Some(room) if room > 0 => format!("{}{ellipsis}", head(text, room).trim_end()),
        _ => head(text, width).to_owned(),
    }
}

/// As [`fit`], but what goes is the middle: for words whose end matters, such as an address and what it answered.
pub(super) fn fit_both_ends(text: &str, width: usize, ellipsis: &str) -> String {
    let room = width.saturating_sub(columns(ellipsis));
    if columns(text) <= width || room < TWO_ENDS {
        return fit(text, width, ellipsis);
    }
    let front = head(text, room / 2).trim_end();
    format!("{front}{ellipsis}{}", tail(text, room - columns(front)).trim_start())
}

/// Less than this is too little for two ends.
const TWO_ENDS: usize = 24;

/// As many letters from the end as fit.
fn tail(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (place, letter) in text.char_indices().rev() {
        used += columns_of(letter);
        if used > width {
            return &text[place + letter.len_utf8()..];
        }
    }
    text
}

/// As many letters from the front as fit.
fn head(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (place, letter) in text.char_indices() {
        used += columns_of(letter);
        if used > width {
            return &text[..place];
        }
    }
    text
}

/// The text in lines of at most `width` columns, broken between words, and within a word that is longer than a line.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        while line.is_empty() && columns(word) > width {
            let front = head(word, width);
            if front.is_empty() {
                break;
            }
            lines.push(front.to_owned());
            word = &word[front.len()..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A list in rows, its items apart by semicolons; the first row has another width than those that follow, and stays empty if its
/// first item fits only there.
pub(super) fn wrap_items(items: &[String], first: usize, others: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut row = String::new();
    for (place, item) in items.iter().enumerate() {
        let item = if place + 1 < items.len() { format!("{item};") } else { item.clone() };
        let limit = |rows: &Vec<String>| if rows.is_empty() { first } else { others };
        if !row.is_empty() && columns(&row) + 1 + columns(&item) > limit(&rows) {
            rows.push(std::mem::take(&mut row));
        }
        if row.is_empty() && rows.is_empty() && columns(&item) > first && others > first {
            rows.push(String::new());
        }
        if !row.is_empty() {
            row.push(' ');
            row.push_str(&item);
        } else {
            let mut pieces = wrap(&item, limit(&rows));
            row = pieces.pop().unwrap_or_default();
            rows.extend(pieces);
        }
    }
    rows.push(row);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_removed() {
        for (text, wanted) in [
            ("plain words", "plain words"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[Hgone", "gone"),
            ("\u{1b}]0;a title\u{7}after", "after"),
            ("\u{1b}]8;;https://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;never ends\nnext", "next"),
            ("\u{1b}(Bset", "set"),
            ("\u{9b}31mred", "red"),
            ("a\tb\r\nc", "a b c"),
            ("bell\u{7}and \u{0}nul", "bell and nul"),
            ("abc\u{202e}fed", "abcfed"),
            ("half a sequence\u{1b}[3", "half a sequence"),
            ("trailing\n", "trailing"),
            ("日本 e\u{301} 🎉", "日本 e\u{301} 🎉"),
        ] {
            assert_eq!(clean(text), wanted, "{text:?}");
        }
        assert_eq!(clean_lines(" 10 %\r 20 %\r\ndone\n"), [" 10 %", " 20 %", "done"]);
    }

    #[test]
    fn wide_letters_take_two_columns_and_marks_none() {
        for (text, wanted) in [("abc", 3), ("日本語", 6), ("e\u{301}", 1), ("🎉", 2), ("☎\u{fe0f}", 2), ("", 0)]
        {
            assert_eq!(columns(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_cut_is_never_wider_than_asked_for() {
        assert_eq!(fit("日本語日本語", 7, "…"), "日本語…");
        assert_eq!(fit("日本語日本語", 6, "…"), "日本…");
        assert_eq!(fit("cafe\u{301} au lait", 5, "…"), "cafe\u{301}…");
        assert_eq!(fit("fits", 4, "…"), "fits");
        assert_eq!(fit("does not", 2, "..."), "do");
        let address = "https://a.example/very/long/file: 503; trying again in 8.0 s";
        assert_eq!(fit_both_ends(address, 40, "…"), "https://a.example/v…rying again in 8.0 s");
        assert_eq!(fit_both_ends(address, 12, "…"), "https://a.e…");
        for text in [
            "日本語の長い文",
            "👩‍👩‍👧 family 👍🏽",
            "a\u{301}\u{302}\u{303}bcdef",
            "☎\u{fe0f}☎\u{fe0f}☎\u{fe0f}",
            "ascii only",
        ] {
            for width in 0..12 {
                for ellipsis in ["…", "..."] {
                    let cut = fit(text, width, ellipsis);
                    assert!(columns(&fit_both_ends(&text.repeat(9), 3 * width, ellipsis)) <= 3 * width);
                    assert!(
                        columns(&cut) <= width && console::measure_text_width(&cut) <= width,
                        "{text:?} in {width}: {cut:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn wrapping_loses_no_letter() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("https://a.example/long x", 8), ["https://", "a.exampl", "e/long x"]);
        assert_eq!(wrap("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("日本", 1).concat(), "日本");
    }
}
