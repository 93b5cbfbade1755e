//! From an address to verified bytes on the disk: the way of a byte.
//!
//! `fetch` brings a file and hashes it while it is written, `store` keeps it under its sum, `unpack` takes the one
//! member that is wanted out of an archive and puts it in its place. Nothing leaves this folder unverified.
//!
//! `ask` and `registry` bring no bytes to be used: they ask what an address or a registry has.

mod ask;
mod attempt;
mod client;
mod fetch;
mod head;
mod partial;
mod registry;
mod store;
mod unpack;

pub(crate) use ask::{Answer, Asker};
pub(crate) use client::{Mirror, TrustedRoots};
pub(crate) use fetch::Fetcher;
pub(crate) use registry::{Puller, Registry};
pub(crate) use store::{Store, sum_of_file};
pub(crate) use unpack::place_program;
