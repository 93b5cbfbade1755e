//! Takes secrets out of text that is kept on the disk. Pure.
//!
//! What looks like a secret goes even where it is none: a word too few in a log is a nuisance, a password in it is an
//! incident. What people need to find a fault (sums, digests, paths, names of Secrets) stays; the tests list both.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands in the place of a secret.
const HIDDEN: &str = "[redacted]";

/// The text without its secrets.
fn text(text: &str) -> Cow<'_, str> {
    // A pattern that does not compile, which a test rules out, must not let everything through.
    RULES.as_ref().map_or(Cow::Borrowed(HIDDEN), |rules| rules.apply(text))
}

/// Takes the secrets out of a text.
pub(crate) fn in_place(string: &mut String) {
    if let Cow::Owned(redacted) = text(string) {
        *string = redacted;
    }
}

/// Takes the secrets out of the lines of a text: a key may go over many of them.
pub(crate) fn lines(lines: &mut Vec<String>) {
    if let Cow::Owned(redacted) = text(&lines.join("\n")) {
        *lines = redacted.lines().map(str::to_owned).collect();
    }
}

struct Rules {
    /// Matches are replaced by the template.
    plain: Vec<(Regex, &'static str)>,
    /// `scheme://user:secret@`; the group is there if an image's digest follows instead of a host.
    user_in_url: Regex,
    /// A name, group 1, and a value, group 2, that may also be the next word of a sentence.
    pair_or_prose: Regex,
}

static RULES: LazyLock<Option<Rules>> = LazyLock::new(|| Rules::new().ok());

/// Names whose value is a secret wherever they stand.
const SURE: &str = r"(?:password|passwd|passphrase|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|certificate-key|client-key-data|dockerconfigjson)";

/// Names that also are ordinary words of Kubernetes' messages.
const LIKELY: &str = r"(?:secret|token|credentials?)";

/// A value: hidden already, in quotes (which a text in a text escapes), or a word.
const VALUE: &str = r#"(?:\[redacted\]|\\+"[^"]*"|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"'&]+)"#;

impl Rules {
    fn new() -> Result<Self, regex::Error> {
        // A name begins a word, and is not the end of a path: "…/serviceaccount/token: no such file".
        let name = |last: &str| format!(r#"(?:^|[^A-Za-z0-9_./-])[A-Za-z0-9_.-]*{last}\\*["']?"#);
        // "--token VALUE"
        let flag = |last: &str| format!(r"(?:^|\s)--[a-z0-9-]*{last}[ \t]+");
        let equals = r"[ \t]*=>?[ \t]*";
        let colon = r"[ \t]*:[ \t]*";
        let plain = [
            // A private key, to its end or to that of the text.
            (
                r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)"
                    .to_owned(),
                "[redacted]",
            ),
            // The same in base64, as in a kubeconfig: it begins with "-----BEGIN".
            (r"LS0tLS1CRUdJTi[A-Za-z0-9+/_=-]{16,}".to_owned(), "[redacted]"),
            // A proxy that is written without a scheme.
            (r#"(?i)(_proxy["']?[ \t]*[:=][ \t]*["']?)[^\s@"'/]*@"#.to_owned(), "${1}[redacted]@"),
            (
                r#"(?i)(authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?)(?:(?:digest|aws4-hmac-sha256)[ \t]+[^\r\n]*|(?:basic|bearer|negotiate|ntlm|token)[ \t]+[^\r\n"']*|[^\s"']+)"#
                    .to_owned(),
                "${1}[redacted]",
            ),
            // With a digit, or too long for the next word of a sentence.
            (
                r"(?i)\b(bearer[ \t]+)(?:[a-z0-9._~+/-]*[0-9][a-z0-9._~+/=-]*|[a-z._~+/-]{16,}=*)".to_owned(),
                "${1}[redacted]",
            ),
            // What docker keeps of a registry's login.
            (r#"("auth\\*"[ \t]*:[ \t]*\\*")[^"\\]*"#.to_owned(), "${1}[redacted]"),
            (format!("(?im)({}(?:{equals}|{colon})){VALUE}", name(SURE)), "${1}[redacted]"),
            (format!("(?im)({}){VALUE}", flag(SURE)), "${1}[redacted]"),
            (format!("(?im)({}{equals}){VALUE}", name(LIKELY)), "${1}[redacted]"),
            // A signed address.
            (r"(?i)([?&](?:[a-z0-9-]*signature|sig|[a-z0-9-]*credential)=)[^&\s]+".to_owned(), "${1}[redacted]"),
            // Tokens that are known by their look: AWS, GitHub, GitLab, Docker, Slack, and signed ones (JWT).
            (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b".to_owned(), "[redacted]"),
            (
                r"\b(?:gh[pousr]_|github_pat_|glpat-|dckr_pat_|xox[abprs]-)[A-Za-z0-9_-]{16,}".to_owned(),
                "[redacted]",
            ),
            (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?".to_owned(), "[redacted]"),
        ];
        let plain = plain.into_iter().map(|(pattern, template)| Ok((Regex::new(&pattern)?, template)));
        Ok(Self {
            plain: plain.collect::<Result<_, regex::Error>>()?,
            user_in_url: Regex::new(concat!(
                r"(?i)\b([a-z][a-z0-9+.-]*://)",
                // Up to the last @ before the path; or with a slash in the password, which is then no port.
                r#"(?:[^\s/?#"'<>]*|[^\s/?#"'<>@:\[]*:[0-9]*[^\s/@"'<>0-9][^\s@"'<>]*)"#,
                "@(sha256:)?",
            ))?,
            pair_or_prose: Regex::new(&format!("(?im)({}{colon}|{})({VALUE})", name(LIKELY), flag(LIKELY)))?,
        })
    }

    fn apply<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut redacted = Cow::Borrowed(text);
        let mut change = |rule: &dyn Fn(&str) -> Option<String>| {
            if let Some(changed) = rule(&redacted) {
                redacted = Cow::Owned(changed);
            }
        };
        change(&|text| {
            owned(self.user_in_url.replace_all(text, |found: &Captures<'_>| match found.get(2) {
                Some(_) => found[0].to_owned(),
                None => format!("{}{HIDDEN}@", &found[1]),
            }))
        });
        for (pattern, template) in &self.plain {
            change(&|text| owned(pattern.replace_all(text, *template)));
        }
        change(&|text| {
            owned(self.pair_or_prose.replace_all(text, |found: &Captures<'_>| {
                let rest = found.get(0).map_or("", |whole| &text[whole.end()..]);
                if is_prose(&found[2], rest) { found[0].to_owned() } else { format!("{}{HIDDEN}", &found[1]) }
            }))
        });
        redacted
    }
}

/// `failed to fetch a token: Get "https://…"`: a word, or a status, in the middle of a sentence.
fn is_prose(value: &str, rest: &str) -> bool {
    let more = rest.lines().next().is_some_and(|line| !line.trim().is_empty());
    let word =
        value.len() < 16 && value.trim_end_matches([',', ':', ';']).bytes().all(|byte| byte.is_ascii_alphabetic());
    let status = value.len() <= 3 && value.bytes().all(|byte| byte.is_ascii_digit());
    more && (word || status)
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    }
}

#[cfg(test)]
mod tests;
