//! How long is waited for what, named by what it bounds; and the pace of polls (`POLL_…`), for what cannot be watched.

use std::time::Duration;

/// An API server on this machine answers at once or not at all.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// A program that gives credentials may ask a server for them; a person cannot be asked in the middle of a run.
pub(crate) const CREDENTIALS_COME: Duration = Duration::from_secs(30);

/// What such a program gave, or that it failed, counts at least for so long: a command looks at many things at the same time.
pub(crate) const CREDENTIALS_HOLD: Duration = Duration::from_secs(10);

/// How long a token that was read from a file counts: as long as with kubectl.
pub(crate) const TOKEN_OF_FILE_HOLDS: Duration = Duration::from_secs(60);

/// Files that the client reads by itself are read at once or not at all.
pub(crate) const FILES_ARE_READ: Duration = Duration::from_secs(10);

/// kube-proxy's health check, through the API server.
pub(crate) const PROXY_ANSWERS: Duration = Duration::from_secs(1);

/// One probe may hang for as long as the webhook's own time-out, 30 s with cert-manager: too long to be told nothing.
pub(crate) const WEBHOOK_ANSWERS: Duration = Duration::from_secs(5);
