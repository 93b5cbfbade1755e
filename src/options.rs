//! What the person asked for, resolved: the values of the flags after their defaults.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A length of time as people say it: `90 s`, `20 min`, `1 h 30 min`.
pub(crate) fn in_words(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let words: Vec<String> =
        parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}")).collect();
    if words.is_empty() { format!("{} ms", length.as_millis()) } else { words.join(" ") }
}

/// Where the Kubernetes cluster of a run comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// kind makes it in docker: it is ours, and goes with `down`.
    Kind,
    /// It was there before, on this machine: used, filled, and never made, stopped or removed.
    Adopted,
}

/// The options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) provider: Provider,
    /// The cluster's name: kind's name of it, and the name of its folder under the state directory.
    pub(crate) name: ClusterName,
    /// pgEdge nodes, 2 to 9, as they were asked for: an adopted cluster may have room for fewer (`Context::nodes`).
    pub(crate) nodes: u8,
    /// Kubernetes nodes beside the control plane, if a number was asked for: a cluster that is there keeps those it has.
    pub(crate) workers: Option<u8>,
    /// Those of a cluster that is made, if no number was asked for.
    pub(crate) new_workers: u8,
    /// Docker is being started by somebody else at this moment, as in a dev container: it is waited for.
    pub(crate) docker_comes: bool,
    pub(crate) namespace: String,
    pub(crate) mirror: Option<String>,
    pub(crate) registry_mirrors: Vec<RegistryMirror>,
    pub(crate) ca_file: Option<PathBuf>,
}

/// The name of a cluster: what kind accepts and what is safe in a file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterName(String);

/// `--registry-mirror HOST=URL`: images of registry HOST are pulled through URL, upstream being the fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryMirror {
    pub(crate) host: String,
    pub(crate) url: String,
}

impl Options {
    /// The release, and the prefix of every node's Cluster: the chart's `appName`.
    pub(crate) const RELEASE: &'static str = "pgedge";

    /// `pgedge-n1`: the CloudNativePG Cluster of a node.
    pub(crate) fn cluster_of(node: &str) -> String {
        format!("{}-{node}", Self::RELEASE)
    }

    pub(crate) fn registry_mirror(&self, host: &str) -> Option<&RegistryMirror> {
        self.registry_mirrors.iter().find(|mirror| mirror.host == host)
    }
}

impl ClusterName {
    /// kind makes a host name of it with `-control-plane` behind, and host names end at 63 characters.
    const LONGEST: usize = 40;

    /// The name of the folder of the logs, which stands beside the clusters' own.
    pub(crate) const TAKEN: &'static str = "logs";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ClusterName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let ends = !text.starts_with('-') && !text.ends_with('-');
        let fits = !text.is_empty() && text.len() <= Self::LONGEST && text.bytes().all(inside) && ends;
        anyhow::ensure!(fits, "a cluster name has 1 to {} lower-case letters, digits and inner dashes", Self::LONGEST);
        anyhow::ensure!(text != Self::TAKEN, "the folder of the logs is called {:?}: choose another name", Self::TAKEN);
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for ClusterName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for RegistryMirror {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (host, url) = text.split_once('=').context("a registry mirror is written HOST=URL")?;
        let host_fits =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
        anyhow::ensure!(host_fits, "{host:?} is not the host of a registry");
        let address = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let address = address.with_context(|| format!("{url:?} is not an http or https address"))?;
        // The address becomes part of image names: it has no room for credentials.
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\@".contains(&byte);
        anyhow::ensure!(!address.is_empty() && address.bytes().all(plain), "{url:?} is not an http or https address");
        Ok(Self { host: host.to_owned(), url: url.trim_end_matches('/').to_owned() })
    }
}

impl RegistryMirror {
    /// Host, port and path prefix: what stands in the place of the registry's host in an image name.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, address)| address)
    }
}

/// The longest time that may be asked for: whoever waits longer than this has forgotten it.
const LONGEST_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// `90s`, `30m`, `1h30m`.
///
/// # Errors
/// What is not a time, not positive, or longer than a day.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|parsed| Duration::try_from(parsed).ok());
    match parsed {
        Some(duration) if !duration.is_zero() && duration <= LONGEST_DURATION => Ok(duration),
        _ => Err("a time is written like 90s, 30m or 1h30m, and is at most a day".to_owned()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_is_safe_in_paths_and_host_names() {
        for good in ["pgedge", "a", "lab-1"] {
            assert!(good.parse::<ClusterName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a/b", "..", "a.b", "logs", &"a".repeat(41)] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_registry_mirror_is_a_host_and_an_address() {
        let mirror: RegistryMirror = "ghcr.io=http://172.17.0.1:5000/".parse().unwrap();
        assert_eq!((mirror.host.as_str(), mirror.address()), ("ghcr.io", "172.17.0.1:5000"));
        for bad in [
            "ghcr.io",
            "=http://a",
            "ghcr.io=a",
            "ghcr.io=ftp://a",
            "g\"h=http://a",
            "ghcr.io=http://",
            "ghcr.io=http://a\"b",
        ] {
            assert!(bad.parse::<RegistryMirror>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_positive_and_at_most_a_day() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1h 30m", 5400), ("24h", 86_400)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "5", "0s", "-1m", "1m ago", "25h", "soon", "1d", "99999999999999999999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
