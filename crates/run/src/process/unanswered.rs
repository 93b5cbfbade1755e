//! How a program gives no answer at all, for callers who know what that means.

/// Why a program could not even be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartError {
    /// Nothing of its name is where programs are looked for.
    NotFound,
    /// Something of its name is there, and cannot be run; the failure beside this says what it is.
    Unusable,
}

/// A program printed what no answer is: something that is not text, or without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rubbish;

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NotFound => "there is no such program",
            Self::Unusable => "the program cannot be run",
        })
    }
}

impl std::error::Error for StartError {}

impl std::fmt::Display for Rubbish {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a program printed what is no answer")
    }
}

impl std::error::Error for Rubbish {}
