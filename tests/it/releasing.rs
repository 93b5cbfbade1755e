//! The scripts of a release, on a copy of what they read, with a `gh` of the test's own.

use std::path::Path;
use std::process::Command;

use crate::support::{Home, Ran, sum, write_program};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Keeps releases as folders, and what it was asked in `asked`.
const GH: &str = r#"echo "$@" >> "$HOME/asked"
releases=$HOME/releases tag=$3
case "$1 $2" in
  "release view") cat "$releases/$tag/draft" 2> /dev/null || { echo "release not found" >&2; exit 1; } ;;
  "release delete") rm -r "${releases:?}/$tag" ;;
  "release create")
    mkdir -p "$releases/$tag/assets"
    echo true > "$releases/$tag/draft"
    for word; do case $word in out/*) cp "$word" "$releases/$tag/assets" ;; esac done
    if [ -e "$HOME/spoil" ]; then echo more >> "$releases/$tag/assets/install.sh"; fi
    ;;
  "release download") mkdir -p "$5" && cp "$releases/$tag/assets"/* "$5" ;;
  "pr list") [ -e "$HOME/asks" ] && echo 1 || echo 0 ;;
  "pr create") touch "$HOME/asks" ;;
  "release edit") echo false > "$releases/$tag/draft" ;;
esac"#;

/// What the scripts read, and may change.
struct Tree {
    home: Home,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { home: Home::new() };
        let copy = Command::new("cp")
            .args(["-R", "scripts", "stacks", "Cargo.toml", "Cargo.lock", "CHANGELOG.md"])
            .arg(tree.home.path())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(copy.success());
        tree.write(
            "CHANGELOG.md",
            &format!("# Changelog\n\n## Unreleased\n\n- more\n\n## {VERSION}\n\n- one\n\n## 0.0.1\n\n- zero\n"),
        );
        for file in VERSIONED {
            tree.write(file, &format!("{{\"version\": \"{VERSION}\"}}"));
        }
        write_program(&tree.path("programs/gh"), format!("#!/bin/sh\n{GH}\n").as_bytes());
        tree
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Ran {
        let output = Command::new(self.path("scripts/release").join(script))
            .args(arguments)
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:{}", self.path("programs").display(), std::env::var("PATH").unwrap()))
            .current_dir(self.home.path())
            .output()
            .unwrap();
        self.home.ran(&output)
    }

    /// Assets that could be released.
    fn assets(&self) {
        self.write("out/install.sh", "#!/bin/sh\n");
        self.write("out/SHA256SUMS", &format!("{}  install.sh\n", sum(b"#!/bin/sh\n")));
    }
}

/// What has the version of the program beside it.
const VERSIONED: [&str; 2] =
    ["vscode-extension/package.json", "devcontainer-feature/src/pgedge-bootstrap/devcontainer-feature.json"];

#[test]
fn a_tag_is_released_only_if_everything_has_its_version() {
    let tag = format!("v{VERSION}");
    assert_eq!(Tree::new().run("check", &[&tag]).code, 0);
    assert_eq!(Tree::new().run("check", &[]).code, 0);
    let fails = |change: &dyn Fn(&Tree), tag: &str, words: &str| {
        let tree = Tree::new();
        change(&tree);
        let ran = tree.run("check", &[tag]);
        assert_eq!(ran.code, 1, "{words}");
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(words), "{}", ran.stderr);
    };
    fails(&|_| (), "v9.9.9", "the tag is 'v9.9.9', Cargo.toml has");
    fails(&|_| (), VERSION, "Cargo.toml has");
    fails(&|tree| tree.write("CHANGELOG.md", "## Unreleased\n\n- one\n"), &tag, "CHANGELOG.md says nothing about");
    for (known, unknown) in [
        ("sha256: 20022bee6cfcd5086cb7234d218e3454e6090022f2a8f55d1fa7fcf42c3867a2", "sha256: null"),
        ("digest: sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0", "digest: # soon"),
    ] {
        let forget = |tree: &Tree| {
            let stack = tree.read("stacks/pgedge.yaml");
            assert!(stack.contains(known));
            tree.write("stacks/pgedge.yaml", &stack.replace(known, unknown));
        };
        fails(&forget, &tag, "a stack pins no checksum: stacks/pgedge.yaml:");
    }
    let locked = |tree: &Tree| {
        tree.read("Cargo.lock").replace(
            &format!("\"pgedge-bootstrap\"\nversion = \"{VERSION}\""),
            "\"pgedge-bootstrap\"\nversion = \"7.7.7\"",
        )
    };
    fails(&|tree| tree.write("Cargo.lock", &locked(tree)), &tag, "Cargo.lock has 7.7.7");
    for file in VERSIONED {
        fails(&|tree| tree.write(file, "{\"version\": \"7.7.7\"}"), &tag, &format!("{file} has the version 7.7.7"));
    }
}

/// The commit that is tagged, and those before and after it.
#[test]
fn every_commit_around_a_release_is_one_that_can_be_built() {
    for (changelog, code) in [
        ("## Unreleased\n\n- one\n".to_owned(), 0),
        (format!("## {VERSION}\n\n- one\n"), 0),
        (format!("## Unreleased\n\n- two\n\n## {VERSION}\n\n- one\n"), 0),
        ("## 0.0.1\n\n- zero\n".to_owned(), 1),
    ] {
        let tree = Tree::new();
        tree.write("CHANGELOG.md", &changelog);
        assert_eq!(tree.run("check", &[]).code, code, "{changelog}");
    }
}

#[test]
fn the_notes_are_the_section_of_the_version() {
    let tree = Tree::new();
    assert_eq!(tree.run("notes", &[VERSION]).stdout, "- one\n");
    assert_eq!(tree.run("notes", &["Unreleased"]).stdout, "- more\n");
    // a version is no pattern
    assert_eq!(tree.run("notes", &["0.1"]).code, 1);
    // an empty section is none
    tree.write("CHANGELOG.md", &format!("## {VERSION}\n\n## 0.0.1\n\n- zero\n"));
    assert!(tree.run("notes", &[VERSION]).stderr.contains("CHANGELOG.md says nothing about"));
}

#[test]
fn a_release_is_published_when_all_of_it_is_there() {
    let (tree, tag) = (Tree::new(), format!("v{VERSION}"));
    tree.assets();
    let ran = tree.run("publish", &[&tag, "out"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let asked = tree.read("asked");
    let verbs: Vec<&str> = asked.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(verbs, ["view", "create", "download", "edit"]);
    assert!(
        asked.contains(&format!("release create {tag} --draft --verify-tag --title {tag} --notes-file ")),
        "{asked}"
    );
    assert_eq!(tree.read(&format!("releases/{tag}/draft")), "false\n");
    // and never again
    let ran = tree.run("publish", &[&tag, "out"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("is published already"), "{}", ran.stderr);
    assert_eq!(tree.read("asked").lines().count(), 5);
}

#[test]
fn what_was_not_uploaded_whole_stays_a_draft_and_is_replaced_by_the_next_attempt() {
    let (tree, tag) = (Tree::new(), format!("v{VERSION}"));
    tree.assets();
    tree.write("spoil", "");
    let ran = tree.run("publish", &[&tag, "out"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("what was uploaded is not what is there"), "{}", ran.stderr);
    assert_eq!(tree.read(&format!("releases/{tag}/draft")), "true\n");
    std::fs::remove_file(tree.path("spoil")).unwrap();
    assert_eq!(tree.run("publish", &[&tag, "out"]).code, 0);
    assert_eq!(tree.read(&format!("releases/{tag}/draft")), "false\n");
}

#[test]
fn assets_that_do_not_have_their_sums_are_not_uploaded() {
    let tree = Tree::new();
    tree.assets();
    tree.write("out/install.sh", "#!/bin/sh\nhurt\n");
    assert_eq!(tree.run("publish", &[&format!("v{VERSION}"), "out"]).code, 1);
    assert!(!tree.path("asked").exists());
}

#[test]
fn what_comes_before_a_release_is_not_the_latest() {
    let tree = Tree::new();
    tree.assets();
    tree.write("CHANGELOG.md", "## 1.0.0-rc.1\n\n- soon\n");
    assert_eq!(tree.run("publish", &["v1.0.0-rc.1", "out"]).code, 0);
    assert!(tree.read("asked").contains(" --prerelease --latest=false "), "{}", tree.read("asked"));
}

#[test]
fn the_scenario_is_changed_by_a_pull_request_and_only_once() {
    let (tree, tag) = (Tree::new(), format!("v{VERSION}"));
    let asset = "pgedge-bootstrap-x86_64-unknown-linux-musl.tar.gz";
    let sum = "5".repeat(64);
    tree.write("out/SHA256SUMS", &format!("{}  {asset}.sig\n{sum}  {asset}\n", "4".repeat(64)));
    tree.write("killercoda/assets/prepare.sh", "url=\nsha256=\n");
    tree.write(".gitignore", "/*\n!/killercoda\n!/scripts\n");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(tree.home.path());
        // A person's own settings may sign, or ask a hook.
        let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "all"]);
    git(&["init", "--quiet", "--bare", "origin.git"]);
    git(&["remote", "add", "origin", "origin.git"]);
    git(&["push", "--quiet", "origin", "main"]);
    // an attempt that is made twice asks once
    for _ in 0..2 {
        let ran = tree.run("scenario", &[&tag, "out"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        git(&["switch", "--quiet", "main"]);
        git(&["branch", "--quiet", "-D", &format!("scenario-{tag}")]);
    }
    let branch = format!("origin/scenario-{tag}");
    let url = format!("https://github.com/pgEdge/pgedge-bootstrap/releases/download/{tag}/{asset}");
    assert_eq!(git(&["show", &format!("{branch}:killercoda/assets/prepare.sh")]), format!("url={url}\nsha256={sum}\n"));
    assert_eq!(git(&["diff", "--name-only", "main", &branch]), "killercoda/assets/prepare.sh\n");
    assert_eq!(tree.read("asked").lines().filter(|line| line.starts_with("pr create ")).count(), 1);
    // when that was merged there is nothing to ask for
    git(&["merge", "--quiet", &branch]);
    let ran = tree.run("scenario", &[&tag, "out"]);
    assert_eq!((ran.code, ran.stderr), (0, format!("the scenario downloads {tag} already\n")));
}

#[test]
fn only_the_archives_of_the_named_targets_are_collected() {
    let tree = Tree::new();
    tree.write("out/pgedge-bootstrap-x86_64-unknown-linux-musl.tar.gz", "");
    tree.write("out/something-else", "");
    let ran = tree.run("collect", &["out", "x86_64-unknown-linux-musl"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("something-else"), "{}", ran.stderr);
    assert!(!tree.path("out/SHA256SUMS").exists());
}

#[test]
fn the_workflow_builds_what_cargo_binstall_and_install_sh_look_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workflow = std::fs::read_to_string(root.join(".github/workflows/release.yml")).unwrap();
    for target in
        ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-apple-darwin", "aarch64-apple-darwin"]
    {
        assert!(workflow.contains(&format!("- target: {target}\n")), "{target} is not built");
        let collected = workflow.lines().filter(|line| !line.contains("target:") && line.contains(target)).count();
        assert_eq!(collected, 1, "{target} is not collected");
    }
}

#[test]
fn workflows_use_actions_by_their_commits_and_each_in_one_edition() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut editions = std::collections::BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let workflow = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for (_, used) in workflow.lines().filter_map(|line| line.split_once("uses: ")) {
            let (action, edition) = used.split_once('@').unwrap();
            let (commit, version) = edition.split_once(" # v").unwrap_or_else(|| panic!("{used}"));
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{used}");
            assert_eq!(version.split('.').count(), 3, "{used}");
            let known = editions.entry(action.to_owned()).or_insert_with(|| edition.to_owned());
            assert_eq!(known, edition, "{action} is used in two editions");
        }
    }
    assert!(editions.len() > 4, "{editions:?}");
}
