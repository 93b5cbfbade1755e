//! From the set into an image that has neither curl nor certificates, by the feature of dev containers.

use std::path::Path;
use std::process::Command;

use crate::roots::Root;
use crate::served::{REPOSITORY, Set, VERSION, tree};
use crate::support::{Ran, Secure, Server};

/// An image that is being built.
struct Image {
    root: Root,
    server: Server,
    secure: Secure,
}

impl Image {
    /// Debian's smallest, with this machine's way to Debian's packages, and the mirror's authority among those that it trusts.
    fn debian() -> Self {
        let server = Set::built().serve();
        let secure = Secure::before(&server);
        let root = Root::of("debian");
        // The program must come from the set.
        std::fs::remove_file(root.path().join("pgedge-bootstrap")).unwrap();
        copy(&tree().join("devcontainer-feature/src/pgedge-bootstrap"), &root.path().join("feature"));
        for folder in ["apt.conf.d", "auth.conf.d"].map(|name| Path::new("etc/apt").join(name)) {
            let here = Path::new("/").join(&folder);
            if here.exists() {
                copy(&here.join("."), &root.path().join(&folder));
            }
        }
        for file in ["resolv.conf", "hosts"] {
            std::fs::copy(Path::new("/etc").join(file), root.path().join("etc").join(file)).unwrap();
        }
        std::fs::create_dir_all(root.path().join("etc/ssl/certs")).unwrap();
        std::fs::copy(secure.authority(), root.path().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
        Self { root, server, secure }
    }

    /// As the command line of dev containers calls it.
    fn install(&self, version: &str) -> Ran {
        let releases = format!("{}{}/releases", self.secure.address, REPOSITORY.strip_prefix("https:/").unwrap());
        let mut words = vec!["env".to_owned(), format!("VERSION={version}"), format!("DOWNLOADURL={releases}")];
        // For the packages; the program comes from this machine.
        let proxies =
            ["http_proxy", "https_proxy"].into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
        words.extend(proxies.map(|(name, proxy)| format!("{name}={proxy}")));
        words.extend(["no_proxy=localhost,127.0.0.1", "sh", "/feature/install.sh"].map(str::to_owned));
        self.root.run("0:0", &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.path().join(name)).ok()
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args(["--recursive", "--dereference", "--"]).args([from, to]).status();
    assert!(copied.unwrap().success(), "{} cannot be copied", from.display());
}

#[test]
fn the_feature_installs_the_released_program_into_a_bare_image() {
    let (set, image) = (Set::built(), Image::debian());
    for version in ["latest", VERSION] {
        let ran = image.install(version);
        assert_eq!(ran.code, 0, "{version}: {}\n{}", ran.stdout, ran.stderr);
        assert!(image.file("usr/local/bin/pgedge-bootstrap") == Some(set.program()), "{version}");
    }
    let told = image.root.run("65534:65534", &["/usr/local/bin/pgedge-bootstrap", "-V"]);
    assert_eq!(told.stdout, format!("pgedge-bootstrap {VERSION}\n"), "{}", told.stderr);
    let again = image.install(VERSION);
    assert!(again.stdout.starts_with(&format!("pgedge-bootstrap {VERSION} is already there: ")), "{}", again.stdout);
    let bash = image.file("usr/local/share/bash-completion/completions/pgedge-bootstrap");
    assert_eq!(bash.as_ref(), set.members().get("completions/pgedge-bootstrap.bash"));
    let zsh = image.file("usr/local/share/zsh/site-functions/_pgedge-bootstrap");
    assert_eq!(zsh.as_ref(), set.members().get("completions/_pgedge-bootstrap"));
}

#[test]
fn the_feature_puts_nothing_there_that_is_not_what_was_released() {
    let image = Image::debian();
    let path = format!("{}/releases/latest/download/", REPOSITORY.strip_prefix("https:/").unwrap());
    let archive = Set::built().archive();
    image.server.file(&format!("{path}{archive}"), b"something else".to_vec());
    let ran = image.install("latest");
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains(&format!("error: {archive} is not the file that was released")), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(image.root.path().join("usr/local/bin")).unwrap().count(), 0);
}
