//! Every upstream under its own name, by way of a proxy.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::secure::{head, pass_on, settings};
use super::{Ran, World};

const HOSTS: [&str; 8] = [
    "cert-manager.io",
    "dl.k8s.io",
    "get.helm.sh",
    "ghcr.io",
    "github.com",
    "quay.io",
    "raw.githubusercontent.com",
    "registry-1.docker.io",
];

/// A proxy behind which `https://HOST/PATH` is what the world's server has at `/HOST/PATH`, and the registries are what it has at `/v2`.
pub(crate) struct Proxy {
    address: String,
    folder: tempfile::TempDir,
    refusals: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn before(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), &HOSTS);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let behind = world.server.address.strip_prefix("http://").unwrap().to_owned();
        let refusals = Arc::<AtomicUsize>::default();
        let left = Arc::clone(&refusals);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (settings, behind, left) = (Arc::clone(&settings), behind.clone(), Arc::clone(&left));
                std::thread::spawn(move || drop(answer(stream, settings, &behind, &left)));
            }
        });
        Self { address, folder, refusals }
    }

    /// The next connections lead nowhere.
    pub(crate) fn refuse(&self, connections: usize) {
        self.refusals.store(connections, Ordering::SeqCst);
    }

    /// `pins check` against upstream itself, and not a mirror.
    pub(crate) fn check(&self, world: &World, more: &[&str]) -> Ran {
        world.home.ran(&self.check_command(world, more).output().unwrap())
    }

    fn check_command(&self, world: &World, more: &[&str]) -> Command {
        let mut command = world.home.command(&[&["pins", "check", "--pins", "pins.json"], more].concat());
        command.env("HTTPS_PROXY", &self.address).arg("--ca-file").arg(self.folder.path().join("authority.pem"));
        command
    }
}

fn answer(
    mut stream: TcpStream,
    settings: Arc<rustls::ServerConfig>,
    behind: &str,
    refusals: &AtomicUsize,
) -> std::io::Result<()> {
    let request = head(&mut stream)?;
    let host = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(':').next());
    let host = host.ok_or_else(|| std::io::Error::other(request.clone()))?;
    if refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        return write!(stream, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    write!(stream, "HTTP/1.1 200 Connected\r\n\r\n")?;
    pass_on(stream, settings, behind, |path| match path.starts_with("/v2/") {
        true => path.to_owned(),
        false => format!("/{host}{path}"),
    })
}
