//! The life of a Codespace, by the command line of dev containers: the prebuild, the creation long after it, a stop with an
//! engine that comes late, and the lesson. The real `.devcontainer`, but for the base image and the feature with docker.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::feature::{base_image, devcontainer, devcontainer_command, leave, mirror_port, registry_port};
use crate::lab::{Lab, Ran};
use crate::released::Released;

/// What the installer says when it has put the program there.
const INSTALLED: &str = "is installed: /usr/local/bin/pgedge-bootstrap";

pub(crate) fn a_dev_container_prepares_itself_and_comes_back(lab: &Lab) {
    let released = Released::new(lab);
    let space = Space::new(lab);

    let began = Instant::now();
    let prebuild = space.up(&["--prebuild"]);
    assert_eq!(prebuild.code, 0, "{}", prebuild.stderr);
    assert!(prebuild.stderr.contains(INSTALLED), "{}", prebuild.stderr);
    println!("  prebuild: {:.1} s", began.elapsed().as_secs_f64());
    space.sh("docker image inspect \"$(docker image ls --quiet --no-trunc | head -n 1)\" && test -z \"$(docker ps --quiet)\"");
    space.sh("test -x ~/.local/share/pgedge-bootstrap/bin/kubectl-cnpg");

    // What a prebuild has left is opened on another day.
    space.stop();
    let began = Instant::now();
    let created = space.up(&[]);
    assert_eq!(created.code, 0, "{}", created.stderr);
    println!("  from the prebuild to operators ready: {:.1} s", began.elapsed().as_secs_f64());
    assert!(!created.stderr.contains(INSTALLED), "{}", created.stderr);
    space.sh("pgedge-bootstrap verify cert-manager cloudnative-pg");
    let nodes = space.nodes();
    assert_eq!(nodes.len(), 4, "{nodes:?}");
    // The words of the first terminal, and a home that stays the person's.
    assert!(
        space.sh("cat /usr/local/etc/vscode-dev-containers/first-run-notice.txt").contains("pgedge-bootstrap guide")
    );
    space.sh("test ! -e ~/.kube/config");

    // It was stopped, and its docker takes its time: that is said, and waited for.
    space.sh("sudo touch /run/no-docker-yet");
    space.stop();
    let began = Instant::now();
    let mut up = space.up_command(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(up.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("docker: docker does not answer yet: ")), "the reason was never said");
    space.docker(&["exec", &space.container(), "sh", "-c", "rm /run/no-docker-yet && exec start-docker true"]);
    let rest: Vec<String> = lines.collect();
    assert!(up.wait().unwrap().success(), "{}", rest.join("\n"));
    println!("  from a stop, with a late docker, to operators ready: {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(space.nodes(), nodes, "the Kubernetes nodes are others");

    // Nobody has to type more than this.
    let guide = space.exec(&["pgedge-bootstrap", "guide", "--yes"]);
    assert_eq!(guide.code, 0, "{}", guide.told());
    assert!((guide.stdout + &guide.stderr).contains("6 of 6"));
    space.sh("pgedge-bootstrap verify active-active/prove");

    what_fails_is_told_and_leaves_a_shell(lab, &space);
    the_editor_gets_what_was_released_and_nothing_else(&space, &released);
    leave(lab);
}

fn what_fails_is_told_and_leaves_a_shell(lab: &Lab, space: &Space) {
    space.sh("sudo mv /usr/local/bin/pgedge-bootstrap /tmp");
    lab.control(&["fault", "add", "github.com/pgEdge/*", "status", "404"]);
    let ahead = space.exec(&[".devcontainer/prepare", "ahead"]);
    assert_eq!(ahead.code, 0, "{}", ahead.stderr);
    let told = ahead.stdout + &ahead.stderr;
    assert!(told.contains("error: cannot download ") && told.contains("not everything was fetched ahead"), "{told}");
    let cluster = space.exec(&[".devcontainer/prepare", "cluster"]);
    lab.control(&["fault", "clear"]);
    let told = cluster.stdout + &cluster.stderr;
    assert!(cluster.code != 0 && told.contains("error: cannot download "), "{told}");
    assert!(told.contains(".devcontainer/prepare cluster continues where it was"), "{told}");
    let cluster = space.exec(&[".devcontainer/prepare", "cluster"]);
    assert_eq!(cluster.code, 0, "{}", cluster.stderr);
}

/// An editor that tells what it was asked to install, and an extension whose bytes are not those of the sum.
fn the_editor_gets_what_was_released_and_nothing_else(space: &Space, released: &Released) {
    space.sh("printf '#!/bin/sh\\n[ \"$1\" != --install-extension ] || cp \"$2\" /tmp/installed\\n' | sudo tee /usr/local/bin/code && sudo chmod 755 /usr/local/bin/code");
    let vsix = b"an extension\n";
    released.add_to_latest("pgedge-bootstrap.vsix", vsix, &"0".repeat(64));
    let refused = space.exec(&[".devcontainer/prepare", "editor"]);
    assert_eq!(refused.code, 0, "{}", refused.stderr);
    assert!((refused.stdout + &refused.stderr).contains("the walkthrough was not installed"));
    space.sh("test ! -e /tmp/installed");
    let sum = space.sh("printf 'an extension\\n' | sha256sum");
    released.add_to_latest("pgedge-bootstrap.vsix", vsix, sum.split_whitespace().next().unwrap());
    space.sh(".devcontainer/prepare editor");
    assert_eq!(space.sh("cat /tmp/installed").as_bytes(), vsix);
}

/// A checkout that somebody opens in a Codespace.
struct Space<'a> {
    lab: &'a Lab,
    folder: tempfile::TempDir,
}

impl<'a> Space<'a> {
    fn new(lab: &'a Lab) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in [".devcontainer", "devcontainer-feature", "WALKTHROUGH.md"] {
            let copied = Command::new("cp").args(["-a", "--"]).arg(root.join(part)).arg(folder.path()).status();
            assert!(copied.unwrap().success());
        }
        let inside = folder.path().join(".devcontainer");
        let stand_in = root.join("tests/lab/devcontainer/docker-in-docker");
        assert!(Command::new("cp").args(["-a", "--"]).arg(stand_in).arg(&inside).status().unwrap().success());
        for (name, setting) in [("pins.json", "PGEDGE_BOOTSTRAP_PINS"), ("ca.pem", "PGEDGE_BOOTSTRAP_CA_FILE")] {
            std::fs::copy(lab.setting(setting), inside.join(name)).unwrap();
        }
        // Inside, what forwards to the lab knows its usual ports; today it may have others.
        let ports = format!("for port in {} {}; do", registry_port(lab), mirror_port(lab));
        let install = format!(
            "#!/bin/sh\nset -e\nsed -i 's/^for port in 15000 18443; do$/{ports}/' /usr/local/bin/start-docker\n\
             grep -q '^{ports}$' /usr/local/bin/start-docker\n"
        );
        std::fs::write(inside.join("docker-in-docker/install.sh"), install).unwrap();
        let space = Self { lab, folder };
        let mut config = space.config();
        config["image"] = base_image().into();
        config["features"] = json!({"./docker-in-docker": {}});
        let place = format!("/workspaces/{}/.devcontainer", space.name());
        config["containerEnv"] = json!({
            "PGEDGE_BOOTSTRAP_PINS": format!("{place}/pins.json"),
            "PGEDGE_BOOTSTRAP_CA_FILE": format!("{place}/ca.pem"),
            "PGEDGE_BOOTSTRAP_MIRROR": lab.setting("PGEDGE_BOOTSTRAP_MIRROR"),
            "PGEDGE_BOOTSTRAP_REGISTRY_MIRROR": lab.setting("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR"),
        });
        std::fs::write(inside.join("devcontainer.json"), config.to_string()).unwrap();
        // As in a Codespace, whose user has this number.
        let owned = Command::new("chown").args(["-R", "1000:1000"]).arg(space.folder.path()).status();
        assert!(owned.unwrap().success());
        space
    }

    /// What is committed, without its comments, each of which has a line of its own.
    fn config(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join(".devcontainer/devcontainer.json")).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        serde_json::from_str(&lines.join("\n")).unwrap()
    }

    fn name(&self) -> &str {
        self.folder.path().file_name().unwrap().to_str().unwrap()
    }

    fn arguments<'b>(&'b self, command: &'b str, more: &[&'b str]) -> Vec<&'b str> {
        [&[command, "--workspace-folder", self.folder.path().to_str().unwrap()], more].concat()
    }

    fn up_command(&self, more: &[&str]) -> Command {
        devcontainer_command(self.lab, &self.arguments("up", more))
    }

    fn up(&self, more: &[&str]) -> Ran {
        devcontainer(self.lab, &self.arguments("up", more))
    }

    /// As the user, in the environment that the editor gives to terminals.
    fn exec(&self, command: &[&str]) -> Ran {
        devcontainer(self.lab, &self.arguments("exec", command))
    }

    /// A line that must succeed: what it prints.
    fn sh(&self, line: &str) -> String {
        let done = self.exec(&["bash", "-euo", "pipefail", "-c", line]);
        assert_eq!(done.code, 0, "{line}\n{}", done.told());
        done.stdout
    }

    /// The Kubernetes nodes, each with what tells it from one of the same name.
    fn nodes(&self) -> Vec<String> {
        let listed = self.sh("kubectl get nodes --output json");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let name = |node: &Value| format!("{} {}", node["metadata"]["name"], node["metadata"]["uid"]);
        listed["items"].as_array().unwrap().iter().map(name).collect()
    }

    fn docker(&self, arguments: &[&str]) -> String {
        let done = self.lab.docker(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        done.stdout
    }

    fn container(&self) -> String {
        let label = format!("label=devcontainer.local_folder={}", self.folder.path().display());
        self.docker(&["ps", "--all", "--quiet", "--filter", &label]).trim().to_owned()
    }

    fn stop(&self) {
        self.docker(&["stop", &self.container()]);
    }
}
