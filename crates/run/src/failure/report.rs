//! A failure in the form in which it is told: to a person, in events, in the status file, and in JSON.

use serde::{Deserialize, Serialize};

use super::disk::given_place;
use super::{Failure, FailureId, Invocation, Layer, of};
use crate::redact;

/// What failed, with its id, what was seen, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The id as text ([`FailureId::as_str`]), since another version of this program may have told it.
    pub id: String,
    /// What the failure is about.
    #[serde(default)]
    pub layer: Layer,
    /// What failed, in one line.
    pub summary: String,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
    /// Empty if nothing helps that is known.
    pub hint: String,
}

impl Report {
    /// Of an error that ended a step or a command: what is no failure that we expect is a defect of this program.
    pub fn of(error: &anyhow::Error, run: &Invocation) -> Self {
        match of(error) {
            Some(failure) => Self::of_failure(failure, run),
            None => Self::of_failure(&Failure::new(FailureId::Unexpected, format!("{error:#}")), run),
        }
    }

    /// Of an expected failure, with the commands of its hint as they must be typed for this run.
    pub fn of_failure(failure: &Failure, run: &Invocation) -> Self {
        let mut report = Self {
            id: failure.id.as_str().to_owned(),
            layer: failure.id.layer(),
            summary: failure.summary.clone(),
            evidence: failure.evidence.clone(),
            hint: failure.advice(run),
        };
        let is_of_place = failure.is_of_disk && failure.id == FailureId::DirectoryNotWritable && failure.hint.is_none();
        if let Some(place) = given_place(&run.places, &failure.evidence).filter(|_| is_of_place) {
            report.evidence.push(format!("{} leads to {}", place.by, place.path.display()));
            report.hint = place.hint();
        }
        report.hide_secrets();
        report
    }

    /// Of a panic: a defect ([`FailureId::Defect`]). `evidence`: what a report of it needs, each for itself.
    pub fn of_panic(message: &str, evidence: &[String]) -> Self {
        let what = format!("pgedge-bootstrap {} broke down: {message}", env!("CARGO_PKG_VERSION"));
        let failure = Failure::new(FailureId::Defect, what).evidence(evidence.join("\n"));
        Self::of_failure(&failure, &Invocation::default())
    }

    /// Whether it is the failure of this id.
    pub fn is(&self, id: FailureId) -> bool {
        self.id == id.as_str()
    }

    /// Takes out what nobody but its owner may see.
    pub(crate) fn hide_secrets(&mut self) {
        redact::in_place(&mut self.summary);
        redact::lines(&mut self.evidence);
        redact::in_place(&mut self.hint);
    }

    /// What a test tells.
    #[cfg(test)]
    pub(crate) fn made_up(id: FailureId, words: &str) -> Self {
        Self {
            id: id.as_str().to_owned(),
            layer: id.layer(),
            summary: words.to_owned(),
            evidence: vec![words.to_owned()],
            hint: words.to_owned(),
        }
    }
}

/// The first of several in the order of causes: by layer, then as they come.
pub fn first_cause<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Option<&'a Report> {
    reports.into_iter().min_by_key(|report| report.layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_is_of_the_first_layer_and_then_the_first_that_was_found() {
        let of = |id: FailureId, words: &str| Report::made_up(id, words);
        let reports = [
            of(FailureId::NodeBroken, "n2"),
            of(FailureId::DockerNotRunning, "cluster"),
            of(FailureId::DockerForbidden, "images"),
            Report { layer: Layer::Unknown, ..of(FailureId::DiskFull, "another version") },
        ];
        assert_eq!(first_cause(&reports).map(|report| report.summary.as_str()), Some("cluster"));
        assert_eq!(first_cause(&[]), None);
    }

    #[test]
    fn a_report_without_a_layer_is_read() {
        let old = r#"{"id": "disk-full", "summary": "s", "evidence": [], "hint": "h"}"#;
        assert!(serde_json::from_str::<Report>(old).is_ok_and(|report| report.layer == Layer::Unknown));
    }
}
