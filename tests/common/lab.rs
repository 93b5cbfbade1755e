//! The lab as the tests see it: its settings, a HOME of their own, and what docker shows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

pub(crate) struct Lab {
    home: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// The clusters that the tests make.
    clusters: &'static [&'static str],
    /// What docker had before.
    before: BTreeSet<String>,
}

/// What a run printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A kubeconfig such as a person has: it must stay as it is, to the byte.
const KUBECONFIG: &str =
    "apiVersion: v1\nkind: Config\ncurrent-context: production\ncontexts: []\nclusters: []\nusers: []\n";

impl Lab {
    /// Starts the lab if it does not run, and removes what an interrupted test left of these clusters.
    pub(crate) fn enter(clusters: &'static [&'static str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab");
        let up = Command::new(&script).arg("up").status().unwrap();
        assert!(up.success(), "the lab does not start");
        let printed = Command::new(&script).arg("env").output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let settings = printed.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let settings = settings.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect();
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".kube")).unwrap();
        std::fs::write(home.path().join(".kube/config"), KUBECONFIG).unwrap();
        let mut lab = Self { home, settings, clusters, before: BTreeSet::new() };
        lab.leave();
        lab.before = lab.docker_lists();
        lab
    }

    pub(crate) fn leave(&self) {
        for name in self.clusters {
            // An interrupted test had another HOME.
            self.up_command(&["down", "--take-over", "--yes", "--name", name]).output().unwrap();
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.home().join(".local/share/pgedge-bootstrap/bin")
    }

    /// What the lab says of how to reach it.
    pub(crate) fn setting_if_any(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn pins(&self) -> Value {
        let file = self.setting_if_any("PGEDGE_BOOTSTRAP_PINS").unwrap();
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// The node image as the host's docker gets it.
    pub(crate) fn node_image(&self) -> String {
        let mirrors = self.setting_if_any("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR").unwrap();
        let registry = mirrors.split(',').find_map(|mirror| mirror.strip_prefix("docker.io=http://")).unwrap();
        format!("{registry}/kindest/node@{}", self.pins()["node_images"][0]["digest"].as_str().unwrap())
    }

    /// The program in the lab, with nothing else in its environment.
    pub(crate) fn up_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgedge-bootstrap"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What leads docker's command line to the lab's engine.
    pub(crate) fn docker_settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        settings.filter(|(name, _)| name.starts_with("DOCKER_"))
    }

    pub(crate) fn docker(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("docker");
        command.args(arguments);
        command.envs(self.docker_settings());
        ran(&command.output().unwrap())
    }

    /// The containers and networks that docker has, but for those of other clusters, which other tests may be making
    /// at this moment; and the volumes that no container uses.
    pub(crate) fn docker_lists(&self) -> BTreeSet<String> {
        let rows = |list: &[&str], label: &str| {
            let format = format!("{{{{.Name{}}}}} {{{{.Label {label:?}}}}}", if list[0] == "ps" { "s" } else { "" });
            let listed = self.docker(&[list, &["--format", &format]].concat());
            assert_eq!(listed.code, 0, "{}", listed.stderr);
            listed.stdout
        };
        let of_others = |label: &str| !label.is_empty() && !self.clusters.contains(&label);
        let containers = rows(&["ps", "--all"], "io.x-k8s.kind.cluster");
        let networks = rows(&["network", "ls"], "com.pgedge.bootstrap.cluster");
        let volumes = rows(&["volume", "ls", "--filter", "dangling=true"], "com.pgedge.bootstrap.cluster");
        [("container", containers), ("network", networks), ("volume", volumes)]
            .into_iter()
            .flat_map(|(what, rows)| {
                let rows = rows.lines().map(|row| row.split_once(' ').unwrap_or((row, "")));
                // kind's own network is not ours: others make it, by a kind that is asked for no other one.
                let rows = rows.filter(|(name, label)| !of_others(label) && (what, *name) != ("network", "kind"));
                rows.map(|(name, _)| format!("{what} {name}")).collect::<Vec<_>>()
            })
            .collect()
    }

    pub(crate) fn docker_lists_before(&self) -> &BTreeSet<String> {
        &self.before
    }

    /// The user's kubeconfig has the same bytes, and nothing lies beside it.
    ///
    /// # Errors
    /// What has changed.
    pub(crate) fn check_users_kubeconfig(&self) -> Result<(), String> {
        let folder = self.home().join(".kube");
        let content =
            std::fs::read_to_string(folder.join("config")).map_err(|error| format!("~/.kube/config: {error}"))?;
        if content != KUBECONFIG {
            return Err(format!("~/.kube/config was changed:\n{content}"));
        }
        let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        if names == ["config"] { Ok(()) } else { Err(format!("~/.kube holds {names:?}")) }
    }
}

pub(crate) fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
