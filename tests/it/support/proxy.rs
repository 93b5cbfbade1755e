//! Every upstream under its own name, by way of a proxy.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

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
}

impl Proxy {
    pub(crate) fn before(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), &HOSTS);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let behind = world.server.address.strip_prefix("http://").unwrap().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (settings, behind) = (Arc::clone(&settings), behind.clone());
                std::thread::spawn(move || drop(answer(stream, settings, &behind)));
            }
        });
        Self { address, folder }
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

fn answer(mut stream: TcpStream, settings: Arc<rustls::ServerConfig>, behind: &str) -> std::io::Result<()> {
    let request = head(&mut stream)?;
    let host = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(':').next());
    let host = host.ok_or_else(|| std::io::Error::other(request.clone()))?;
    write!(stream, "HTTP/1.1 200 Connected\r\n\r\n")?;
    pass_on(stream, settings, behind, |path| match path.starts_with("/v2/") {
        true => path.to_owned(),
        false => format!("/{host}{path}"),
    })
}
