//! Names that are copied like numbers: each is kept once, for the life of the process.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Longer than any name of this program: what is longer was not written by it.
const LONGEST: usize = 64;

/// Names that are kept: neither a log nor a stack can fill the memory with them.
const MOST: usize = 4096;

/// Whether this is a name: 1 to 64 lower-case letters, digits and dashes.
pub fn is_name(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    !text.is_empty() && text.len() <= LONGEST && text.chars().all(fits)
}

/// The name that is kept of a text; `None` if it is no name, or if 4096 others are kept already.
pub fn kept(text: &str) -> Option<&'static str> {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if !is_name(text) {
        return None;
    }
    let mut names = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text) {
        return Some(known);
    }
    if names.len() == MOST {
        return None;
    }
    let name: &'static str = String::leak(text.to_owned());
    names.insert(name);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let (one, two) = (kept("kept-once").map(str::as_ptr), kept("kept-once").map(str::as_ptr));
        assert!(one.is_some() && one == two);
    }

    #[test]
    fn what_is_no_name_is_not_kept() {
        for text in ["", "Docker", "two words", "line\n", &"x".repeat(65)] {
            assert_eq!(kept(text), None, "{text:?}");
        }
    }
}
