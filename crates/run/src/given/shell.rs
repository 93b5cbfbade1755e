//! What a person gave, as a shell reads it: in hints, and in commands that are shown.

/// One word for a shell, whatever is in it, on one line and with no two blanks beside each other: a hint is shown so, and must be
/// right when it is pasted. Where that takes more than quotes it is written as bash and zsh understand it.
pub fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=,@%+".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    let ends = text.starts_with(' ') || text.ends_with(' ');
    if ends || text.contains("  ") || text.chars().any(char::is_control) { escaped(text) } else { quoted(text) }
}

/// One word for every shell, with what is in it as it is.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn escaped(text: &str) -> String {
    let mut word = "$'".to_owned();
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => word.extend(['\\', letter]),
            '\n' => word.push_str(r"\n"),
            ' ' if word.ends_with([' ', '\'']) => word.push_str(r"\x20"),
            letter if letter.is_control() => {
                let mut bytes = [0; 4];
                word.extend(letter.encode_utf8(&mut bytes).bytes().map(|byte| format!(r"\x{byte:02x}")));
            }
            letter => word.push(letter),
        }
    }
    word + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_if_a_shell_would_read_something_else() {
        assert_eq!(word("/a/b-c.json"), "/a/b-c.json");
        for (text, written) in [
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("a\nb", r"$'a\nb'"),
            ("a   b", r"$'a \x20 b'"),
            (" a ", r"$'\x20a '"),
            ("it's\ta\\b", r"$'it\'s\x09a\\b'"),
        ] {
            assert_eq!(word(text), written);
        }
    }
}
