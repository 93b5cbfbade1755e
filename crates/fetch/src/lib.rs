//! From pinned addresses to verified bytes on the disk.

#![warn(missing_docs)]

pub mod download;
pub mod image;
pub mod platform;
pub mod sum;
