//! The failures that we expect: each with a stable id, what was seen, and what to do about it.
//!
//! A [`Failure`] travels as an ordinary error (`anyhow` carries it upwards); what is not a `Failure` when it reaches
//! `main` is a defect of this program. The ids are an interface: scripts match on them, documentation names them.

mod disk;
mod hint;
mod open_files;
mod report;
mod table;

use std::fmt;

pub use disk::{GivenPlace, from_io, ignore_missing, no_lock};
pub use hint::{ADOPTING, Hint, IN_CODESPACE, Invocation, Ours, hint};
pub(crate) use open_files::{open_files, too_few_open_files};
pub use report::{Report, first_cause};
pub use table::{FailureId, Layer};

/// An expected way to fail.
#[derive(Debug, Clone)]
pub struct Failure {
    id: FailureId,
    summary: String,
    evidence: Vec<String>,
    hint: Option<Hint>,
    is_of_disk: bool,
}

impl Failure {
    /// `summary`: what failed, in lower case, without a full stop.
    pub fn new(id: FailureId, summary: impl Into<String>) -> Self {
        Self { id, summary: summary.into(), evidence: Vec::new(), hint: None, is_of_disk: false }
    }

    /// Adds what was seen: the words of a tool, a field of an object. Several lines become several pieces of evidence.
    #[must_use]
    pub fn evidence(mut self, seen: impl AsRef<str>) -> Self {
        self.evidence
            .extend(seen.as_ref().lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned));
        self
    }

    /// Replaces the id's general advice by one that fits better here.
    #[must_use]
    pub fn hint(mut self, advice: impl Into<Hint>) -> Self {
        self.hint = Some(advice.into());
        self
    }

    /// The stable id, which programs match on.
    pub fn id(&self) -> FailureId {
        self.id
    }

    /// What failed, in one line.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// What was seen, a line each.
    pub fn seen(&self) -> &[String] {
        &self.evidence
    }

    /// What to do, as a person of this run can paste it.
    pub fn advice(&self, run: &Invocation) -> String {
        self.hint.clone().unwrap_or_else(|| self.id.hint()).in_words(run)
    }

    /// These are words of a disk: where they are about a directory that the person named, that is told with them.
    fn of_disk(mut self) -> Self {
        self.is_of_disk = true;
        self
    }
}

/// The summary: what an error chain shows. Id, evidence and hint are the reporters' to lay out.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.summary)
    }
}

impl std::error::Error for Failure {}

/// The failure in an error's chain, if it has one.
pub fn of(error: &anyhow::Error) -> Option<&Failure> {
    error.downcast_ref::<Failure>()
}

/// What an error is about. What nobody expected is about this program.
pub fn layer(error: &anyhow::Error) -> Layer {
    of(error).map_or(FailureId::Unexpected, Failure::id).layer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_found_under_its_context() {
        let error = anyhow::Error::new(Failure::new(FailureId::DiskFull, "full")).context("while writing");
        assert_eq!(of(&error).map(Failure::id), Some(FailureId::DiskFull));
    }
}
