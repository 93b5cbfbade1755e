//! What a person sees of a run: on a terminal, in plain lines, as JSON, as a page of timings.

#![warn(missing_docs)]

mod timeline;
pub mod ui;
