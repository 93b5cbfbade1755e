//! What a parser says of a file, in the words of those who write such files: mappings, lists and strings, and no types of Rust.
//! No value of the file is repeated, for it may be a secret; names of fields and words that were to be chosen from a few are.

/// The parser's words, with the place if it tells one.
pub fn parser_words(error: &str) -> String {
    let (message, place) = match error.rfind(" at line ") {
        Some(start) => error.split_at(start),
        None => (error, ""),
    };
    format!("{}{place}", in_plain_words(message))
}

fn in_plain_words(message: &str) -> String {
    for wrong in ["invalid type: ", "invalid value: "] {
        if let Some((seen, wanted)) = message.strip_prefix(wrong).and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("{} stands where {} should be", kind(seen), kind(wanted));
        }
    }
    if let Some((length, wanted)) =
        message.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        return match length {
            _ if kind(wanted) == MAPPING => format!("a list stands where {MAPPING} should be"),
            length => format!("a list of {length} has another length than {}", kind(wanted)),
        };
    }
    if let Some((name, known)) = message.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("there is no field {name}: it should be {known}");
    }
    if let Some((name, known)) =
        message.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{name} cannot stand here: it should be {known}");
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("the field {name} is missing");
    }
    for twice in ["duplicate field ", "duplicate mapping key: "] {
        if let Some(name) = message.strip_prefix(twice) {
            return format!("the field {} is there twice", name.split(", set ").next().unwrap_or(name));
        }
    }
    match message {
        "expected mapping start" => format!("{MAPPING} should be here"),
        "expected sequence start" => format!("{LIST} should be here"),
        "expected string scalar" => "a string should be here".to_owned(),
        "invalid bool" | "invalid boolean" => "true or false should be here".to_owned(),
        "expected value" => "no value that can stand here".to_owned(),
        "EOF while parsing a value" => "a value should be here, and the file ends".to_owned(),
        other if other.strip_prefix("invalid ").is_some_and(|kind| !kind.contains(' ')) => {
            format!("{} should be here", kind(&other["invalid ".len()..]))
        }
        other => other.replacen("EOF while parsing", "the file ends in", 1),
    }
}

const MAPPING: &str = "a mapping (names with values)";
const LIST: &str = "a list";

/// What serde calls a value or what it expects.
fn kind(words: &str) -> &'static str {
    let first = words.split(' ').find(|word| !matches!(*word, "a" | "an" | "borrowed")).unwrap_or_default();
    match first {
        "map" | "struct" => MAPPING,
        "sequence" | "array" | "tuple" => LIST,
        "string" | "str" | "character" | "char" => "a string",
        "path" => "a path",
        "boolean" | "bool" => "true or false",
        "null" | "unit" | "Option" | "option" => "nothing",
        "enum" | "variant" | "identifier" | "field" => "a word",
        "integer" | "floating" | "number" | "nonzero" => "a number",
        "byte" | "bytes" => "bytes",
        number if number.starts_with(['u', 'i', 'f']) && number[1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            "a whole number that is not too large"
        }
        "usize" | "isize" => "a whole number that is not too large",
        _ => "another value",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    /// Every kind of thing that a file can hold.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Whole {
        number: u32,
        text: Option<String>,
        list: Vec<String>,
        inner: BTreeMap<String, Inner>,
        word: Word,
        yes: bool,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Inner {
        place: std::path::PathBuf,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Never,
        Always,
    }

    #[test]
    fn no_word_of_rust_and_no_value_of_the_file_is_in_what_is_told() {
        let begin = r#""number": 1, "text": "x", "list": [], "inner": {}, "word": "never", "yes": true"#;
        let cases = [
            ("[]", "mapping"),
            ("5", "mapping"),
            (r#""s3cret""#, "a string stands where a mapping"),
            ("", "the file ends"),
            ("{", "the file ends in an object"),
            (r#"{"number": "s3cret"}"#, "a string stands where a whole number"),
            (r#"{"number": -3}"#, "a whole number"),
            (r#"{"number": 1.5}"#, "a whole number"),
            (r#"{"number": 1, "text": {}}"#, "a mapping (names with values) stands where a string"),
            (r#"{"number": 1, "list": {"a": "s3cret"}}"#, "stands where a list should be"),
            (r#"{"number": 1, "list": [{"a": "s3cret"}]}"#, "stands where a string should be"),
            (r#"{"number": 1, "inner": {"a": "s3cret"}}"#, "a string stands where a mapping"),
            (r#"{"number": 1, "inner": {"a": {"place": ["s3cret"]}}}"#, "stands where a path should be"),
            (r#"{"number": 1, "inner": {"a": {}}}"#, "the field `place` is missing"),
            (r#"{"number": 1, "word": "nver"}"#, "`nver` cannot stand here: it should be `never` or `always`"),
            (r#"{"number": 1, "word": 5}"#, "no value that can stand here at line 1"),
            (r#"{"number": 1, "yes": "s3cret"}"#, "stands where true or false should be"),
            (r#"{"number": null}"#, "nothing stands where a whole number"),
            (r#"{"number": 1, "number": 2}"#, "the field `number` is there twice"),
            (r#"{"nmber": 1}"#, "there is no field `nmber`: it should be one of `number`"),
        ];
        for (text, wanted) in cases {
            let error = serde_json::from_str::<Whole>(text).unwrap_err().to_string();
            let told = parser_words(&error);
            assert!(told.contains(wanted), "{text}: {told}");
            for foreign in ["struct", "Option", "u32", "enum", "invalid type", "variant", "sequence", "s3cret", "EOF"] {
                assert!(!told.contains(foreign), "{text}: {told}");
            }
        }
        assert!(serde_json::from_str::<Whole>(&format!("{{{begin}}}")).is_ok());
    }

    #[test]
    fn the_words_of_the_yaml_parser_are_plain_too() {
        for (text, wanted) in [
            ("- a", "a mapping (names with values) should be here at line 1"),
            ("list: {a: s3cret}", "a list should be here at line 1"),
            ("text: [s3cret]", "a string should be here at line 1"),
            ("yes: s3cret", "true or false should be here at line 1"),
            ("number: s3cret", "a whole number that is not too large should be here at line 1"),
            ("word: nver", "cannot stand here: it should be one of never, always at line 1"),
            ("number: 1\nnumber: 2", "the field number is there twice at line 2"),
        ] {
            let error = serde_saphyr::from_str::<Whole>(text).unwrap_err();
            let told = parser_words(&error.without_snippet().to_string());
            assert!(told.contains(wanted), "{text}: {told}");
            for foreign in ["DuplicateKeyPolicy", "variant", "s3cret", "sequence", "scalar"] {
                assert!(!told.contains(foreign), "{text}: {told}");
            }
        }
    }
}
