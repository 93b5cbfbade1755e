//! TLS before a server that speaks plainly, with an authority of its own.

use std::io::{Read, Write as _};
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
        let settings = settings(folder.path(), &["localhost"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let behind = server.address.strip_prefix("http://").unwrap().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (settings, behind) = (Arc::clone(&settings), behind.clone());
                std::thread::spawn(move || drop(pass_on(stream, settings, &behind, str::to_owned)));
            }
        });
        Self { address, folder }
    }

    /// The authority that vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

/// What a server needs to be each of `names`, to whoever trusts the authority in `folder`.
pub(super) fn settings(folder: &Path, names: &[&str]) -> Arc<rustls::ServerConfig> {
    certify(folder, names);
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let chain = vec![CertificateDer::from_pem_file(folder.join("leaf.pem")).unwrap()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(settings.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// One request, there and back; `path` says where the one behind has what is asked for. Each answer ends with its connection.
pub(super) fn pass_on(
    stream: TcpStream,
    settings: Arc<rustls::ServerConfig>,
    behind: &str,
    path: impl Fn(&str) -> String,
) -> std::io::Result<()> {
    let connection = rustls::ServerConnection::new(settings).map_err(std::io::Error::other)?;
    let mut secure = rustls::StreamOwned::new(connection, stream);
    // who does not trust us goes away here
    let request = head(&mut secure)?;
    let (method, rest) = request.split_once(' ').unwrap();
    let (asked, rest) = rest.split_once(' ').unwrap();
    let mut plain = TcpStream::connect(behind)?;
    plain.write_all(format!("{method} {} {rest}", path(asked)).as_bytes())?;
    std::io::copy(&mut plain, &mut secure)?;
    secure.conn.send_close_notify();
    secure.flush()
}

/// A request without a body.
pub(super) fn head(stream: &mut impl Read) -> std::io::Result<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.extend(byte);
    }
    String::from_utf8(request).map_err(std::io::Error::other)
}

/// An authority, and a key with its certificate for `names`.
fn certify(folder: &Path, names: &[&str]) {
    // What openssl does without options, its configuration says, which is the machine's or the person's.
    let config = "[req]\ndistinguished_name=name\nx509_extensions=authority\n[name]\n[authority]\nbasicConstraints=critical,CA:TRUE\n";
    std::fs::write(folder.join("openssl.cnf"), config).unwrap();
    let openssl = |words: &str| {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(folder).env("OPENSSL_CONF", folder.join("openssl.cnf"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout authority.key -out authority.pem -days 2 -subj /CN=authority"));
    openssl(&format!("req -new {key} -keyout key.pem -out request.pem -subj /CN=server"));
    let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    let names = format!("subjectAltName={}\nbasicConstraints=CA:FALSE\n", names.join(","));
    std::fs::write(folder.join("names"), names).unwrap();
    openssl(
        "x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out leaf.pem",
    );
}
