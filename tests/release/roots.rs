//! The released binary on machines that have less and less, as root and as nobody in particular. `tests/release/roots` makes them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::served::{REPOSITORY, Set, VERSION, tree};
use crate::support::{Home, Ran, Secure, TOOLS, World, write_program};

/// Who runs the program.
const PEOPLE: [&str; 2] = ["0:0", "65534:65534"];

/// A root file system of the test's own, with the binary in it.
pub(crate) struct Root {
    home: Home,
}

impl Root {
    /// With nothing else.
    fn empty() -> Self {
        let root = Self { home: Home::new() };
        write_program(&root.path().join("pgedge-bootstrap"), &Set::built().program());
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    pub(crate) fn of(name: &str) -> Self {
        let roots = run(Command::new(tree().join("tests/release/roots")));
        let from = Path::new(roots.trim_end()).join(name);
        let root = Self::empty();
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto"]).arg(from.join(".")).arg(root.path());
        run(copy);
        root
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// A file for everybody to read.
    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).unwrap();
        std::fs::set_permissions(self.path().join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub(crate) fn run(&self, person: &str, words: &[&str]) -> Ran {
        let mut command = Command::new("chroot");
        command.arg(format!("--userspec={person}")).arg(self.path()).args(words);
        command.env_clear().env("HOME", "/home/tester").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        self.home.ran(&command.output().unwrap())
    }

    /// What needs neither network nor disk.
    fn tells(&self) {
        for person in PEOPLE {
            for (arguments, words) in [
                (&["--version"][..], format!("pgedge-bootstrap {VERSION}\ncommit ")),
                (&["versions"], "WHAT  ".to_owned()),
                (&["completions", "bash"], "_pgedge__bootstrap() {".to_owned()),
            ] {
                let ran = self.run(person, &[&["/pgedge-bootstrap"], arguments].concat());
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{person} {arguments:?}");
                let said: String = ran.stdout.chars().take(200).collect();
                assert!(said.starts_with(&words), "{person} {arguments:?}: {said}");
            }
        }
    }

    /// Downloads through TLS from localhost, unpacks, verifies, and runs what it has downloaded.
    fn downloads(&self) {
        let programs: Vec<(&str, Vec<u8>)> = TOOLS.map(|tool| (tool, static_program(tool))).to_vec();
        let world = World::with(|tool| programs.iter().find(|(name, _)| *name == tool).unwrap().1.clone());
        let secure = Secure::before(&world.server);
        self.put("pins.json", &std::fs::read(world.home.path().join("pins.json")).unwrap());
        self.put("authority.pem", &std::fs::read(secure.authority()).unwrap());
        for person in PEOPLE {
            let to = format!("/tmp/{}", person.replace(':', "-"));
            let settings = ["--pins", "/pins.json", "--ca-file", "/authority.pem", "--bin-dir", &to];
            let arguments = [&["/pgedge-bootstrap", "tools", "--mirror", &secure.address][..], &settings].concat();
            let ran = self.run(person, &arguments);
            assert_eq!(ran.code, 0, "{person}: {}", ran.stderr);
            for (tool, bytes) in &programs {
                assert_eq!(&std::fs::read(self.path().join(&to[1..]).join(tool)).unwrap(), bytes, "{person} {tool}");
            }
            // the next one begins anew
            std::fs::remove_dir_all(self.path().join("home/tester")).unwrap();
            self.furnish();
        }
        // it has verified the certificate, too
        let stranger = ["/pgedge-bootstrap", "tools", "--mirror", &secure.address, "--pins", "/pins.json"];
        let ran = self.run(PEOPLE[0], &stranger);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("(certificate-untrusted)"), "{}", ran.stderr);
    }

    /// A home for everybody, a folder for all, and the one device that a program needs to start another one.
    fn furnish(&self) {
        for (name, mode) in [("home/tester", 0o777), ("tmp", 0o1777), ("dev", 0o755)] {
            std::fs::create_dir_all(self.path().join(name)).unwrap();
            std::fs::set_permissions(self.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let null = self.path().join("dev/null");
        if !null.exists() {
            let mut command = Command::new("mknod");
            command.args(["-m", "666"]).arg(null).args(["c", "1", "3"]);
            run(command);
        }
    }
}

#[test]
fn where_nothing_else_is() {
    let root = Root::empty();
    root.tells();
    assert_eq!(root.home.files(), ["pgedge-bootstrap"]);
    // no list of hosts: localhost is known all the same
    root.furnish();
    root.downloads();
}

#[test]
fn where_no_shell_is() {
    let root = Root::of("distroless");
    assert!(!root.path().join("bin").exists());
    root.tells();
    root.furnish();
    root.downloads();
}

#[test]
fn where_no_glibc_is() {
    let root = Root::of("alpine");
    assert!(!root.home.files().iter().any(|file| file.contains("libc.so.6")));
    root.tells();
    root.furnish();
    root.downloads();
}

#[test]
fn where_another_glibc_is() {
    let root = Root::of("debian");
    assert!(root.home.files().iter().any(|file| file.ends_with("/libc.so.6")));
    root.tells();
    root.furnish();
    root.downloads();
}

#[test]
fn install_sh_needs_no_more_than_busybox() {
    let (root, server) = (Root::of("alpine"), Set::built().serve());
    std::fs::remove_file(root.path().join("pgedge-bootstrap")).unwrap();
    root.furnish();
    root.put("install.sh", &Set::built().bytes("install.sh"));
    let url = format!("{}{}/releases", server.address, REPOSITORY.strip_prefix("https:/").unwrap());
    for person in PEOPLE {
        let ran = root.run(person, &["sh", "/install.sh", "--url", &url, "--to", "/home/tester/bin"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{person}");
        let installed = std::fs::read(root.path().join("home/tester/bin/pgedge-bootstrap")).unwrap();
        assert_eq!(installed, Set::built().program());
        std::fs::remove_dir_all(root.path().join("home/tester/bin")).unwrap();
    }
    // who may not write there is told
    let ran = root.run(PEOPLE[1], &["sh", "/install.sh", "--url", &url, "--to", "/usr/local/bin"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("cannot write to /usr/local/bin") && ran.stderr.contains("denied"), "{}", ran.stderr);
    assert!(!root.path().join("usr/local").exists());
}

#[test]
fn a_debian_without_a_downloader_is_told() {
    let root = Root::of("debian");
    root.put("install.sh", &Set::built().bytes("install.sh"));
    let ran = root.run(PEOPLE[0], &["sh", "/install.sh"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, "error: neither curl nor wget is installed\nhint: install one of them\n");
}

/// A program without any library that answers as the tool does when it is asked for its version.
fn static_program(tool: &str) -> Vec<u8> {
    let script = String::from_utf8(crate::support::program(tool)).unwrap();
    let answer = script.lines().find_map(|line| line.strip_prefix("echo '")).unwrap().trim_end_matches('\'');
    let folder = tempfile::tempdir().unwrap();
    let (source, built): (PathBuf, PathBuf) = (folder.path().join("tool.rs"), folder.path().join("tool"));
    std::fs::write(&source, format!("fn main() {{ println!(\"{{}}\", r#\"{answer}\"#); }}")).unwrap();
    let mut compile = Command::new("rustc");
    compile
        .args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"])
        .args([&built, &source]);
    run(compile);
    std::fs::read(built).unwrap()
}

/// What a program prints; it must succeed.
fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
