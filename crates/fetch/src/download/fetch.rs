//! One pinned file from the network into the store: resumed, retried, hashed while it is written, and thrown away if
//! it is not what was pinned.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::wait::Retry;
use bootstrap_run::work::heavy;
use reqwest::header::{CONTENT_RANGE, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::attempt::{ATTEMPTS, Attempt, accept_status, again, network_error};
use super::client::{Mirror, shown};
use super::partial::Partial;
use super::roots::TrustedRoots;
use super::store::Store;
use crate::sum::Sha256;

/// Downloads at the same time, of the whole run: enough to fill a link on which one stream does not, few enough that the
/// first that is needed is not the last to come.
const PARALLEL: usize = 4;

/// Nothing that is pinned comes near this; a server that sends more is not sending what was pinned.
const LARGEST_FILE: u64 = 4 << 30;

/// Brings pinned files into the store.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    mirror: Mirror,
    store: Store,
    /// Given in the order in which they were asked for, and only for as long as bytes may come.
    streams: Arc<Semaphore>,
}

impl Fetcher {
    /// Fetches into this store, with these authorities and by the proxies of the environment. Clones share the limit of downloads at
    /// the same time.
    ///
    /// # Errors
    /// [`FailureId::ProxyInvalid`].
    pub fn new(roots: TrustedRoots, mirror: Mirror, store: Store) -> Result<Self> {
        Ok(Self { client: roots.client()?, mirror, store, streams: Arc::new(Semaphore::new(PARALLEL)) })
    }

    /// The verified file with this sum: from the store, or from `url` (or its mirror).
    ///
    /// # Errors
    /// The failures of the network ([`FailureId::DownloadFailed`], [`FailureId::DownloadNotAFile`],
    /// [`FailureId::CertificateUntrusted`], [`FailureId::CertificateDate`]), of the disk, and [`FailureId::ChecksumMismatch`].
    pub async fn fetch(&self, url: &str, sum: &Sha256, reporter: &StepReporter) -> Result<PathBuf> {
        if let Some(file) = self.store.verified(sum).await? {
            return Ok(file);
        }
        let lock = Arc::new(self.store.lock(sum).await?);
        // Whoever held the lock before may have fetched it.
        if let Some(file) = self.store.verified(sum).await? {
            return Ok(file);
        }
        let address = self.mirror.address_of(url);
        let mut retry = Retry::of(ATTEMPTS);
        let mut seen = Vec::new();
        let mut arrived = 0;
        loop {
            match self.attempt(&address, sum, &lock, reporter).await {
                Ok(file) => return Ok(file),
                Err(Attempt::Final(error)) => {
                    self.remove_empty_partial(sum);
                    return Err(error);
                }
                Err(Attempt::Again { why, after, .. }) => {
                    if seen.last() != Some(&why) {
                        seen.push(why.clone());
                    }
                    // A link that breaks again and again, but brings bytes each time, gets there.
                    let now = fs_err::metadata(self.store.partial(sum)).map_or(0, |found| found.len());
                    if std::mem::replace(&mut arrived, now) < now {
                        retry.renew();
                    }
                    let tell = |pause: Duration| {
                        reporter.waiting(format!("{why}; trying again in {:.1} s", pause.as_secs_f64()));
                    };
                    if !retry.again(after, tell).await {
                        self.remove_empty_partial(sum);
                        let failure =
                            Failure::new(FailureId::DownloadFailed, format!("cannot download {}", shown(&address)));
                        return Err(failure
                            .evidence(seen.join("\n"))
                            .evidence(format!("given up after {ATTEMPTS} attempts"))
                            .into());
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        address: &str,
        sum: &Sha256,
        lock: &Arc<fs_err::File>,
        reporter: &StepReporter,
    ) -> Result<PathBuf, Attempt> {
        let mut partial = self.open_partial(sum).await.map_err(Attempt::Final)?;
        if partial.sum() == *sum {
            // Everything had arrived when an earlier run was ended.
            return self.conclude(address, sum, partial, (false, lock)).await;
        }
        let _stream = self.stream(reporter).await.map_err(Attempt::Final)?;
        let mut request = self.client.get(address);
        let address = shown(address);
        let address = address.as_str();
        if partial.length > 0 {
            request = request.header(RANGE, format!("bytes={}-", partial.length));
            if let Some(etag) = &partial.etag {
                request = request.header(IF_RANGE, etag.as_str());
            }
        }
        let mut response = request.send().await.map_err(|error| network_error(address, &error))?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && partial.length > 0 {
            // What we have is longer than what the server has: another edition.
            partial.restart().map_err(Attempt::Final)?;
            return Err(again(format!("{address} is not what the partial download was")));
        }
        accept_status(address, &response)?;
        if !continues_at(&response, partial.length) {
            partial.restart().map_err(Attempt::Final)?;
        }
        let resumed = partial.length > 0;
        partial.remember_etag(&self.store.etag(sum), &response).map_err(Attempt::Final)?;
        let total = response.content_length().map(|rest| partial.length + rest);
        reporter.bytes(partial.length, total);
        loop {
            let chunk = response.chunk().await.map_err(|error| network_error(address, &error))?;
            let Some(chunk) = chunk else { break };
            partial.write(&chunk).map_err(Attempt::Final)?;
            reporter.bytes(partial.length, total);
            if partial.length > LARGEST_FILE {
                let failure = Failure::new(FailureId::DownloadNotAFile, format!("{address} does not end"));
                return Err(Attempt::Final(failure.evidence(format!("{} bytes and more", partial.length)).into()));
            }
        }
        if total.is_some_and(|total| partial.length < total) {
            return Err(again(format!("the connection ended after {} bytes", partial.length)));
        }
        self.conclude(address, sum, partial, (resumed, lock)).await
    }

    async fn stream(&self, reporter: &StepReporter) -> Result<SemaphorePermit<'_>> {
        if let Ok(permit) = self.streams.try_acquire() {
            return Ok(permit);
        }
        reporter.waiting(format!("{PARALLEL} other downloads are going on"));
        self.streams.acquire().await.context("the streams are never closed")
    }

    /// Compares the sum and moves the file to its place, or throws it away.
    async fn conclude(
        &self,
        address: &str,
        sum: &Sha256,
        partial: Partial,
        (resumed, lock): (bool, &Arc<fs_err::File>),
    ) -> Result<PathBuf, Attempt> {
        let found = partial.sum();
        let (path, target, etag) = (self.store.partial(sum), self.store.file(sum), self.store.etag(sum));
        if found == *sum {
            let (file, lock) = (partial.file, Arc::clone(lock));
            let moved = heavy(move || {
                // Kept until the file is in its place, also when the run is cancelled meanwhile.
                let _lock = lock;
                file.sync_all().map_err(failure::from_io)?;
                fs_err::rename(&path, &target).map_err(failure::from_io)?;
                failure::ignore_missing(fs_err::remove_file(&etag))?;
                Ok(target)
            });
            return moved.await.map_err(Attempt::Final);
        }
        failure::ignore_missing(fs_err::remove_file(&path))
            .and_then(|()| failure::ignore_missing(fs_err::remove_file(&etag)))
            .map_err(Attempt::Final)?;
        if resumed {
            return Err(again("the parts of a resumed download do not fit together".to_owned()));
        }
        let failure = partial.head.web_page(address).unwrap_or_else(|| {
            Failure::new(FailureId::ChecksumMismatch, format!("{address} is not the pinned file"))
                .evidence(format!("pinned sha256 {sum}"))
                .evidence(format!("found  sha256 {found}, {} bytes", partial.length))
        });
        Err(Attempt::Final(failure.into()))
    }

    /// A server that sent nothing leaves nothing to resume. That it cannot be removed matters to nobody.
    fn remove_empty_partial(&self, sum: &Sha256) {
        let path = self.store.partial(sum);
        if fs_err::metadata(&path).is_ok_and(|found| found.len() == 0) {
            let _ = fs_err::remove_file(&path);
        }
    }

    async fn open_partial(&self, sum: &Sha256) -> Result<Partial> {
        let (path, etag) = (self.store.partial(sum), self.store.etag(sum));
        heavy(move || Partial::open(&path, &etag)).await
    }
}

/// Whether the server sends the rest from where we are. Otherwise it sends everything.
fn continues_at(response: &Response, length: u64) -> bool {
    if length == 0 || response.status() != StatusCode::PARTIAL_CONTENT {
        return false;
    }
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    range.strip_prefix("bytes ").and_then(|range| range.split('-').next()) == Some(length.to_string().as_str())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
