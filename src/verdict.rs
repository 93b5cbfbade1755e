//! What Kubernetes objects mean. Pure functions from objects to a verdict: no network, no clock.
//!
//! The situations are recorded ones: `tests/fixtures` holds objects as a real cluster showed them.

pub(crate) mod cluster;
pub(crate) mod pod;
#[cfg(test)]
mod recorded;
pub(crate) mod room;
pub(crate) mod workload;

use crate::failure::Failure;

/// What is to be thought of an object that is waited for.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Ready(String),
    Waiting(String),
    /// It will not get better by waiting.
    Broken(Failure),
}
