//! The HTTP client, and where it goes instead of upstream.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::proxies;
use super::roots::TrustedRoots;
use crate::patience;

/// What `localhost` is, also where no `/etc/hosts` says so: an empty container has none. The port is the address's own.
const THIS_MACHINE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const THIS_MACHINE_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

impl TrustedRoots {
    /// A client that follows redirects, honours `HTTPS_PROXY` and `NO_PROXY`, and never waits for ever.
    pub(super) fn client(self) -> Result<reqwest::Client> {
        self.builder()?.build().context("cannot set up the HTTP client")
    }

    /// The same, for who wants to know where a redirect leads and not what is there.
    pub(super) fn client_that_stays(self) -> Result<reqwest::Client> {
        self.builder()?.redirect(reqwest::redirect::Policy::none()).build().context("cannot set up the HTTP client")
    }

    fn builder(self) -> Result<reqwest::ClientBuilder> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("cannot set up TLS")?
            .with_root_certificates(self.into_store())
            .with_no_client_auth();
        let builder = reqwest::Client::builder();
        let builder = proxies::of_environment()?.into_iter().fold(builder, reqwest::ClientBuilder::proxy);
        Ok(builder
            .tls_backend_preconfigured(tls)
            .resolve_to_addrs("localhost", &[THIS_MACHINE_V4, THIS_MACHINE_V6])
            .user_agent(concat!("pgedge-bootstrap/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience::CONNECT)
            .read_timeout(patience::SILENCE))
    }
}

/// `--mirror BASE`: `https://HOST/PATH` is fetched as `BASE/HOST/PATH`. The checksums stay the pinned ones, so a mirror
/// need not be trusted.
#[derive(Debug, Clone)]
pub struct Mirror {
    base: Option<String>,
}

impl Mirror {
    /// The mirror with this BASE; with `None` everything comes from upstream.
    ///
    /// # Errors
    /// Those of [`parse_base`], which the command line has asked before.
    pub fn new(base: Option<&str>) -> Result<Self> {
        let base = base.map(parse_base).transpose().map_err(anyhow::Error::msg)?;
        Ok(Self { base: base.map(|base| base.trim_end_matches('/').to_owned()) })
    }

    pub(super) fn is_set(&self) -> bool {
        self.base.is_some()
    }

    pub(super) fn address_of(&self, url: &str) -> String {
        match (&self.base, url.split_once("://")) {
            (Some(base), Some((_, host_and_path))) => format!("{base}/{host_and_path}"),
            _ => url.to_owned(),
        }
    }
}

/// Reads the BASE of a mirror, as it is typed.
///
/// # Errors
/// What is not the address of a server.
pub fn parse_base(text: &str) -> Result<String, String> {
    let text = text.trim();
    let written = || "a mirror is written like https://artifacts.example/cache".to_owned();
    if !text.contains("://") {
        return Err(written());
    }
    let url = reqwest::Url::parse(text).map_err(|error| format!("it is not an http or https address: {error}"))?;
    let is_server = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_server && plain && url.query().is_none() && url.fragment().is_none() {
        Ok(text.to_owned())
    } else {
        Err(written())
    }
}

/// An address without user name and password: what may be shown and logged.
pub(super) fn shown(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        assert_eq!(shown("https://me:secret@mirror.example/a@b"), "https://mirror.example/a@b");
        assert_eq!(shown("https://get.helm.sh/helm.tar.gz"), "https://get.helm.sh/helm.tar.gz");
    }

    #[test]
    fn a_mirror_keeps_host_and_path() {
        let mirror = Mirror::new(Some("https://mirror.example/cache/")).unwrap();
        assert_eq!(
            mirror.address_of("https://get.helm.sh/helm.tar.gz"),
            "https://mirror.example/cache/get.helm.sh/helm.tar.gz"
        );
    }

    #[test]
    fn what_is_no_address_of_a_server_is_no_mirror() {
        for bad in [
            "",
            "mirror.example",
            "ftp://a",
            "http://",
            "https://[::1",
            "http://a b",
            "http://a:99999",
            "http:a",
            "http://a?b",
        ] {
            assert!(parse_base(bad).is_err(), "{bad}");
        }
        for good in ["https://me:secret@mirror.example/a", "http://[::1]:5000/", "HTTPS://mirror.example"] {
            assert_eq!(parse_base(good).unwrap(), good);
        }
    }
}
