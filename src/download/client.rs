//! The HTTP client: whom it trusts, and where it goes instead of upstream.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::failure::{Failure, FailureId};

/// How long to wait for a connection, and for the next bytes on one. A transfer as a whole has no limit here: the
/// step's deadline is its limit.
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(30);

/// What `localhost` is, also where no `/etc/hosts` says so: an empty container has none. The port is the address's own.
const THIS_MACHINE_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const THIS_MACHINE_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// The certificate authorities to trust: the system's, the bundled ones of Mozilla (an empty container has none of its
/// own), those of `SSL_CERT_FILE` (read with the system's) and those of `--ca-file`.
#[derive(Debug, Clone)]
pub(crate) struct TrustedRoots {
    store: rustls::RootCertStore,
}

impl TrustedRoots {
    pub(crate) fn load(ca_file: Option<&Path>) -> Result<Self> {
        let mut store = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A broken certificate in the system's store is the system's affair; the others still count.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = ca_file {
            let invalid = |why: String| {
                Failure::new(
                    FailureId::CertificateUntrusted,
                    format!("cannot use the certificates of {}", file.display()),
                )
                .evidence(why)
                .hint("--ca-file takes a file of one or more PEM certificates")
            };
            let text = fs_err::read(file).map_err(|error| invalid(error.to_string()))?;
            let mut found = 0;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
                store.add(certificate).map_err(|error| invalid(error.to_string()))?;
                found += 1;
            }
            if found == 0 {
                return Err(invalid("it holds no PEM certificate".to_owned()).into());
            }
        }
        Ok(Self { store })
    }

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
            .with_root_certificates(self.store)
            .with_no_client_auth();
        Ok(reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve_to_addrs("localhost", &[THIS_MACHINE_V4, THIS_MACHINE_V6])
            .user_agent(concat!("pgedge-bootstrap/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE))
    }
}

/// `--mirror BASE`: `https://HOST/PATH` is fetched as `BASE/HOST/PATH`. The checksums stay the pinned ones, so a mirror
/// need not be trusted.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    base: Option<String>,
}

impl Mirror {
    pub(crate) fn new(base: Option<&str>) -> Result<Self> {
        if let Some(base) = base {
            let scheme = base.starts_with("https://") || base.starts_with("http://");
            anyhow::ensure!(scheme, "--mirror {base:?} is not an http or https address");
        }
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
        assert!(Mirror::new(Some("mirror.example")).is_err());
    }
}
