//! Which lines of a failed program's output say why it failed. Pure.

/// How many lines of a failed program's output are shown.
pub(super) const LINES: usize = 12;

/// A line that is longer than any that a person reads is cut.
const COLUMNS: usize = 2000;

/// The beginning of what a program printed that is no answer: a few lines, without control characters, or that it is nothing.
pub fn excerpt(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(&printed[..printed.len().min(4096)]);
    let clean = |line: &str| -> String {
        let plain = line.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
        plain.take(120).collect()
    };
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).take(3).map(clean).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
}

fn cut(line: &str) -> &str {
    line.char_indices().nth(COLUMNS).map_or(line, |(end, _)| &line[..end])
}

/// The end of what a program printed, whatever it says.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last: Vec<&str> = lines[lines.len().saturating_sub(LINES)..].iter().map(|line| cut(line)).collect();
    last.join("\n")
}

/// The lines that say why a program failed: without its usage, its warnings, its progress and its stack trace. Of many, its
/// error with what follows; without such a line those that speak of a failure, or else the last ones.
pub fn reasons(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .take_while(|line| !line.starts_with("Stack Trace:"))
        .filter(|line| !line.trim().is_empty() && !is_noise(line))
        .map(cut)
        .collect();
    if lines.is_empty() {
        return last_lines(text);
    }
    if lines.len() <= LINES {
        return lines.join("\n");
    }
    if let Some(first) = lines.iter().position(|line| is_error(line)) {
        let end = lines.len().min(first + LINES);
        return lines[first..end].join("\n");
    }
    let telling: Vec<&str> = lines.iter().copied().filter(|line| speaks_of_failure(line)).collect();
    let from = if telling.is_empty() { &lines } else { &telling };
    from[from.len().saturating_sub(LINES)..].join("\n")
}

/// What a program prints beside its reason: how it is called, what it only warns of, the log of a client of Kubernetes.
fn is_noise(line: &str) -> bool {
    let line = line.trim_start();
    let beginnings = ["Usage:", "WARNING:", "Use --debug flag", "coalesce.go:", "walk.go:", "goroutine "];
    let is_help = (line.starts_with("See '") || line.starts_with("Run '")) && line.contains("--help'");
    let is_level = ["level=WARN", "level=INFO", "level=DEBUG", "level=warn", "level=info", "level=debug"];
    // I1126 21:31:11.000000
    let mut letters = line.bytes();
    let is_klog =
        matches!(letters.next(), Some(b'I' | b'W')) && letters.by_ref().take(4).all(|byte| byte.is_ascii_digit());
    is_help
        || beginnings.iter().any(|beginning| line.starts_with(beginning))
        || is_level.iter().any(|level| line.contains(level))
        || is_klog && letters.next() == Some(b' ')
}

fn is_error(line: &str) -> bool {
    let line = line.trim_start().to_ascii_lowercase();
    ["error:", "error ", "fatal:", "panic:", "docker: error", "[error"].iter().any(|begin| line.starts_with(begin))
}

fn speaks_of_failure(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let words =
        ["error", "fail", "denied", "refused", "cannot", "can't", "unable", "no space", "not found", "timed out"];
    words.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_kept_and_what_stands_around_it_is_not() {
        let usage = (1..30).map(|number| format!("      --option-{number}  does something\n")).collect::<String>();
        let progress = (1..40).map(|number| format!("[wait] pod {number} is pending\n")).collect::<String>();
        let table = [
            (
                "docker: Error response from daemon: No such image.\n\nRun 'docker run --help' for more information\n".to_owned(),
                "docker: Error response from daemon: No such image.",
            ),
            (
                "docker: Error response from daemon: pull access denied.\nSee 'docker run --help'.\n".to_owned(),
                "docker: Error response from daemon: pull access denied.",
            ),
            (format!("Error: unknown flag: --nothing\n{usage}"), "Error: unknown flag: --nothing"),
            (
                "WARNING: Kubernetes configuration file is group-readable. Location: /k\nlevel=WARN msg=\"unable to find exact \
                 version\"\nError: UPGRADE FAILED: post-upgrade hooks failed: context deadline exceeded\n"
                    .to_owned(),
                "Error: UPGRADE FAILED: post-upgrade hooks failed: context deadline exceeded",
            ),
            (
                "I1126 21:31:11.000000   12 warnings.go:70] deprecated\nError: INSTALLATION FAILED: cannot re-use a name\n"
                    .to_owned(),
                "Error: INSTALLATION FAILED: cannot re-use a name",
            ),
            (format!("{progress}cannot connect to 127.0.0.1:6443\n{progress}"), "cannot connect to 127.0.0.1:6443"),
        ];
        for (text, wanted) in table {
            let found = reasons(&text);
            assert!(found.starts_with(wanted) && found.lines().count() <= LINES, "{text}: {found}");
            assert!(!found.contains("--help") && !found.contains("WARNING") && !found.contains("level="), "{found}");
        }
    }

    #[test]
    fn what_is_no_answer_is_shown_in_a_few_short_lines() {
        assert_eq!(excerpt(b" \n\n"), "nothing");
        assert_eq!(excerpt(b"\xff\x1b[31mred\n\nnext\n"), "\u{fffd}\u{fffd}[31mred\nnext");
        let flood = excerpt(&b"y".repeat(1 << 20));
        assert_eq!(flood.len(), 120);
        assert_eq!(excerpt("line\n".repeat(100).as_bytes()).lines().count(), 3);
        assert_eq!(reasons(&"é".repeat(5000)).chars().count(), COLUMNS);
    }

    #[test]
    fn words_that_are_nothing_but_noise_are_better_than_none() {
        assert_eq!(reasons("WARNING: this\n"), "WARNING: this");
        assert_eq!(reasons("\n"), "");
        let many: String = (1..=20).map(|number| format!("line {number}\n")).collect();
        assert!(reasons(&many).starts_with("line 9\n") && reasons(&many).ends_with("line 20"));
    }
}
