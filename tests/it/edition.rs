//! Which edition of the program this is, and that it cannot be told wrongly: `build.rs` is tried on a program of nothing, in a repository of
//! the test's own.

use std::path::Path;
use std::process::Command;

use crate::support::{Home, files_below, sum};

#[test]
fn the_version_names_the_commit_and_the_pins() {
    let ran = Home::new().run(&["--version"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [version, commit, pins] = lines[..] else { panic!("{}", ran.stdout) };
    assert_eq!(version, concat!("pgedge-bootstrap ", env!("CARGO_PKG_VERSION")));
    let commit = commit.strip_prefix("commit ").unwrap();
    let digits = commit.strip_suffix("-changed").unwrap_or(commit);
    let known = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(known || commit == "unknown", "{commit}");
    let built_in = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/pgedge.yaml")).unwrap();
    assert_eq!(pins, format!("pins {}", &sum(&built_in)[..12]));
}

#[test]
fn the_commit_is_always_the_one_that_is_built() {
    let sources = Sources::new();
    let first = sources.commit("one");
    assert_eq!(sources.built(), (first.clone(), Built::Anew));
    assert_eq!(sources.built(), (first.clone(), Built::Before));
    // what is compiled in is changed, and put back
    sources.write("src/main.rs", &format!("{MAIN}// more\n"));
    assert_eq!(sources.built(), (format!("{first}-changed"), Built::Anew));
    sources.write("src/main.rs", MAIN);
    assert_eq!(sources.built(), (first.clone(), Built::Anew));
    // what is not, and what is new
    sources.write("README.md", "words\n");
    assert_eq!(sources.built(), (first.clone(), Built::Before));
    sources.write("src/new.rs", "");
    assert_eq!(sources.built(), (format!("{first}-changed"), Built::Anew));
    // a commit that changes no file that is compiled
    let second = sources.commit("two");
    assert_eq!(sources.built(), (second.clone(), Built::Anew));
    // a branch that is packed, and gets a file of its own again
    sources.git(&["pack-refs", "--all"]);
    assert_eq!(sources.built().0, second);
    assert_eq!(sources.built(), (second.clone(), Built::Before));
    let third = sources.commit("three");
    assert_eq!(sources.built().0, third);
    // no branch at all
    sources.git(&["checkout", "--quiet", "--detach", "HEAD~1"]);
    assert_eq!(sources.built().0, second);
    // another work tree of the same repository
    sources.git(&["worktree", "add", "--quiet", "../other", "main"]);
    let other = sources.beside("other");
    assert_eq!(other.built().0, third);
    let fourth = other.commit("four");
    assert_eq!((other.built().0, sources.built()), (fourth, (second, Built::Before)));
    // a branch in a folder, which goes when it is packed; and one that is none of ours
    sources.git(&["switch", "--quiet", "--create", "a/topic"]);
    let fifth = sources.commit("five");
    assert_eq!(sources.built().0, fifth);
    other.commit("six");
    assert_eq!(sources.built(), (fifth.clone(), Built::Before));
    sources.git(&["pack-refs", "--all", "--prune"]);
    assert_eq!(sources.built().0, fifth);
    let seventh = sources.commit("seven");
    assert_eq!(sources.built().0, seventh);
}

#[test]
fn sources_from_an_archive_know_their_commit_from_outside_only() {
    let sources = Sources::new();
    sources.commit("somebody's own");
    // unpacked in a repository that is not the program's
    let inside = sources.beside("sources/unpacked");
    inside.furnish();
    assert_eq!(inside.built().0, "unknown");
    let given = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(inside.built_with(&[("PGEDGE_BOOTSTRAP_COMMIT", given)]).0, "0123456789ab");
    assert_eq!(inside.built().0, "unknown");
    let output = inside.cargo(&[("PGEDGE_BOOTSTRAP_COMMIT", "v1.0; rm")]);
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains(r#"PGEDGE_BOOTSTRAP_COMMIT is "v1.0; rm", which is not a commit"#), "{words}");
}

#[test]
fn what_is_compiled_in_is_what_build_rs_looks_at() {
    let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs")).unwrap();
    let list = script.split_once("COMPILED_IN: ").unwrap().1.split_once("= [").unwrap().1.split_once(']').unwrap().0;
    let watched: Vec<&str> =
        list.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    let below = |folder: &str| -> Vec<std::path::PathBuf> {
        let files = files_below(&root.join(folder));
        let sources = files.iter().filter(|file| file.ends_with(".rs") && !file.contains("tests"));
        sources.map(|file| root.join(folder).join(file)).collect()
    };
    for file in [below("src"), below("crates")].concat() {
        let text = std::fs::read_to_string(&file).unwrap();
        for part in text.split(r#"include_str!(""#).skip(1) {
            let path = file.parent().unwrap().join(part.split_once('"').unwrap().0).canonicalize().unwrap();
            let name = path.strip_prefix(root.canonicalize().unwrap()).unwrap();
            // of a test in that file
            let is_of_a_test = name == Path::new("ARCHITECTURE.md");
            let is_watched = watched.iter().any(|watched| name.starts_with(watched));
            assert!(is_watched || is_of_a_test, "{} is compiled in", path.display());
            found += 1;
        }
    }
    assert!(found > 3, "no file that is compiled in was found");
}

const MAIN: &str = "fn main() {\n    println!(\"{}\", env!(\"PGEDGE_BOOTSTRAP_COMMIT\"));\n}\n";

/// As cargo writes it: another one would be a change that it makes itself.
const LOCK: &str = r#"# This file is automatically @generated by Cargo.
# It is not intended for manual editing.
version = 4

[[package]]
name = "told"
version = "0.0.0"
"#;

#[derive(Debug, PartialEq)]
enum Built {
    Anew,
    Before,
}

/// A program that says what `build.rs` has told it.
struct Sources {
    home: std::rc::Rc<Home>,
    folder: std::path::PathBuf,
}

impl Sources {
    fn new() -> Self {
        let home = std::rc::Rc::new(Home::new());
        let sources = Self { folder: home.path().join("sources"), home };
        sources.furnish();
        sources.git(&["init", "--quiet", "--initial-branch", "main"]);
        sources
    }

    fn beside(&self, name: &str) -> Self {
        Self { home: self.home.clone(), folder: self.home.path().join(name) }
    }

    fn furnish(&self) {
        self.write(
            "Cargo.toml",
            "[package]\nname = \"told\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
        );
        self.write("Cargo.lock", LOCK);
        self.write("src/main.rs", MAIN);
        self.write(".gitignore", "/target\n");
        std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs"), self.folder.join("build.rs")).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all that there is; the first twelve digits of the commit.
    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])[..12].to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn built(&self) -> (String, Built) {
        self.built_with(&[])
    }

    /// What the program says once it is built, and whether something had to be done for that.
    fn built_with(&self, variables: &[(&str, &str)]) -> (String, Built) {
        let output = self.cargo(variables);
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{messages}\n{}", String::from_utf8_lossy(&output.stderr));
        let artifact = messages
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .find(|message| message["executable"].is_string())
            .unwrap();
        let told = Command::new(artifact["executable"].as_str().unwrap()).output().unwrap().stdout;
        let built = if artifact["fresh"] == true { Built::Before } else { Built::Anew };
        (String::from_utf8(told).unwrap().trim_end().to_owned(), built)
    }

    fn cargo(&self, variables: &[(&str, &str)]) -> std::process::Output {
        Command::new(env!("CARGO"))
            .args(["build", "--offline", "--message-format", "json"])
            .env_remove("PGEDGE_BOOTSTRAP_COMMIT")
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .envs(variables.iter().copied())
            .current_dir(&self.folder)
            .output()
            .unwrap()
    }
}
