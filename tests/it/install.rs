//! `install.sh`: what it installs, where, and from where. What it refuses is in `install/refusals.rs`.

mod refusals;
mod settings;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::support::{ASSET, Release, SHELLS};

#[test]
fn the_latest_release_is_installed_by_every_shell_and_every_downloader() {
    for shell in SHELLS {
        for (downloader, summer) in [("curl", "sha256sum"), ("wget", "shasum"), ("busybox", "openssl")] {
            let release = Release::new();
            // shasum is written in Perl, which it looks for on PATH on some machines
            let path = release.only(&[downloader, summer, "perl"]);
            let output = release.command(shell, &[]).env("PATH", path).output().unwrap();
            let ran = release.home.ran(&output);
            assert_eq!(ran.code, 0, "{shell:?} {downloader}: {}", ran.stderr);
            assert_eq!(std::fs::read(release.place()).unwrap(), Release::released("1.2.3"));
            assert_eq!(std::fs::metadata(release.place()).unwrap().permissions().mode() & 0o7777, 0o755);
            // asked for its version once
            assert_eq!(std::fs::read_to_string(release.home.path().join("was-run")).unwrap(), "run\n");
            assert_eq!(release.files(), ["to/pgedge-bootstrap", "was-run"], "{shell:?} {downloader}");
            assert!(ran.stdout.starts_with("pgedge-bootstrap 1.2.3 is installed: $HOME/to/pgedge-bootstrap\n"));
        }
    }
}

#[test]
fn it_can_be_piped_into_every_shell() {
    for shell in SHELLS {
        let release = Release::new();
        let script = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh")).unwrap();
        let url = format!("{}/releases", release.server.address);
        let output =
            release.shell(shell).args(["-s", "--", "--to", "to", "--url", &url]).stdin(script).output().unwrap();
        let ran = release.home.ran(&output);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell:?}");
        assert!(release.place().exists(), "{shell:?}");
    }
}

#[test]
fn a_version_that_is_there_is_not_fetched_again() {
    for shell in SHELLS {
        let release = Release::new();
        assert_eq!(release.install(shell, &["--version", "1.2.3"]).code, 0);
        let (requests, before) = (release.server.requests(), inode(&release));
        let ran = release.install(shell, &["--version", "1.2.3"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert_eq!(ran.stdout, "pgedge-bootstrap 1.2.3 is already there: $HOME/to/pgedge-bootstrap\n");
        assert_eq!((release.server.requests(), inode(&release)), (requests, before));
        // for that nothing is needed that downloads
        let path = release.only(&[]);
        let output = release.command(shell, &["--version", "1.2.3"]).env("PATH", path).output().unwrap();
        assert_eq!(release.home.ran(&output).code, 0);
    }
}

#[test]
fn the_latest_release_is_not_installed_twice() {
    for shell in SHELLS {
        let release = Release::new();
        assert_eq!(release.install(shell, &[]).code, 0);
        let before = inode(&release);
        let ran = release.install(shell, &["--version", "latest"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stdout, "pgedge-bootstrap 1.2.3 is already there: $HOME/to/pgedge-bootstrap\n");
        assert_eq!(inode(&release), before);
        assert_eq!(release.files(), ["to/pgedge-bootstrap", "was-run"]);
        // unless it cannot be run
        std::fs::set_permissions(release.place(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(release.install(shell, &[]).stdout.contains(" is installed: "));
        assert_eq!(std::fs::metadata(release.place()).unwrap().permissions().mode() & 0o7777, 0o755);
    }
}

#[test]
fn another_version_replaces_the_one_that_is_there() {
    for shell in SHELLS {
        let release = Release::new();
        assert_eq!(release.install(shell, &[]).code, 0);
        release.publish("1.3.0-rc.1", &Release::released("1.3.0-rc.1"));
        for (arguments, version) in
            [(&["--version", "1.3.0-rc.1"][..], "1.3.0-rc.1"), (&["--version", "1.2.3"], "1.2.3"), (&[], "1.3.0-rc.1")]
        {
            let ran = release.install(shell, arguments);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert_eq!(std::fs::read(release.place()).unwrap(), Release::released(version));
        }
    }
}

#[test]
fn a_program_there_that_does_not_run_is_replaced() {
    let release = Release::new();
    std::fs::create_dir(release.home.path().join("to")).unwrap();
    std::fs::write(release.place(), "half a file").unwrap();
    std::fs::set_permissions(release.place(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = release.install(SHELLS[0], &["--version", "1.2.3"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(std::fs::read(release.place()).unwrap(), Release::released("1.2.3"));
}

#[test]
fn each_machine_gets_its_own_archive() {
    for (system, machine, translated, target) in [
        ("Linux", "x86_64", "", "x86_64-unknown-linux-musl"),
        ("Linux", "amd64", "", "x86_64-unknown-linux-musl"),
        ("Linux", "aarch64", "", "aarch64-unknown-linux-musl"),
        ("Linux", "arm64", "", "aarch64-unknown-linux-musl"),
        ("Darwin", "arm64", "0", "aarch64-apple-darwin"),
        ("Darwin", "x86_64", "0", "x86_64-apple-darwin"),
        ("Darwin", "x86_64", "1", "aarch64-apple-darwin"),
    ] {
        let release = Release::new();
        release.program("uname", &format!("case $1 in -s) echo {system} ;; -m) echo {machine} ;; esac"));
        release.program("sysctl", &format!("[ \"$*\" = '-n sysctl.proc_translated' ] && echo {translated}"));
        let asset = format!("pgedge-bootstrap-{target}.tar.gz");
        release.server.file("/releases/latest/download/SHA256SUMS", format!("{}  {asset}\n", "0".repeat(64)));
        // The sum is nobody's: which archive is asked for is what counts.
        assert_eq!(release.install(SHELLS[0], &[]).code, 1);
        let last = release.server.requests().pop().unwrap();
        assert_eq!(last, format!("GET /releases/latest/download/{asset} -"), "{system} {machine}");
    }
}

#[test]
fn without_a_place_it_is_the_persons_own_folder_and_path_is_told() {
    let release = Release::new();
    release.program("id", "echo 1000");
    let url = format!("{}/releases", release.server.address);
    let ran = release.home.ran(&release.bare(SHELLS[0]).args(["--url", &url]).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "pgedge-bootstrap 1.2.3 is installed: $HOME/.local/bin/pgedge-bootstrap\n\
         note: $HOME/.local/bin is not on your PATH; this adds it:  export PATH=\"$HOME/.local/bin:$PATH\"\n"
    );
}

#[test]
fn a_place_on_path_is_told_only_if_another_program_comes_first() {
    let release = Release::new();
    let path = |first: &str| format!("{first}{0}/to:{0}/programs:/usr/bin:/bin", release.home.path().display());
    let install = |path: String| release.home.ran(&release.command(SHELLS[0], &[]).env("PATH", path).output().unwrap());
    let ran = install(path(""));
    assert_eq!(ran.stdout, "pgedge-bootstrap 1.2.3 is installed: $HOME/to/pgedge-bootstrap\n", "{}", ran.stderr);
    std::fs::remove_file(release.place()).unwrap();
    release.program("pgedge-bootstrap", "exit 0");
    let ran = install(path(&format!("{}/programs:", release.home.path().display())));
    assert!(
        ran.stdout.ends_with("note: $HOME/programs/pgedge-bootstrap comes before it on your PATH\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_place_may_have_any_name() {
    for place in ["a place", "a'\"$(id)\\place", "ein/Ort/tief"] {
        for shell in SHELLS {
            let release = Release::new();
            let ran = release.install(shell, &["--to", place]);
            assert_eq!(ran.code, 0, "{shell:?}: {}", ran.stderr);
            assert!(release.home.path().join(place).join("pgedge-bootstrap").exists(), "{place}");
        }
    }
}

#[test]
fn a_mirror_keeps_host_and_path() {
    for shell in SHELLS {
        let release = Release::new();
        let folder = "/cache/github.com/pgEdge/pgedge-bootstrap/releases/latest/download";
        for asset in [ASSET, "SHA256SUMS"] {
            let served = served_as(&release, asset);
            release.server.file(&format!("{folder}/{asset}"), served);
        }
        let mirror = format!("{}/cache/", release.server.address);
        let official = "https://github.com/pgEdge/pgedge-bootstrap/releases";
        let ran = release.install(shell, &["--url", official, "--mirror", &mirror]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        std::fs::remove_file(release.place()).unwrap();
        let variable =
            release.bare(shell).args(["--to", "to"]).env("PGEDGE_BOOTSTRAP_MIRROR", &mirror).output().unwrap();
        assert_eq!(release.home.ran(&variable).code, 0);
        assert!(release.place().exists());
    }
}

#[test]
fn a_proxy_is_asked_in_either_letters() {
    for (name, downloader) in
        [("http_proxy", "curl"), ("HTTP_PROXY", "curl"), ("HTTP_PROXY", "wget"), ("HTTP_PROXY", "busybox")]
    {
        let release = Release::new();
        for asset in [ASSET, "SHA256SUMS"] {
            let served = served_as(&release, asset);
            release.server.file(&format!("http://releases.example/latest/download/{asset}"), served);
        }
        let path = release.only(&[downloader, "sha256sum"]);
        let mut command = release.command(SHELLS[0], &["--url", "http://releases.example"]);
        let ran = release.home.ran(&command.env("PATH", path).env(name, &release.server.address).output().unwrap());
        assert_eq!(ran.code, 0, "{name} {downloader}: {}", ran.stderr);
        // and what is not encrypted is told
        assert!(ran.stderr.starts_with("note: http://releases.example is not encrypted: "), "{}", ran.stderr);
    }
}

#[test]
fn an_attestation_is_asked_for_only_when_it_is_wanted() {
    let release = Release::new();
    release.program("gh", "echo \"$@\" >> \"$HOME/gh-was-asked\"");
    assert_eq!(release.install(SHELLS[0], &[]).code, 0);
    assert!(!release.home.path().join("gh-was-asked").exists());
    // also for a version that is there already
    assert_eq!(release.install(SHELLS[0], &["--attestation", "--version", "1.2.3"]).code, 0);
    let asked = std::fs::read_to_string(release.home.path().join("gh-was-asked")).unwrap();
    assert!(asked.starts_with("attestation verify "), "{asked}");
    assert!(asked.ends_with(&format!("{ASSET} --repo pgEdge/pgedge-bootstrap\n")), "{asked}");
}

/// The bytes of an asset of the latest release.
fn served_as(release: &Release, asset: &str) -> Vec<u8> {
    release.server.served(&format!("/releases/latest/download/{asset}"))
}

fn inode(release: &Release) -> u64 {
    std::fs::metadata(release.place()).unwrap().ino()
}
