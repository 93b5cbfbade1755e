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
mod mirror;
mod partial;
mod proxies;
mod registry;
mod roots;
mod store;
mod unpack;

pub use ask::{Answer, Asker};
pub use client::{Mirror, parse_base};
pub use fetch::Fetcher;
pub use mirror::RegistryMirror;
pub use proxies::of_kubernetes as proxy_of_kubernetes;
pub use registry::{Puller, Registry};
pub use roots::{Authorities, TrustedRoots, certificates};
pub use store::{Store, sum_of_file};
pub use unpack::place_program;
