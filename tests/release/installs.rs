//! From the set onto a machine, by `install.sh` and by what cargo-binstall is told in Cargo.toml.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::served::{REPOSITORY, Set, VERSION, tree, unpacked};
use crate::support::{Behaviour, Ran, Release, SHELLS, Secure, Server, sum};

/// An installation of the set from its mirror, with TLS.
struct Machine {
    release: Release,
    server: Server,
    secure: Secure,
}

impl Machine {
    fn new() -> Self {
        let release = Release::new();
        // This machine is what it is.
        std::fs::remove_file(release.home.path().join("programs/uname")).unwrap();
        let server = Set::built().serve();
        let secure = Secure::before(&server);
        Self { release, server, secure }
    }

    fn install(&self, shell: &[&str], arguments: &[&str]) -> Ran {
        let mut command = self.release.bare(shell);
        command.args(["--to", "to", "--mirror", &self.secure.address]).args(arguments);
        self.release.home.ran(&command.output().unwrap())
    }

    fn authority(&self) -> String {
        self.secure.authority().display().to_string()
    }
}

#[test]
fn every_shell_installs_the_released_program() {
    let set = Set::built();
    for shell in SHELLS {
        for arguments in [&[][..], &["--version", VERSION]] {
            let machine = Machine::new();
            let authority = machine.authority();
            let arguments = [arguments, &["--ca-file", &authority]].concat();
            let ran = machine.install(shell, &arguments);
            assert_eq!(ran.code, 0, "{shell:?}: {}", ran.stderr);
            let place = machine.release.place();
            assert_eq!(sum(&std::fs::read(&place).unwrap()), sum(&set.program()));
            assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o7777, 0o755);
            let told = Command::new(&place).arg("-V").output().unwrap().stdout;
            assert_eq!(String::from_utf8(told).unwrap(), format!("pgedge-bootstrap {VERSION}\n"));
            assert_eq!(machine.release.files(), ["to/pgedge-bootstrap"]);
            let again = machine.install(shell, &arguments);
            assert_eq!(
                (again.code, again.stdout),
                (0, format!("pgedge-bootstrap {VERSION} is already there: $HOME/to/pgedge-bootstrap\n"))
            );
        }
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_trusted() {
    for shell in SHELLS {
        let machine = Machine::new();
        let ran = machine.install(shell, &[]);
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("ertificate") && ran.stderr.contains("hint: if a proxy of yours"),
            "{}",
            ran.stderr
        );
        assert_eq!((machine.server.requests(), machine.release.files()), (vec![], vec![]));
    }
}

#[test]
fn a_downloader_that_does_not_look_at_certificates_is_not_trusted() {
    let machine = Machine::new();
    let path = machine.release.only(&["busybox", "sha256sum", "uname"]);
    let mut command = machine.release.bare(SHELLS[1]);
    command.args(["--to", "to", "--mirror", &machine.secure.address]).env("PATH", &path);
    let ran = machine.release.home.ran(&command.output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("this wget does not verify whom it talks to"), "{}", ran.stderr);
    let ran = machine.release.home.ran(&command.args(["--ca-file", &machine.authority()]).output().unwrap());
    assert!(ran.stderr.contains("the wget of busybox takes no --ca-file"), "{}", ran.stderr);
    assert_eq!(machine.release.files(), Vec::<String>::new());
}

#[test]
fn nobody_leads_away_from_tls() {
    for downloader in ["curl", "wget"] {
        let machine = Machine::new();
        let path = machine.release.only(&[downloader, "sha256sum", "uname"]);
        let sums = format!("{}/releases/latest/download/SHA256SUMS", REPOSITORY.strip_prefix("https:/").unwrap());
        let away: &'static str = format!("Location: {}{sums}\r\n", machine.server.address).leak();
        machine.server.then(&sums, [Behaviour::Status(302, away)]);
        let mut command = machine.release.bare(SHELLS[0]);
        command.args(["--to", "to", "--mirror", &machine.secure.address, "--ca-file", &machine.authority()]);
        let ran = machine.release.home.ran(&command.env("PATH", &path).output().unwrap());
        assert_eq!(ran.code, 1, "{downloader}: {}", ran.stderr);
        // Nothing of the program was asked for.
        assert!(machine.server.requests().iter().all(|request| request.contains("SHA256SUMS")), "{downloader}");
        assert_eq!(machine.release.files(), Vec::<String>::new(), "{downloader}");
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_left() {
    let machine = Machine::new();
    // too small for the archive, and too small for the program in it
    for size in ["1m", "8m"] {
        let script = format!(
            "set -eu; mkdir -p to; mount -t tmpfs -o size={size} none to; status=0; \
             dash {}/install.sh --to to --mirror {} --ca-file {} || status=$?; find to -mindepth 1; exit $status",
            tree().display(),
            machine.secure.address,
            machine.authority()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).current_dir(machine.release.home.path());
        let ran = machine.release.home.ran(&command.output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: is the disk full? df -h $HOME/to"), "{size}: {}", ran.stderr);
    }
}

#[test]
fn cargo_binstall_finds_the_archive_and_the_program_in_it() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(tree())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "pgedge-bootstrap").unwrap();
    let binstall = &package["metadata"]["binstall"];
    let set = Set::built();
    let expanded = |template: &serde_json::Value, target: &str| {
        [
            ("repo", REPOSITORY),
            ("name", "pgedge-bootstrap"),
            ("bin", "pgedge-bootstrap"),
            ("binary-ext", ""),
            ("version", VERSION),
            ("target", target),
        ]
        .iter()
        .fold(template.as_str().unwrap().to_owned(), |text, (name, value)| {
            text.replace(&format!("{{ {name} }}"), value)
        })
    };
    for target in
        ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-apple-darwin", "aarch64-apple-darwin"]
    {
        let wanted = format!("{REPOSITORY}/releases/download/v{VERSION}/pgedge-bootstrap-{target}.tar.gz");
        assert_eq!(expanded(&binstall["pkg-url"], target), wanted);
    }
    assert_eq!(binstall["pkg-fmt"], "tgz");
    let url = expanded(&binstall["pkg-url"], &set.target());
    let archive = set.serve().served(url.strip_prefix("https:/").unwrap());
    let program = &unpacked(&archive)[&expanded(&binstall["bin-dir"], &set.target())];
    assert_eq!(sum(program), sum(&set.program()));
}
