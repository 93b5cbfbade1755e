//! One attempt at an address: whether what went wrong may pass, and how long to wait before the next one.

use std::time::Duration;

use crate::patience;
use bootstrap_run::failure::{Failure, FailureId};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// Attempts at one address that bring nothing.
pub(super) const ATTEMPTS: usize = 6;

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
    if may_pass && retry_after.is_none_or(|after| after <= patience::LONGEST_RETRY_AFTER) {
        return Attempt::Again { why, after: retry_after, is_away: false };
    }
    Attempt::Final(Failure::new(FailureId::DownloadFailed, format!("cannot download {address}")).evidence(why).into())
}

pub(super) fn network_error(address: &str, error: &reqwest::Error) -> Attempt {
    let causes: Vec<&(dyn std::error::Error + 'static)> =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source()).collect();
    let text = causes.last().map_or_else(|| error.to_string(), std::string::ToString::to_string);
    if let Some(failure) = causes.iter().find_map(|cause| certificate_of(*cause)).and_then(|it| clock(address, it)) {
        return Attempt::Final(failure.into());
    }
    if causes.iter().any(|cause| certificate_of(*cause).is_some()) {
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
fn certificate_of<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a CertificateError> {
    if let Some(rustls::Error::InvalidCertificate(error)) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    held.and_then(|inner| certificate_of(inner))
}

/// A certificate that is not valid at this time: of a machine that has slept, or never asked for the time, any is.
fn clock(address: &str, error: &CertificateError) -> Option<Failure> {
    let date = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).ok();
        let date = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        date.map_or_else(|| "a time that no calendar has".to_owned(), |date| date.to_string())
    };
    let now = date(&UnixTime::now());
    let bound = match error {
        CertificateError::ExpiredContext { not_after, .. } => format!("it was valid until {}", date(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => format!("it is valid from {} on", date(not_before)),
        CertificateError::Expired => "it is valid no longer".to_owned(),
        CertificateError::NotValidYet => "it is not valid yet".to_owned(),
        _ => return None,
    };
    let what = format!("the certificate of {address} is not valid at this machine's time");
    Some(Failure::new(FailureId::CertificateDate, what).evidence(format!("this machine's clock says {now}; {bound}")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_another_time_is_told_with_its_date() {
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for (error, wanted) in [
            (
                CertificateError::NotValidYetContext { time: time(1), not_before: time(1_893_456_000) },
                "it is valid from 2030-01-01T00:00:00Z on",
            ),
            (
                CertificateError::ExpiredContext { time: time(1), not_after: time(1_609_459_200) },
                "it was valid until 2021-01-01T00:00:00Z",
            ),
            (CertificateError::Expired, "it is valid no longer"),
        ] {
            let inner = std::io::Error::other(rustls::Error::InvalidCertificate(error));
            let outer = std::io::Error::other(inner);
            let failure = clock("https://a", certificate_of(&outer).unwrap()).unwrap();
            assert_eq!(failure.id(), FailureId::CertificateDate);
            assert!(failure.seen()[0].ends_with(wanted), "{failure:?}");
        }
        assert!(clock("https://a", &CertificateError::UnknownIssuer).is_none());
    }
}
