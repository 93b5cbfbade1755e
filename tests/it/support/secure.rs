//! TLS before a server that speaks plainly, with an authority of its own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Server;

/// A server as `https://localhost:PORT`, before one that speaks plainly.
pub(crate) struct Secure {
    pub(crate) address: String,
    folder: tempfile::TempDir,
}

impl Secure {
    pub(crate) fn before(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
        let chain = vec![CertificateDer::from_pem_file(folder.path().join("leaf.pem")).unwrap()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (settings, behind) = (Arc::new(settings), server.address.strip_prefix("http://").unwrap().to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (settings, behind) = (Arc::clone(&settings), behind.clone());
                std::thread::spawn(move || drop(pass_on(stream, settings, &behind)));
            }
        });
        Self { address, folder }
    }

    /// The authority that vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

/// One request, there and back. Each answer ends with its connection.
fn pass_on(stream: TcpStream, settings: Arc<rustls::ServerConfig>, behind: &str) -> std::io::Result<()> {
    let connection = rustls::ServerConnection::new(settings).map_err(std::io::Error::other)?;
    let mut secure = rustls::StreamOwned::new(connection, stream);
    // who does not trust us goes away here
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        secure.read_exact(&mut byte)?;
        request.extend(byte);
    }
    let mut plain = TcpStream::connect(behind)?;
    plain.write_all(&request)?;
    std::io::copy(&mut plain, &mut secure)?;
    secure.conn.send_close_notify();
    secure.flush()
}

/// An authority, and a key with its certificate for localhost.
fn certify(folder: &Path) {
    let openssl = |words: &str| {
        let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout authority.key -out authority.pem -days 2 -subj /CN=authority"));
    openssl(&format!("req -new {key} -keyout key.pem -out request.pem -subj /CN=localhost"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(
        "x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out leaf.pem",
    );
}
