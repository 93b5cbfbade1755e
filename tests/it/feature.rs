//! The dev container feature: its manifest held to what the specification lets it have, and its script to what people may
//! write into its options. `tests/real/feature.rs` installs it into real containers.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Home, Ran, SHELLS};

/// Every key that a feature may have: <https://containers.dev/implementors/features/>, whose schema allows no other.
const KEYS: [&str; 27] = [
    "capAdd",
    "containerEnv",
    "customizations",
    "deprecated",
    "dependsOn",
    "description",
    "documentationURL",
    "entrypoint",
    "id",
    "init",
    "installsAfter",
    "keywords",
    "legacyIds",
    "licenseURL",
    "mounts",
    "name",
    "onCreateCommand",
    "options",
    "postAttachCommand",
    "postCreateCommand",
    "postStartCommand",
    "privileged",
    "securityOpt",
    "updateContentCommand",
    "version",
    "remoteUser",
    "containerUser",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> PathBuf {
    root().join("devcontainer-feature/src/pgedge-bootstrap")
}

fn manifest() -> Value {
    serde_json::from_str(&std::fs::read_to_string(sources().join("devcontainer-feature.json")).unwrap()).unwrap()
}

#[test]
fn the_manifest_is_what_the_specification_allows() {
    let manifest = manifest();
    for key in manifest.as_object().unwrap().keys() {
        assert!(KEYS.contains(&key.as_str()), "{key}");
    }
    assert_eq!(manifest["id"].as_str(), sources().file_name().unwrap().to_str());
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert!(manifest["name"].is_string());
    for (option, value) in manifest["options"].as_object().unwrap() {
        assert!(option.chars().all(|letter| letter.is_ascii_alphanumeric()), "{option}");
        for (key, value) in value.as_object().unwrap() {
            let fits = match key.as_str() {
                "type" => value == "string" || value == "boolean",
                "default" | "description" => value.is_string(),
                "proposals" => value.as_array().unwrap().iter().all(Value::is_string),
                _ => false,
            };
            assert!(fits, "{option}.{key}: {value}");
        }
        assert!(value["default"].is_string() && value["type"].is_string(), "{option}: {value}");
    }
    // A feature that another one comes after must be found in its registry, or nothing is installed at all.
    assert!(manifest.get("installsAfter").is_none() && manifest.get("dependsOn").is_none());
}

#[test]
fn the_feature_holds_the_installer_of_the_releases() {
    let installer = std::fs::read(root().join("install.sh")).unwrap();
    let copy = sources().join("pgedge-bootstrap-install.sh");
    assert!(std::fs::read(&copy).unwrap() == installer, "cp install.sh {}", copy.display());
}

#[test]
fn options_that_are_none_are_refused_before_anything_is_done() {
    let feature = Feature::new();
    for shell in SHELLS {
        for version in
            ["foo;id", "$(id)", "1.2", "1.2.3.4", "v1.2.3", "-1.2.3", ".1.2", "1.2.", "1..2.3", "latest\n", "1.2.3 "]
        {
            let ran = feature.install(shell, &[("VERSION", version)]);
            assert_eq!(ran.code, 1, "{shell:?} {version:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.starts_with("error: the option version "), "{version:?}: {}", ran.stderr);
            assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);
        }
        for url in [
            "http://a",
            "file:///etc/passwd",
            "https://",
            "ftp://a",
            "https://a b",
            "https://a;id",
            "https://$(id)",
            "https://a\nb",
            "https://a\"",
            "-o",
            "https://a?b=c&d",
        ] {
            let ran = feature.install(shell, &[("DOWNLOADURL", url)]);
            assert_eq!(ran.code, 1, "{shell:?} {url:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.starts_with("error: the option downloadUrl "), "{url:?}: {}", ran.stderr);
        }
    }
    assert_eq!(feature.calls(), "", "something was done");
}

#[test]
fn options_reach_the_installer_as_they_are() {
    let feature = Feature::new();
    for shell in SHELLS {
        let url = "https://mirror.example:8443/a_b/~c/releases";
        feature.install(shell, &[("VERSION", "1.2.3"), ("DOWNLOADURL", url)]);
        feature.install(shell, &[]);
        assert_eq!(
            feature.calls(),
            format!(
                "installer --version 1.2.3 --url {url} --to /usr/local/bin\n\
                 installer --version latest --url https://github.com/pgEdge/pgedge-bootstrap/releases --to /usr/local/bin\n"
            )
        );
    }
}

/// Each distribution by the one program that tells it apart.
#[test]
fn what_the_image_lacks_is_installed_by_its_own_package_manager() {
    for (manager, wanted) in [
        ("apt-get", "apt-get update\napt-get install --yes --no-install-recommends curl tar gzip\napt-get clean\n"),
        ("apk", "apk add --no-cache curl tar gzip\n"),
        ("dnf", "dnf install --assumeyes --setopt=install_weak_deps=False curl tar gzip\ndnf clean all\n"),
        ("microdnf", "microdnf install --assumeyes curl tar gzip\nmicrodnf clean all\n"),
        ("zypper", "zypper --non-interactive install curl tar gzip\nzypper clean --all\n"),
    ] {
        let feature = Feature::bare();
        feature.program(manager, &format!("echo \"{manager} $*\" >> \"$HOME/calls\""));
        feature.install(&["dash"], &[]);
        let calls = feature.calls();
        let (packages, installer) = calls.split_once("installer ").unwrap_or((&calls, ""));
        // Whether there are certificates is a matter of the machine that runs this.
        assert_eq!(packages.replace(" ca-certificates\n", "\n"), wanted);
        assert!(installer.starts_with("--version latest"), "{manager}: {calls}");
    }
    let feature = Feature::bare();
    let ran = feature.install(&["dash"], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no package manager that is known: curl tar gzip"), "{}", ran.stderr);
    assert_eq!(feature.calls(), "");
}

#[test]
fn who_is_not_root_is_told_so() {
    let feature = Feature::new();
    feature.program("id", "echo 1000");
    let ran = feature.install(&["dash"], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("error: only root can install"), "{}", ran.stderr);
}

/// The script of the feature, with an installer that only tells how it was called, on a PATH of its own.
struct Feature {
    home: Home,
}

impl Feature {
    /// In an image that has what it needs.
    fn new() -> Self {
        let feature = Self::bare();
        for program in ["curl", "tar", "gzip"] {
            feature.program(program, &format!("echo {program} >> \"$HOME/calls\""));
        }
        feature
    }

    /// In an image that has a shell and nothing else.
    fn bare() -> Self {
        let feature = Self { home: Home::new() };
        std::fs::copy(sources().join("install.sh"), feature.home.path().join("install.sh")).unwrap();
        // It fails, so that nothing is written to where completions are.
        let installer = "echo \"installer $*\" >> \"$HOME/calls\"; exit 7\n";
        std::fs::write(feature.home.path().join("pgedge-bootstrap-install.sh"), installer).unwrap();
        feature.program("id", "echo 0");
        for program in ["dirname", "sh"] {
            feature.program(program, &format!("exec /usr/bin/{program} \"$@\""));
        }
        // Lists of packages that are thrown away would be those of the machine that runs this.
        feature.program("rm", "exit 0");
        feature
    }

    fn program(&self, name: &str, script: &str) {
        self.home.program(name, script);
    }

    fn install(&self, shell: &[&str], options: &[(&str, &str)]) -> Ran {
        let program = Command::new("which").arg(shell[0]).output().unwrap();
        let program = String::from_utf8(program.stdout).unwrap();
        let mut command = Command::new(program.trim());
        command.args(&shell[1..]).arg(self.home.path().join("install.sh")).env_clear();
        command.env("HOME", self.home.path()).env("PATH", self.home.programs()).envs(options.iter().copied());
        self.home.ran(&command.output().unwrap())
    }

    /// What was called since this was asked last.
    fn calls(&self) -> String {
        let file = self.home.path().join("calls");
        let calls = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(file);
        calls
    }
}
