//! The files of a run on a mirror of our own, and pins that fit it.

use sha2::{Digest as _, Sha256};

use super::{Home, Ran, Server};

pub(crate) const TOOLS: [&str; 4] = ["helm", "kind", "kubectl", "kubectl-cnpg"];

/// Programs that answer as the tools do when they are asked for their version, and tell that they were run.
pub(crate) fn program(tool: &str) -> Vec<u8> {
    let answer = match tool {
        "helm" => "v4.3.0",
        "kind" => "0.33.0",
        "kubectl" => r#"{"clientVersion": {"gitVersion": "v1.35.8"}}"#,
        _ => "Build: {Version:1.30.0 Commit:1 Date:2026-01-01}",
    };
    // Long enough to be cut in the middle.
    format!("#!/bin/sh\necho {tool} >> \"$HOME/was-run\"\necho '{answer}'\nexit 0\n{}", "# padding\n".repeat(20_000))
        .into_bytes()
}

pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) server: Server,
}

impl World {
    /// A mirror with all files of a run, and pins that fit it.
    pub(crate) fn new() -> Self {
        Self::with(program)
    }

    /// The same with other programs as the tools.
    pub(crate) fn with(program: impl Fn(&str) -> Vec<u8>) -> Self {
        let (home, server) = (Home::new(), Server::start());
        let mut pins: serde_json::Value =
            serde_json::from_str(&home.run(&["versions", "--output", "json"]).stdout).unwrap();
        for tool in TOOLS {
            for (_, file) in pins["tools"][tool]["platforms"].as_object_mut().unwrap() {
                let bytes = match file["member"].as_str() {
                    Some(member) => archive(member, &program(tool)),
                    None => program(tool),
                };
                file["sha256"] = sum(&bytes).into();
                server.file(file["url"].as_str().unwrap().strip_prefix("https:/").unwrap(), bytes);
            }
        }
        for (_, pin) in pins["manifests"].as_object_mut().unwrap() {
            serve(&server, pin);
        }
        for pin in pins["chart"]["files"].as_array_mut().unwrap() {
            serve(&server, pin);
        }
        std::fs::write(home.path().join("pins.json"), pins.to_string()).unwrap();
        Self { home, server }
    }

    pub(crate) fn tools(&self) -> Ran {
        self.home.run(&["tools", "--pins", "pins.json", "--mirror", &self.server.address])
    }

    /// The arguments of a run of `command` with the mirror and its pins.
    pub(crate) fn arguments<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&[command, "--pins", "pins.json", "--mirror", &self.server.address], more].concat()
    }

    /// Where the mirror has a tool, for this machine.
    pub(crate) fn path_of(&self, tool: &str) -> String {
        let text = std::fs::read_to_string(self.home.path().join("pins.json")).unwrap();
        let pins: serde_json::Value = serde_json::from_str(&text).unwrap();
        let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let platform = format!("{}/{processor}", if cfg!(target_os = "macos") { "darwin" } else { "linux" });
        let url = pins["tools"][tool]["platforms"][&platform]["url"].as_str().unwrap();
        url.strip_prefix("https:/").unwrap().to_owned()
    }

    pub(crate) fn kind(&self) -> String {
        self.path_of("kind")
    }

    pub(crate) fn was_run(&self, tool: &str) -> bool {
        std::fs::read_to_string(self.home.path().join("was-run")).unwrap_or_default().lines().any(|line| line == tool)
    }

    pub(crate) fn requests_of_kind(&self) -> Vec<String> {
        self.server.requests().into_iter().filter(|request| request.contains("/kind-")).collect()
    }

    pub(crate) fn leftovers(&self) -> Vec<String> {
        self.home.files().into_iter().filter(|file| file.ends_with(".part") || file.ends_with(".partial")).collect()
    }
}

/// A small file in the place of the pinned one.
fn serve(server: &Server, pin: &mut serde_json::Value) {
    let url = pin["url"].as_str().unwrap().to_owned();
    let bytes = format!("# in the place of {url}\n").into_bytes();
    pin["sha256"] = sum(&bytes).into();
    server.file(url.strip_prefix("https:/").unwrap(), bytes);
}

/// The SHA-256 sum as it is written.
pub(crate) fn sum(bytes: &[u8]) -> String {
    format!("{:x}", HexDigest(Sha256::digest(bytes).to_vec()))
}

struct HexDigest(Vec<u8>);

impl std::fmt::LowerHex for HexDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// A tar.gz with one program in it.
pub(crate) fn archive(member: &str, bytes: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    builder.append_data(&mut header, member, bytes).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}
