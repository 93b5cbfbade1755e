//! Lists of checksums, as upstreams publish them: a sum alone, or lines of `sha256sum`, of `shasum` or of BSD's `sha256`.

use anyhow::{Context as _, Result};
use bootstrap_fetch::sum::Sha256;

/// The sum that a list has for the file of this name; `None` if it does not name it.
///
/// A sum without a name counts only if it is all that the list says. Lines that are no sums are passed over: lists have
/// titles and signatures.
///
/// # Errors
/// A list that says two different sums for the file, or no sum at all: it is something else then.
pub(super) fn sum_of(list: &str, name: &str) -> Result<Option<Sha256>> {
    let lines: Vec<(Sha256, Option<&str>)> = list.lines().filter_map(line).collect();
    anyhow::ensure!(!lines.is_empty(), "it holds no sha256 sum: {:?}", head(list));
    if let [(sum, None)] = lines.as_slice() {
        return Ok(Some(sum.clone()));
    }
    let mut sums = lines.into_iter().filter(|(_, named)| named.is_some_and(|named| is_name(named, name)));
    let Some((sum, _)) = sums.next() else { return Ok(None) };
    match sums.find(|(other, _)| *other != sum) {
        Some((other, _)) => anyhow::bail!("it says two sums for {name}: {sum} and {other}"),
        None => Ok(Some(sum)),
    }
}

/// The last part of an address: the name of a file in lists.
pub(super) fn name_in(url: &str) -> Result<&str> {
    let name = url.rsplit('/').next().filter(|name| !name.is_empty());
    name.with_context(|| format!("{url} names no file"))
}

/// `<sum>`, `<sum>  name`, `<sum> *name`, or `SHA256 (name) = <sum>`.
fn line(line: &str) -> Option<(Sha256, Option<&str>)> {
    let line = line.trim();
    if let Some((name, sum)) = line.strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = ")) {
        return Some((sum_in(sum)?, Some(name)));
    }
    let (sum, name) = line.split_once([' ', '\t']).map_or((line, None), |(sum, name)| (sum, Some(name)));
    let name = name.map(str::trim_start).map(|name| name.strip_prefix('*').unwrap_or(name));
    Some((sum_in(sum)?, name))
}

fn sum_in(text: &str) -> Option<Sha256> {
    Sha256::parse(&text.to_ascii_lowercase()).ok()
}

/// Lists are made in folders of which their lines may tell.
fn is_name(named: &str, name: &str) -> bool {
    named == name || named.strip_suffix(name).is_some_and(|folder| folder.ends_with('/'))
}

fn head(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().chars().take(60).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn sum(letter: &str) -> String {
        letter.repeat(64)
    }

    fn found(list: &str) -> Option<String> {
        sum_of(list, "kind-linux-amd64").unwrap().map(|sum| sum.to_string())
    }

    #[test]
    fn a_sum_is_found_in_every_form() {
        let sum = sum("a");
        for list in [
            sum.clone(),
            format!("{sum}\n"),
            format!("{sum}  kind-linux-amd64\n"),
            format!("{sum} *kind-linux-amd64\r\n"),
            format!("{sum}  bin/kind-linux-amd64"),
            format!("{sum}  ./kind-linux-amd64"),
            format!("{}  kind-linux-amd64", sum.to_uppercase()),
            format!("SHA256 (kind-linux-amd64) = {sum}"),
        ] {
            assert_eq!(found(&list), Some(sum.clone()), "{list}");
        }
    }

    #[test]
    fn the_line_of_another_file_is_not_taken() {
        let list = format!("{}  kind-linux-arm64\n{}  not-kind-linux-amd64\n", sum("a"), sum("b"));
        assert_eq!(found(&list), None);
        // CloudNativePG lists the inventory of each archive beside it, under a longer name.
        let list = format!("{}  kind-linux-amd64.sbom.json\n{list}{}  kind-linux-amd64\n", sum("d"), sum("c"));
        assert_eq!(found(&list), Some(sum("c")));
    }

    #[test]
    fn a_sum_without_a_name_counts_only_alone() {
        assert_eq!(found(&format!("{}\n{}\n", sum("a"), sum("b"))), None);
        assert_eq!(found(&format!("{}\n{}  kind-linux-amd64\n", sum("a"), sum("b"))), Some(sum("b")));
    }

    #[test]
    fn junk_between_the_lines_is_passed_over() {
        let list = format!("# sums\n\n-----BEGIN-----\n{}  kind-linux-amd64\nabc  kind-linux-amd64\n", sum("a"));
        assert_eq!(found(&list), Some(sum("a")));
    }

    #[test]
    fn a_line_that_stands_twice_must_say_the_same_twice() {
        let twice = |other: &str| format!("{}  kind-linux-amd64\n{other}  kind-linux-amd64\n", sum("a"));
        assert_eq!(found(&twice(&sum("a"))), Some(sum("a")));
        let error = sum_of(&twice(&sum("b")), "kind-linux-amd64").unwrap_err();
        assert!(error.to_string().contains("two sums"), "{error}");
    }

    #[test]
    fn what_holds_no_sum_is_an_error() {
        for list in ["", "not found", "<html>", &"a".repeat(63), &format!("{}  kind-linux-amd64", "g".repeat(64))] {
            assert!(sum_of(list, "kind-linux-amd64").is_err(), "{list}");
        }
    }
}
