//! One Kubernetes cluster as a run sees it: its API, what runs in it, and whether that is well.

#![warn(missing_docs)]

pub mod adoption;
pub mod kubernetes;
mod patience;
pub mod sql;
pub mod verdict;
