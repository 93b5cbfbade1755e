//! What the tests in the lab share: the lab itself, and what a proof must say.

pub(crate) mod lab;
pub(crate) mod proof;
