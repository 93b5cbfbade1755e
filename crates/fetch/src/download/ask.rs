//! Questions to an address of which nothing is known beforehand: what small text is there, where does it lead, which
//! sum has what is there. Nothing of an answer is kept, and nothing of it is run.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::wait::Retry;
use reqwest::header::LOCATION;
use reqwest::{RequestBuilder, Response, StatusCode};
use sha2::{Digest as _, Sha256 as Hasher};
use tokio::io::AsyncWriteExt as _;

use super::attempt::{ATTEMPTS, Attempt, accept_status, again, network_error, refused};
use super::client::{Mirror, shown};
use super::head::Head;
use super::roots::TrustedRoots;
use crate::patience;
use crate::sum::Sha256;

/// A list of checksums, a signature, a set of keys: none of them comes near this.
const LARGEST_TEXT: usize = 4 << 20;

/// Asks upstream, or its mirror. What may pass is asked again, as with a download.
#[derive(Debug, Clone)]
pub struct Asker {
    client: reqwest::Client,
    unfollowed: reqwest::Client,
    mirror: Mirror,
    /// The hosts that were away for all attempts of one question, and have not been met since: they are away for the next
    /// question, too.
    away: Arc<Mutex<BTreeSet<String>>>,
}

/// What an address has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// It has this.
    There(T),
    /// The server says that it has nothing of this name, in these words.
    Gone(String),
}

impl Asker {
    /// Trusts these authorities, and goes by the proxies of the environment.
    ///
    /// # Errors
    /// [`FailureId::ProxyInvalid`].
    pub fn new(roots: &TrustedRoots, mirror: Mirror) -> Result<Self> {
        Ok(Self {
            client: roots.clone().client()?,
            unfollowed: roots.clone().client_that_stays()?,
            mirror,
            away: Arc::default(),
        })
    }

    /// A mirror is asked, which need not have all that upstream has.
    pub fn has_mirror(&self) -> bool {
        self.mirror.is_set()
    }

    /// Where a question about `url` goes: there or to the mirror, without credentials.
    pub fn place(&self, url: &str) -> String {
        shown(&self.mirror.address_of(url))
    }

    /// The small text at `url`, or at its mirror.
    ///
    /// # Errors
    /// The failures of the network, and [`FailureId::DownloadNotAFile`] for a web page and for what does not end.
    pub async fn text(&self, url: &str) -> Result<Answer<String>> {
        let address = self.mirror.address_of(url);
        let shown = shown(&address);
        let answer = self.insist(&address, async || {
            let request = self.client.get(&address).timeout(patience::TEXT_ARRIVES);
            match there(&shown, self.send(&shown, request).await?)? {
                Answer::There(response) => Ok(Answer::There(body(&shown, response, LARGEST_TEXT).await?)),
                Answer::Gone(words) => Ok(Answer::Gone(words)),
            }
        });
        let bytes = match answer.await? {
            Answer::There(bytes) => bytes,
            Answer::Gone(words) => return Ok(Answer::Gone(words)),
        };
        if let Some(failure) = Head::of(&bytes).web_page(&shown) {
            return Err(failure.into());
        }
        String::from_utf8(bytes).map(Answer::There).map_err(|_| {
            let what = format!("{shown} answered with something that is not text");
            Failure::new(FailureId::DownloadNotAFile, what).into()
        })
    }

    /// Where the redirect at `url` leads.
    ///
    /// # Errors
    /// The failures of the network, and an answer that is no redirect.
    pub async fn leads_to(&self, url: &str) -> Result<Answer<String>> {
        let address = self.mirror.address_of(url);
        let shown = shown(&address);
        let answer = self.insist(&address, async || {
            let response = self.send(&shown, self.unfollowed.head(&address).timeout(patience::TEXT_ARRIVES)).await?;
            if response.status().is_redirection() {
                let place = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                return Ok(Answer::There(place.unwrap_or_default().to_owned()));
            }
            match there(&shown, response)? {
                Answer::There(_) => {
                    let failure = Failure::new(FailureId::DownloadNotAFile, format!("{shown} does not lead anywhere"));
                    Err(Attempt::Final(failure.into()))
                }
                Answer::Gone(words) => Ok(Answer::Gone(words)),
            }
        });
        answer.await
    }

    /// Whether there is something at `url`, or at its mirror, without a byte of it.
    ///
    /// # Errors
    /// The failures of the network.
    pub async fn presence(&self, url: &str) -> Result<Answer<()>> {
        let address = self.mirror.address_of(url);
        let shown = shown(&address);
        let answer = self.insist(&address, async || {
            match there(&shown, self.send(&shown, self.client.head(&address).timeout(patience::TEXT_ARRIVES)).await?)? {
                Answer::There(_) => Ok(Answer::There(())),
                Answer::Gone(words) => Ok(Answer::Gone(words)),
            }
        });
        answer.await
    }

    /// The sum of the file at `url`, or at its mirror. With `copy` it is written there, too.
    ///
    /// # Errors
    /// The failures of the network and of the disk, and [`FailureId::DownloadNotAFile`] for a web page.
    pub async fn sum(&self, url: &str, copy: Option<&Path>) -> Result<Answer<Sha256>> {
        let address = self.mirror.address_of(url);
        let shown = shown(&address);
        let answer = self.insist(&address, async || {
            match there(&shown, self.send(&shown, self.client.get(&address).timeout(patience::FILE_ARRIVES)).await?)? {
                Answer::There(response) => Ok(Answer::There(sum_of(&shown, response, copy).await?)),
                Answer::Gone(words) => Ok(Answer::Gone(words)),
            }
        });
        answer.await
    }

    /// A request of a registry, answered with whatever status.
    pub(super) async fn request(
        &self,
        address: &str,
        build: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<(StatusCode, reqwest::header::HeaderMap, Vec<u8>)> {
        let shown = shown(address);
        let answer = self.insist(address, async || {
            let response = self.send(&shown, build(&self.client).timeout(patience::TEXT_ARRIVES)).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            // What may pass is asked again; every other answer is the registry's, and for it to be understood.
            if let again @ Attempt::Again { .. } = refused(&shown, status, &headers) {
                return Err(again);
            }
            Ok((status, headers, body(&shown, response, LARGEST_TEXT).await?))
        });
        answer.await
    }

    async fn send(&self, shown: &str, request: RequestBuilder) -> Result<Response, Attempt> {
        request.send().await.map_err(|error| network_error(shown, &error))
    }

    /// Asks until there is an answer, or no sense in asking again.
    async fn insist<T>(&self, address: &str, attempt: impl AsyncFn() -> Result<T, Attempt>) -> Result<T> {
        let shown = shown(address);
        let host = host(&shown);
        let mut retry = Retry::of(ATTEMPTS);
        let mut seen = Vec::new();
        loop {
            let outcome = attempt().await;
            let is_away = matches!(outcome, Err(Attempt::Again { is_away: true, .. }));
            if !is_away {
                self.away().remove(&host);
            }
            let (why, after) = match outcome {
                Ok(answer) => return Ok(answer),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again { why, after, .. }) => (why, after),
            };
            if seen.last() != Some(&why) {
                seen.push(why);
            }
            let is_given_up = self.away().contains(&host);
            if is_given_up || !retry.again(after, |_| {}).await {
                if is_away {
                    self.away().insert(host);
                }
                let failure = Failure::new(FailureId::DownloadFailed, format!("cannot reach {shown}"));
                return Err(failure.evidence(seen.join("\n")).into());
            }
        }
    }

    fn away(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `https://github.com/a/b` -> `https://github.com`
fn host(shown: &str) -> String {
    shown.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

/// 404 and 410 are answers; other statuses than 200 are errors.
fn there(shown: &str, response: Response) -> Result<Answer<Response>, Attempt> {
    match response.status() {
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => Ok(Answer::Gone(format!("{shown} answered {status}"))),
        _ => accept_status(shown, &response).map(|()| Answer::There(response)),
    }
}

async fn body(shown: &str, mut response: Response, most: usize) -> Result<Vec<u8>, Attempt> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network_error(shown, &error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            let failure = Failure::new(FailureId::DownloadNotAFile, format!("{shown} answers with more than a text"));
            return Err(Attempt::Final(failure.evidence(format!("{} bytes and more", bytes.len())).into()));
        }
    }
    Ok(bytes)
}

async fn sum_of(shown: &str, mut response: Response, copy: Option<&Path>) -> Result<Sha256, Attempt> {
    let on_disk = |error| Attempt::Final(failure::from_io(error));
    let mut file = match copy {
        Some(path) => Some(tokio::fs::File::create(path).await.map_err(on_disk)?),
        None => None,
    };
    let announced = response.content_length();
    let (mut hasher, mut length, mut head) = (Hasher::new(), 0, Head::default());
    while let Some(chunk) = response.chunk().await.map_err(|error| network_error(shown, &error))? {
        head.take_in(&chunk);
        hasher.update(&chunk);
        length += chunk.len() as u64;
        if let Some(file) = &mut file {
            file.write_all(&chunk).await.map_err(on_disk)?;
        }
    }
    if let Some(mut file) = file {
        file.flush().await.map_err(on_disk)?;
    }
    if announced.is_some_and(|announced| length < announced) {
        return Err(again(format!("the connection ended after {length} bytes")));
    }
    if let Some(failure) = head.web_page(shown) {
        return Err(Attempt::Final(failure.into()));
    }
    Ok(Sha256::from_bytes(&hasher.finalize()))
}
