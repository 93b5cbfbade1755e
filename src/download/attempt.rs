//! One attempt at an address: whether what went wrong may pass, and how long to wait before the next one.

use std::time::Duration;

use backon::BackoffBuilder as _;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::failure::{Failure, FailureId};

/// Attempts at one address that bring nothing; the waits between them grow from half a second to eight.
pub(super) const ATTEMPTS: usize = 6;

/// The longest that a server may ask us to wait before it counts as an answer of no.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// Why one attempt failed, and whether another one makes sense.
pub(super) enum Attempt {
    Again {
        why: String,
        after: Option<Duration>,
        /// There was no connection.
        is_away: bool,
    },
    Final(anyhow::Error),
}

/// The pauses between attempts that bring nothing.
pub(super) fn waits() -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(ATTEMPTS - 1)
        .build()
}

pub(super) fn again(why: String) -> Attempt {
    Attempt::Again { why, after: None, is_away: false }
}

pub(super) fn accept_status(address: &str, response: &Response) -> Result<(), Attempt> {
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(()),
        status => Err(refused(address, status, response.headers())),
    }
}

/// What a status that is not the wanted one means.
pub(super) fn refused(address: &str, status: StatusCode, headers: &HeaderMap) -> Attempt {
    let why = format!("{address} answered {status}");
    let retry_after =
        headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    // 408 request timeout, 425 too early, 429 too many requests: asking later may help.
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    if may_pass && retry_after.is_none_or(|after| after <= LONGEST_RETRY_AFTER) {
        return Attempt::Again { why, after: retry_after, is_away: false };
    }
    Attempt::Final(Failure::new(FailureId::DownloadFailed, format!("cannot download {address}")).evidence(why).into())
}

pub(super) fn network_error(address: &str, error: &reqwest::Error) -> Attempt {
    let causes: Vec<&(dyn std::error::Error + 'static)> =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source()).collect();
    let text = causes.last().map_or_else(|| error.to_string(), std::string::ToString::to_string);
    if causes.iter().any(|cause| is_of_a_certificate(*cause)) {
        let failure =
            Failure::new(FailureId::CertificateUntrusted, format!("the certificate of {address} is not trusted"));
        return Attempt::Final(failure.evidence(text).into());
    }
    if error.is_builder() || error.is_redirect() {
        let failure = Failure::new(FailureId::DownloadFailed, format!("cannot download {address}"));
        return Attempt::Final(failure.evidence(text).into());
    }
    Attempt::Again { why: format!("{address}: {text}"), after: None, is_away: error.is_connect() }
}

/// An input/output error may hold another one, any number of times, and its `source` is not what it holds but the source of that.
fn is_of_a_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    matches!(cause.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
        || held.is_some_and(|inner| is_of_a_certificate(inner))
}
