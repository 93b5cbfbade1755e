//! Which way images of a registry come.

use anyhow::{Context as _, Result};

/// `--registry-mirror HOST=URL`: images of registry HOST are pulled through URL, upstream being the fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryMirror {
    /// The registry that is mirrored, as image names begin: `ghcr.io`.
    pub host: String,
    /// `http` or `https`, without credentials and without a slash at its end.
    pub url: String,
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
    pub fn address(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, address)| address)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

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
}
