//! The lab as the tests see it: its settings, a HOME of their own, and what docker shows.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The cluster that the facts share.
pub(crate) const NAME: &str = "pgedge-lab-test";

pub(crate) struct Lab {
    home: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// What docker had before.
    before: String,
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
    /// Starts the lab if it does not run, and removes what an interrupted test left.
    pub(crate) fn enter() -> Self {
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
        let mut lab = Self { home, settings, before: String::new() };
        lab.leave();
        lab.before = lab.docker_lists();
        lab
    }

    pub(crate) fn leave(&self) {
        for name in [NAME, "pgedge-lab-none"] {
            self.up_command(&["down", "--name", name]).output().unwrap();
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.home().join(".local/share/pgedge-bootstrap/bin")
    }

    pub(crate) fn pins(&self) -> Value {
        let file = &self.settings.iter().find(|(name, _)| name == "PGEDGE_BOOTSTRAP_PINS").unwrap().1;
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// The program for the shared cluster.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&self.up_command(arguments).args(["--name", NAME]).output().unwrap())
    }

    /// The program for a cluster of another name, or with settings of its own.
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

    /// A tool as a person would run it after `eval "$(pgedge-bootstrap env)"`.
    pub(crate) fn tool(&self, line: &[&str]) -> Ran {
        let printed = self.run(&["env", "--output", "json"]).stdout;
        let environment: Value = serde_json::from_str(&printed).unwrap();
        let path = format!("{}:/usr/bin:/bin", environment["bin"].as_str().unwrap());
        let mut command = Command::new(self.bin().join(line[0]));
        // Its cache goes elsewhere: ~/.kube belongs to the person.
        command
            .args(&line[1..])
            .env_clear()
            .env("HOME", self.home())
            .env("KUBECACHEDIR", self.home().join("kubectl"))
            .env("PATH", path);
        command.env("KUBECONFIG", environment["KUBECONFIG"].as_str().unwrap());
        ran(&command.output().unwrap())
    }

    /// SQL as the superuser of a node.
    pub(crate) fn sql(&self, node: &str, statement: &str) -> String {
        let pod = format!("pgedge-{node}-1");
        let ran =
            self.tool(&["kubectl", "exec", &pod, "-c", "postgres", "--", "psql", "-d", "app", "-qtAc", statement]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.trim().to_owned()
    }

    pub(crate) fn docker(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("docker");
        command.args(arguments);
        for (name, value) in self.settings.iter().filter(|(name, _)| name == "DOCKER_HOST") {
            command.env(name, value);
        }
        ran(&command.output().unwrap())
    }

    /// Containers, networks and volumes.
    pub(crate) fn docker_lists(&self) -> String {
        let lists = [&["ps", "--all", "--quiet"][..], &["network", "ls", "--quiet"], &["volume", "ls", "--quiet"]];
        lists.map(|list| self.docker(list).stdout).join("--\n")
    }

    pub(crate) fn docker_lists_before(&self) -> &str {
        &self.before
    }

    /// The user's file has the same bytes, and nothing lies beside it.
    pub(crate) fn assert_users_kubeconfig_is_untouched(&self) {
        let folder = self.home().join(".kube");
        assert_eq!(std::fs::read_to_string(folder.join("config")).unwrap(), KUBECONFIG);
        let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["config"]);
    }
}

pub(crate) fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
