//! What a program was asked for, and how it did not answer, in words for people.

use std::time::Duration;

use super::{Finished, MOST_OUTPUT, Purpose, Rubbish, StartError, excerpt};
use crate::failure::{Failure, FailureId, open_files};

/// A command, as its failures name it.
#[derive(Debug)]
pub(super) struct Asked {
    /// As it can be pasted into a shell.
    pub(super) line: String,
    /// The last part of the program's name.
    pub(super) program: String,
    pub(super) purpose: Option<Purpose>,
}

impl Asked {
    /// It ended with a status other than zero.
    pub(super) fn failed(&self, finished: &Finished) -> Failure {
        let what = match &self.purpose {
            Some(purpose) => format!("{} could not {}: {}", self.program, purpose.words, finished.status),
            None => format!("`{}` failed: {}", self.line, finished.status),
        };
        self.failure(FailureId::CommandFailed, what).evidence(finished.tail())
    }

    /// It printed `what`: no answer to anything.
    pub(super) fn rubbish(&self, what: &str, printed: &[u8]) -> anyhow::Error {
        let who = match &self.purpose {
            Some(purpose) => format!("{}, which was to {},", self.program, purpose.words),
            None => format!("`{}`", self.line),
        };
        let failure = self.failure(FailureId::CommandFailed, format!("{who} printed {what}"));
        anyhow::Error::new(Rubbish).context(failure.evidence(format!("it printed: {}", excerpt(printed))))
    }

    /// Its output could not be read to the end: it may have none.
    pub(super) fn flooded(&self, error: anyhow::Error, printed: &[u8]) -> anyhow::Error {
        if error.is::<Rubbish>() {
            return self.rubbish(&format!("more than {} MiB", MOST_OUTPUT >> 20), printed);
        }
        error
    }

    /// `seen`: what it had printed.
    pub(super) fn out_of_time(&self, deadline: Duration, seen: &str) -> Failure {
        let seconds = deadline.as_secs();
        let what = match &self.purpose {
            Some(purpose) => {
                format!("{} did not {} within {seconds} s and was stopped", self.program, purpose.words)
            }
            None => format!("`{}` was still running after {seconds} s and was stopped", self.line),
        };
        Failure::new(FailureId::CommandDeadline, what).evidence(seen)
    }

    /// `in_the_way`: what stands in the places where it was looked for.
    pub(super) fn not_started(&self, error: &std::io::Error, in_the_way: &[String]) -> anyhow::Error {
        let what = match &self.purpose {
            Some(purpose) => format!("{} cannot be run to {}", self.program, purpose.words),
            None => format!("`{}` could not be run", self.line),
        };
        if let Some(failure) = open_files(error) {
            return failure.evidence(what).into();
        }
        let failure = self.failure(FailureId::CommandFailed, what);
        if is_of_the_machine(error) {
            return failure.evidence(error.to_string()).into();
        }
        if in_the_way.is_empty() {
            return anyhow::Error::new(StartError::NotFound).context(failure.evidence(error.to_string()));
        }
        anyhow::Error::new(StartError::Unusable).context(failure.evidence(in_the_way.join("\n")))
    }

    fn failure(&self, id: FailureId, what: String) -> Failure {
        let failure = Failure::new(id, what);
        match &self.purpose {
            Some(purpose) => failure.hint(format!("`{}` by hand may show more", purpose.by_hand)),
            None => failure,
        }
    }
}

/// The machine could not start any program: the one that was asked for is not to blame.
fn is_of_the_machine(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    let kinds =
        [ErrorKind::WouldBlock, ErrorKind::OutOfMemory, ErrorKind::ArgumentListTooLong, ErrorKind::ExecutableFileBusy];
    kinds.contains(&error.kind())
}
