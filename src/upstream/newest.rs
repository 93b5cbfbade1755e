//! Whether upstream has a newer version than the pinned one. It is told, and never taken.

use anyhow::{Context as _, Result};
use bootstrap_fetch::download::{Answer, Asker};
use serde::Serialize;

use super::words_of;

/// Something that has versions of its own.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    what: String,
    pinned: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// A text that is the version.
    Said(String),
    /// `https://github.com/OWNER/REPO/releases/latest`, which leads to `…/releases/tag/<version>`.
    LeadsTo(String),
}

/// What upstream says of its newest version.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Newest {
    pub(crate) what: String,
    pub(crate) pinned: String,
    /// `None` if it could not be learned.
    pub(crate) newest: Option<String>,
    pub(crate) is_newer: bool,
    /// Where it is said, or why it is not known.
    pub(crate) evidence: Vec<String>,
}

impl Release {
    pub(super) fn said(what: &str, pinned: &str, url: String) -> Self {
        Self { what: what.to_owned(), pinned: pinned.to_owned(), place: Place::Said(url) }
    }

    pub(super) fn on_github(what: &str, pinned: &str, repository: &str) -> Self {
        let url = format!("https://github.com/{repository}/releases/latest");
        Self { what: what.to_owned(), pinned: pinned.to_owned(), place: Place::LeadsTo(url) }
    }

    pub(super) fn url(&self) -> &str {
        match &self.place {
            Place::Said(url) | Place::LeadsTo(url) => url,
        }
    }
}

pub(super) async fn of(asker: &Asker, release: Release) -> Newest {
    let (newest, evidence) = match said(asker, &release).await {
        Ok(version) => (Some(version), vec![asker.place(release.url())]),
        Err(error) => (None, words_of(&error)),
    };
    let is_newer = match (newest.as_deref().and_then(numbers), numbers(&release.pinned)) {
        (Some(newest), Some(pinned)) => newest > pinned,
        _ => false,
    };
    Newest { what: release.what, pinned: release.pinned, newest, is_newer, evidence }
}

/// The version without its `v`.
async fn said(asker: &Asker, release: &Release) -> Result<String> {
    let (answer, what) = match &release.place {
        Place::Said(url) => (asker.text(url).await?, "says"),
        Place::LeadsTo(url) => (asker.leads_to(url).await?, "leads to"),
    };
    let words = match answer {
        Answer::There(words) => words,
        Answer::Gone(words) => anyhow::bail!(words),
    };
    let version = match &release.place {
        Place::Said(_) => Some(words.trim()),
        Place::LeadsTo(_) => words.split_once("/releases/tag/").map(|(_, tag)| tag),
    };
    let version = version.map(|version| version.strip_prefix('v').unwrap_or(version));
    let version = version.filter(|version| numbers(version).is_some());
    let head: String = words.chars().take(80).collect();
    Ok(version.with_context(|| format!("{} {what} {head:?}, which is no version", release.url()))?.to_owned())
}

/// `1.30.0`, and nothing that comes before a release or after it.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let numbers: Vec<u64> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("1.30.10") > numbers("1.30.9"));
        assert!(numbers("4.10.0") > numbers("4.9.9"));
        for bad in ["1.30", "1.31.0-rc1", "", "latest", "1.2.3.4", "1..2"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }
}
