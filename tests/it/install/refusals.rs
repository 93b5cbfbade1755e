//! What `install.sh` refuses, and what can happen on the way: nothing is put into its place, and nothing is left.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use crate::support::{ASSET, Behaviour, Release, SHELLS, archive};

const SUMS: &str = "/releases/latest/download/SHA256SUMS";

/// The path of the archive in the latest release.
fn path() -> String {
    format!("/releases/latest/download/{ASSET}")
}

/// Installs with every shell, after `prepare`: it must fail with these words, hint at something, and leave nothing.
fn fails(prepare: impl Fn(&Release), arguments: &[&str], words: &[&str]) {
    for shell in SHELLS {
        let release = Release::new();
        prepare(&release);
        let before = release.files();
        let ran = release.install(shell, arguments);
        assert_eq!(ran.code, 1, "{shell:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{word} is not in\n{}", ran.stderr);
        }
        assert_eq!(ran.stdout, "");
        assert_eq!(release.files(), before, "{shell:?}");
        // not even the folder that had to be made
        assert!(!release.home.path().join("to").exists(), "{shell:?}");
    }
}

#[test]
fn a_wrong_checksum_is_never_unpacked_nor_run() {
    let other = archive("pgedge-bootstrap", b"#!/bin/sh\necho run >> \"$HOME/was-run\"\n");
    fails(
        |release| {
            release.server.file(&path(), other.clone());
        },
        &[],
        &["is not the file that was released", "its sha256 is "],
    );
}

#[test]
fn a_file_that_arrives_cut_off_is_not_installed() {
    let cut = || (0..8).map(|_| Behaviour::CutAfter(60_000));
    fails(
        |release| {
            release.server.then(&path(), cut());
        },
        &[],
        &["cannot download http://"],
    );
    // a server that does not say how long the file is
    fails(
        |release| {
            release.server.file(&path(), release.server.served(&path())[..60_000].to_vec());
        },
        &[],
        &["is not the file that was released"],
    );
}

#[test]
fn a_web_page_in_the_place_of_a_file_is_told_as_one() {
    fails(
        |release| {
            release.server.then(SUMS, [Behaviour::Html]);
        },
        &[],
        &["a web page came in the place of SHA256SUMS"],
    );
    fails(
        |release| {
            release.server.then(&path(), [Behaviour::Html]);
        },
        &[],
        &["a web page came in the place of pgedge-bootstrap-"],
    );
}

#[test]
fn a_release_that_is_not_there_is_named() {
    fails(
        |_| (),
        &["--version", "9.9.9"],
        &["/releases/download/v9.9.9/SHA256SUMS\n", "404", "is there a release 9.9.9 with"],
    );
    let sums = format!("{}  install.sh\n{}  {ASSET}.sig\n", "0".repeat(64), "1".repeat(64));
    fails(
        |release| {
            release.server.file(SUMS, sums.clone());
        },
        &[],
        &["SHA256SUMS of the release has no sum for"],
    );
    let odd = format!("{}  {ASSET}\n", "Z".repeat(64));
    fails(
        |release| {
            release.server.file(SUMS, odd.clone());
        },
        &[],
        &["SHA256SUMS of the release has no sum for"],
    );
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    for shell in SHELLS {
        let release = Release::new();
        release.server.then(SUMS, [Behaviour::Status(503, "")]);
        assert_eq!(release.install(shell, &[]).code, 0);
        assert_eq!(release.server.requests().len(), 3);
    }
}

#[test]
fn an_archive_without_the_program_is_a_mistake_of_the_release() {
    fails(|release| release.publish_archive("1.2.3", &archive("another", b"x")), &[], &["cannot unpack"]);
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "pgedge-bootstrap", "/bin/true").unwrap();
    let link = builder.into_inner().unwrap().finish().unwrap();
    fails(|release| release.publish_archive("1.2.3", &link), &[], &["has no program in it"]);
}

#[test]
fn a_program_that_does_not_run_or_is_another_one_is_not_installed() {
    let broken = b"#!/bin/sh\necho 'no such instruction' >&2\nexit 132\n";
    fails(
        |release| release.publish("1.2.3", broken),
        &[],
        &["does not run on this machine", "       no such instruction\n"],
    );
    let other = b"#!/bin/sh\necho 'pgedge-bootstrap 1.2.4'\n";
    fails(
        |release| release.publish("1.2.3", other),
        &["--version", "1.2.3"],
        &["the release 1.2.3 has another program in it"],
    );
}

#[test]
fn an_attestation_that_does_not_hold_is_the_end() {
    let refuses = |release: &Release| release.program("gh", "echo 'no attestations found' >&2; exit 1");
    fails(refuses, &["--attestation"], &["does not hold", "       no attestations found\n"]);
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    fails(|_| (), &["--to", "/dev/null/bin"], &["cannot write to /dev/null/bin", "--to DIR"]);
    fails(|_| (), &["--to", "/proc/nowhere"], &["cannot write to /proc/nowhere", "--to DIR"]);
}

#[test]
fn a_folder_in_the_place_of_the_program_stays() {
    let release = Release::new();
    std::fs::create_dir_all(release.place()).unwrap();
    let ran = release.install(SHELLS[0], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("to/pgedge-bootstrap is a directory"), "{}", ran.stderr);
    assert_eq!(release.server.requests(), Vec::<String>::new());
}

#[test]
fn a_machine_that_there_is_no_release_for_is_refused() {
    for (system, machine) in [("Linux", "riscv64"), ("Linux", "i686"), ("FreeBSD", "amd64"), ("MINGW64_NT", "x86_64")] {
        let uname = format!("case $1 in -s) echo {system} ;; -m) echo {machine} ;; esac");
        let words = format!("there is no pgedge-bootstrap for {system} on {machine}");
        fails(|release| release.program("uname", &uname), &[], &[&words, "hint: there is one for Linux and macOS"]);
    }
}

#[test]
fn what_is_missing_on_the_machine_is_named() {
    for (programs, words) in
        [(&["sha256sum"][..], "neither curl nor wget is installed"), (&["curl"], "nothing here computes a SHA-256 sum")]
    {
        let release = Release::new();
        let path = release.only(programs);
        let ran = release.home.ran(&release.command(SHELLS[0], &[]).env("PATH", path).output().unwrap());
        assert_eq!((ran.code, release.server.requests()), (1, vec![]), "{}", ran.stderr);
        assert!(ran.stderr.contains(words) && ran.stderr.contains("hint: install "), "{}", ran.stderr);
    }
}

#[test]
fn what_is_typed_wrongly_is_refused_before_anything_is_done() {
    let release = Release::new();
    for arguments in [
        &["--version", "$(touch hurt)"][..],
        &["--version", "1.2"],
        &["--version", "v1.2.3"],
        &["--version", "1.2.3/../../x"],
        &["--version", "1.2.3\n4.5.6"],
        &["--version", "1.2.3 "],
        &["--version", "-1.2.3"],
        &["--version", "1.2.3-"],
        &["--version", ".1.2.3"],
        &["--version", "1..3"],
        &["--version", "1.2.3.4"],
        &["--version", ""],
        &["--version"],
        &["--url", "file:///etc/passwd"],
        &["--url", "ftp://releases.example"],
        &["--url", "https://"],
        &["--url", "https:///releases"],
        &["--url", "https://releases.example/a b"],
        &["--url", "https://releases.example/\n--output=/etc/passwd"],
        &["--url", "https://releases.example/`touch hurt`"],
        &["--url", "--output=hurt"],
        &["--mirror", "mirror.example"],
        &["--mirror", "https://mirror.example/$HOME"],
        &["--ca-file", "nothing.pem"],
        &["--ca-file", "-x"],
        &["--to", "-x"],
        &["--to", "two\nlines"],
        &["--to", ""],
        &["--verbose"],
        &["1.2.3"],
    ] {
        for shell in SHELLS {
            let ran = release.install(shell, arguments);
            assert_eq!(ran.code, 2, "{shell:?} {arguments:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.ends_with("\nhint: install.sh --help\n"), "{}", ran.stderr);
        }
    }
    assert_eq!((release.server.requests(), release.files()), (vec![], vec![]));
}

#[test]
fn an_interrupted_install_leaves_nothing() {
    for shell in SHELLS {
        for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let release = Release::new();
            release.server.then(&path(), [Behaviour::StallAfter(50_000)]);
            let mut installing = release.command(shell, &[]).stderr(std::process::Stdio::null()).spawn().unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            // the archive is on its way when it has been asked for
            while release.server.requests().len() < 2 {
                assert!(Instant::now() < deadline, "the archive was not asked for");
                std::thread::yield_now();
            }
            let number = installing.id().to_string();
            assert!(
                std::process::Command::new("kill").args([&format!("-{signal}"), &number]).status().unwrap().success()
            );
            let ended = installing.wait().unwrap();
            assert!(Instant::now() < deadline, "{shell:?} waited for the download");
            assert_eq!((ended.code(), ended.signal()), (Some(code), None), "{shell:?} {signal}");
            assert!(!release.home.path().join("to").exists(), "{shell:?} {signal}: {:?}", release.files());
            release.server.release();
        }
    }
}

#[test]
fn a_script_that_arrives_cut_off_does_nothing() {
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh")).unwrap();
    let release = Release::new();
    let url = format!("{}/releases", release.server.address);
    let lines = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place + 1);
    // after each line, and within the last one; what is missing at most is the last line's end
    for end in lines.filter(|end| *end < whole.len()).chain(whole.len() - 23..whole.len() - 2) {
        std::fs::write(release.home.path().join("cut.sh"), &whole[..end]).unwrap();
        let _ = std::process::Command::new("dash")
            .args(["cut.sh", "--to", "to", "--url", &url])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(release.home.path())
            .output()
            .unwrap();
        assert_eq!((release.server.requests(), release.files()), (vec![], vec!["cut.sh".to_owned()]), "cut at {end}");
    }
}

#[test]
fn a_password_in_an_address_is_not_shown() {
    let ran = Release::new().install(SHELLS[0], &["--url", "http://me:secret@127.0.0.1:1/releases"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cannot download http://127.0.0.1:1/releases/latest"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
}
