//! The lab with the one cluster that the facts share, and the ways into that cluster.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

pub(crate) use crate::common::lab::{Lab, Ran, ran};

/// The cluster that the facts share.
pub(crate) const NAME: &str = "pgedge-lab-test";

/// Every cluster that a fact makes.
pub(crate) const CLUSTERS: &[&str] = &[NAME, "pgedge-lab-none"];

impl Lab {
    /// The program for the shared cluster.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&self.up_command(arguments).args(["--name", NAME]).output().unwrap())
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

    /// A program with nothing in its environment but HOME, a PATH, and what leads to the lab's docker.
    pub(crate) fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.setting_if_any("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
        command
    }

    /// One of the lab's own commands, such as `fault`.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab");
        let done = ran(&Command::new(script).args(arguments).output().unwrap());
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
    }

    pub(crate) fn setting(&self, name: &str) -> &str {
        self.setting_if_any(name).unwrap()
    }

    /// SQL as the superuser of a node.
    pub(crate) fn sql(&self, node: &str, statement: &str) -> String {
        let pod = format!("pgedge-{node}-1");
        let ran =
            self.tool(&["kubectl", "exec", &pod, "-c", "postgres", "--", "psql", "-d", "app", "-qtAc", statement]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.trim().to_owned()
    }

    pub(crate) fn assert_users_kubeconfig_is_untouched(&self) {
        assert_eq!(self.check_users_kubeconfig(), Ok(()));
    }
}
