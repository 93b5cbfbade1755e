//! What Kubernetes objects mean. Pure functions from objects to a verdict: no network, no clock.
//!
//! The situations are recorded ones: `tests/fixtures` holds objects as a real cluster showed them.

pub mod cluster;
pub mod pod;
#[cfg(test)]
mod recorded;
pub mod room;
pub mod workload;

use bootstrap_run::failure::Failure;

/// What is to be thought of an object that is waited for.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It is as it has to be; the text says how it looks.
    Ready(String),
    /// It is on its way; the text says what it does.
    Waiting(String),
    /// It will not get better by waiting.
    Broken(Failure),
}
