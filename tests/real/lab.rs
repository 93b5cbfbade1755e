//! The lab with the one cluster that the facts share, and the ways into that cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) use crate::common::lab::{Lab, Ran, ran};
use crate::common_checkout::of_this_checkout;

/// The cluster that the facts share.
pub(crate) const NAME: &str = of_this_checkout!("pgedge-lab-test");

/// The one that kind cannot make.
pub(crate) const NONE: &str = of_this_checkout!("pgedge-lab-none");

/// The one that this program did not make.
pub(crate) const FOREIGN: &str = of_this_checkout!("pgedge-lab-foreign");

/// Every cluster that a fact makes.
pub(crate) const CLUSTERS: &[&str] = &[NAME, NONE, crate::owner::SHARED];

impl Lab {
    /// The program for the shared cluster.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&self.up_command(arguments).args(["--name", NAME]).output().unwrap())
    }

    /// A tool as a person would run it after `eval "$(pgedge-bootstrap env)"`.
    pub(crate) fn tool(&self, line: &[&str]) -> Ran {
        ran(&self.tool_command(line).output().unwrap())
    }

    pub(crate) fn tool_command(&self, line: &[&str]) -> Command {
        let printed = self.run(&["env", "--output", "json"]).stdout;
        let environment: Value = serde_json::from_str(&printed).unwrap();
        let path = format!("{}:/usr/bin:/bin", environment["bin"].as_str().unwrap());
        let mut command = Command::new(self.bin().join(line[0]));
        command.args(&line[1..]).env_clear().envs(self.kubectl_environment()).env("PATH", path);
        command.env("KUBECONFIG", environment["KUBECONFIG"].as_str().unwrap());
        command
    }

    /// kubectl would leave a cache in `~/.kube`, of which a fact says that nobody touched it.
    fn kubectl_environment(&self) -> [(&'static str, PathBuf); 2] {
        [("HOME", self.home().to_owned()), ("KUBECACHEDIR", self.home().join("kubectl"))]
    }

    /// A program with nothing in its environment but HOME, a PATH, what leads to the lab's docker, and where kubectl keeps its
    /// cache.
    pub(crate) fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.kubectl_environment()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.docker_settings());
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

impl Ran {
    /// What the message of a failed check needs: the exit code, every event that tells of a failure, and the ends of both streams.
    /// A whole stream of events can be hundreds of kilobytes, of which what failed stands last.
    pub(crate) fn told(&self) -> String {
        let failures = self.stdout.lines().filter(|line| {
            let event: Option<Value> = serde_json::from_str(line).ok();
            let name = event.as_ref().and_then(|event| event["event"].as_str()).unwrap_or_default();
            name.ends_with("-failed") || name == "run-finished"
        });
        let failures: Vec<&str> = failures.collect();
        let (stdout, stderr) = (tail(&self.stdout), tail(&self.stderr));
        format!("exit {}\n{}\nstdout: {stdout}\nstderr: {stderr}", self.code, failures.join("\n"))
    }
}

/// The last lines of a text, long ones cut.
fn tail(text: &str) -> String {
    const LINES: usize = 30;
    const WIDTH: usize = 400;
    let lines: Vec<&str> = text.lines().collect();
    let kept = lines[lines.len().saturating_sub(LINES)..].iter();
    kept.map(|line| line.chars().take(WIDTH).collect::<String>()).collect::<Vec<_>>().join("\n")
}
