//! From pinned addresses to verified bytes on the disk.

#![warn(missing_docs)]

pub mod download;
pub mod image;
mod patience;
pub mod platform;
pub mod sum;
