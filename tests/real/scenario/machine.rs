//! The machine of the scenario: one Kubernetes node with 4 GB that has kubectl and nothing else of ours, and what Killercoda
//! does with it. kind makes it; from then on its container is the machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::learner::{Learner, PROMPT};
use crate::common_checkout::of_this_checkout;
use crate::feature::mirror_port;
use crate::lab::{Lab, Ran, ran};
use crate::released::Released;
use crate::terminal::Terminal;

const CLUSTER: &str = of_this_checkout!("pgedge-lab-killercoda");

const CONTAINER: &str = of_this_checkout!("pgedge-lab-killercoda", "-control-plane");

/// What Killercoda calls 4 GB.
const MEMORY: u64 = 4 << 30;

/// The kubelet of such a machine can give this much of it.
const ALLOCATABLE: u64 = 3800 << 20;

/// A check that takes longer has failed: the budget of Killercoda is not documented, and this is what is promised.
const BUDGET: Duration = Duration::from_secs(10);

const MIB: u64 = 1 << 20;

/// The address of the lab's files on the machine, whose ports are all free. The host may have another one.
const MIRROR: &str = "https://127.0.0.1:18443";

pub(crate) struct Machine<'a> {
    lab: &'a Lab,
}

/// A scenario as it was released: with the program that it downloads.
pub(crate) struct Scenario {
    folder: tempfile::TempDir,
    index: Value,
}

/// A step of it.
pub(crate) struct ScenarioStep {
    pub(crate) id: String,
    /// The blocks of code that a click runs.
    pub(crate) blocks: Vec<String>,
    pub(crate) verify: PathBuf,
}

/// Removes the machine.
pub(crate) fn leave(lab: &Lab) {
    lab.docker(&["rm", "--force", "--volumes", CONTAINER]);
}

impl<'a> Machine<'a> {
    /// The machine, made if it is not there.
    pub(crate) fn enter(lab: &'a Lab) -> Self {
        let machine = Self { lab };
        if lab.docker(&["inspect", CONTAINER]).code != 0 {
            machine.make();
        }
        machine.throttle("off");
        machine.fault(&["clear"]);
        machine
    }

    fn make(&self) {
        let tools = self.lab.run(&["tools"]);
        assert_eq!(tools.code, 0, "{}", tools.stderr);
        let total = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total = total.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        let reserved = total.unwrap().parse::<u64>().unwrap() / 1024 - ALLOCATABLE / MIB;
        let config = format!(
            r#"
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  kubeadmConfigPatches:
  - |
    kind: KubeletConfiguration
    apiVersion: kubelet.config.k8s.io/v1beta1
    systemReserved: {{memory: "{reserved}Mi"}}
"#
        );
        let kubeconfig = self.lab.home().join("killercoda-kubeconfig");
        let mut kind = self.lab.command_of(&self.lab.bin().join("kind"));
        kind.args(["create", "cluster", "--name", CLUSTER, "--image", &self.lab.node_image()]);
        kind.args(["--config", "-", "--wait", "120s", "--kubeconfig"]).arg(&kubeconfig);
        let made = with_input(kind, config.as_bytes());
        assert_eq!(made.code, 0, "{}", made.stderr);
        let memory = MEMORY.to_string();
        let limited = self.lab.docker(&["update", "--memory", &memory, "--memory-swap", &memory, CONTAINER]);
        assert_eq!(limited.code, 0, "{}", limited.stderr);
        self.furnish();
    }

    /// What Killercoda's machine has and a bare node lacks, and the way to the lab's mirror and registry.
    fn furnish(&self) {
        let pins = self.lab.setting("PGEDGE_BOOTSTRAP_PINS");
        self.put(&std::fs::read(pins).unwrap(), "/etc/lab-pins.json");
        let authority = std::fs::read(self.lab.setting("PGEDGE_BOOTSTRAP_CA_FILE")).unwrap();
        self.put(&authority, "/etc/lab-ca.pem");
        let mirrors = self.lab.setting("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR");
        let registry = mirrors.split(',').find_map(|mirror| mirror.strip_prefix("ghcr.io=")).unwrap();
        let gateway = registry.trim_start_matches("http://").split(':').next().unwrap();
        for host in ["docker.io", "ghcr.io", "quay.io"] {
            let hosts = format!(
                "server = \"https://{host}\"\n\n[host.\"{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
            );
            self.put(hosts.as_bytes(), &format!("/etc/containerd/certs.d/{host}/hosts.toml"));
        }
        self.sh("cat /etc/lab-ca.pem >> /etc/ssl/certs/ca-certificates.crt");
        self.sh("mkdir -p /root/.kube && cp /etc/kubernetes/admin.conf /root/.kube/config");
        let port = MIRROR.rsplit(':').next().unwrap();
        let (listen, target) = (
            format!("TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr"),
            format!("TCP:{gateway}:{}", mirror_port(self.lab)),
        );
        let forwarded = self.lab.docker(&["exec", "--detach", CONTAINER, "socat", &listen, &target]);
        assert_eq!(forwarded.code, 0, "{}", forwarded.stderr);
        self.until(&format!("curl --silent --output /dev/null {MIRROR}/"));
    }

    /// As if nothing had been prepared; the cluster stays as it is.
    pub(crate) fn reset(&self) {
        self.sh(
            "pkill -KILL -f '/opt/[p]gedge/'; pkill -KILL -x pgedge-bootstra; \
             rm -rf /opt/pgedge /run/pgedge-bootstrap /root/.local /root/.cache /root/values-demo.yaml /usr/local/bin/*",
        );
    }

    /// Opens the scenario: the files, the background and the foreground come in no order.
    pub(crate) fn open(&self, scenario: &Scenario) -> Learner {
        self.open_by(scenario, "bash /tmp/background.sh")
    }

    /// As [`Self::open`], with a background that may use no more than so many MiB of memory.
    pub(crate) fn open_with_memory(&self, scenario: &Scenario, mib: u64) -> Learner {
        let limit = mib * MIB;
        let inside = format!(
            "cd /sys/fs/cgroup; if [ -d memory ]; then cd memory; limit=memory.limit_in_bytes; else limit=memory.max; fi; \
             mkdir -p small && echo {limit} > small/$limit && echo $$ > small/cgroup.procs && exec bash /tmp/background.sh"
        );
        self.open_by(scenario, &inside)
    }

    fn open_by(&self, scenario: &Scenario, background: &str) -> Learner {
        self.put(&scenario.read("/details/intro/background"), "/tmp/background.sh");
        let started = self
            .lab
            .docker(&[&["exec", "--detach"], &ENVIRONMENT[..], &[CONTAINER, "bash", "-c", background]].concat());
        assert_eq!(started.code, 0, "{}", started.stderr);
        let mut command = pty_process::blocking::Command::new("docker");
        command =
            command.args(["exec", "--interactive", "--tty", "--env", "TERM=xterm-256color", "--workdir", "/root"]);
        for (name, value) in self.lab.docker_settings() {
            command = command.env(name, value);
        }
        command = command.args(ENVIRONMENT).args(["--env", PROMPT, CONTAINER, "bash", "--login", "-i"]);
        let learner = Learner::at(Terminal::spawn(command, (40, 110)));
        learner.types(&String::from_utf8(scenario.read("/details/intro/foreground")).unwrap());
        for asset in scenario.index["details"]["assets"]["host01"].as_array().unwrap() {
            let text = |field: &str| asset[field].as_str().unwrap();
            let target = format!("{}/{}", text("target"), text("file"));
            self.put(&std::fs::read(scenario.folder.path().join("assets").join(text("file"))).unwrap(), &target);
            self.sh(&format!("chmod {} {target}", text("chmod")));
        }
        learner
    }

    /// A check by itself: its exit code and what it says.
    pub(crate) fn verify(&self, script: &Path) -> (i32, String) {
        self.put(&std::fs::read(script).unwrap(), "/tmp/verify.sh");
        let began = Instant::now();
        let checked = self.exec(&["bash", "/tmp/verify.sh"]);
        assert!(began.elapsed() < BUDGET, "the check took {:?}", began.elapsed());
        (checked.code, format!("{}{}", checked.stdout, checked.stderr))
    }

    /// Makes a check again until it ends with this code and these words.
    pub(crate) fn verify_until_it_says(&self, script: &Path, wanted: i32, sentence: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let (code, words) = self.verify(script);
            if code == wanted && words.contains(sentence) {
                return;
            }
            assert!(Instant::now() < end, "the check never said {sentence:?}, but {code}: {words}");
        }
    }

    /// Runs a line as root of the machine, which must succeed, and returns what it prints.
    pub(crate) fn sh(&self, line: &str) -> String {
        let done = self.exec(&["bash", "-c", line]);
        assert!(done.code == 0, "{line}\n{}", done.told());
        done.stdout
    }

    /// Runs a line again until it succeeds.
    pub(crate) fn until(&self, line: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.exec(&["bash", "-c", line]).code != 0 {
            assert!(Instant::now() < end, "never came true: {line}");
        }
    }

    fn exec(&self, command: &[&str]) -> Ran {
        let base = ["exec", "--workdir", "/root"];
        self.lab.docker(&[&base[..], &ENVIRONMENT[..], &[CONTAINER, "timeout", "300"], command].concat())
    }

    fn put(&self, bytes: &[u8], path: &str) {
        let mut command = Command::new("docker");
        command.envs(self.lab.docker_settings());
        command.args([
            "exec",
            "--interactive",
            CONTAINER,
            "sh",
            "-c",
            "mkdir -p \"$(dirname \"$1\")\" && cat > \"$1\"",
            "sh",
            path,
        ]);
        let put = with_input(command, bytes);
        assert_eq!(put.code, 0, "{}", put.stderr);
    }

    pub(crate) fn fault(&self, arguments: &[&str]) {
        self.lab.control(&[&["fault"], arguments].concat());
    }

    pub(crate) fn throttle(&self, rate: &str) {
        self.lab.control(&["throttle", rate]);
    }

    /// What docker counts as used, without what the kernel only keeps in case it is read again.
    pub(crate) fn memory(&self) -> String {
        let seen = self.lab.docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", CONTAINER]);
        seen.stdout.trim().to_owned()
    }

    /// What the largest of the Postgres containers holds that the kernel could not take back, in bytes.
    pub(crate) fn largest_postgres(&self) -> u64 {
        let stats: Value = serde_json::from_str(&self.sh("crictl stats --output json")).unwrap();
        let postgres = stats["stats"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|container| container["attributes"]["metadata"]["name"] == "postgres");
        let used = |container: &Value| container["memory"]["workingSetBytes"]["value"].as_str()?.parse().ok();
        postgres.filter_map(used).max().unwrap()
    }

    /// How often the kernel has killed for want of memory on this machine.
    pub(crate) fn out_of_memory_kills(&self) -> u64 {
        let counted = self.sh(
            "find /sys/fs/cgroup -name memory.oom_control -o -name memory.events | xargs cat | awk '$1 == \"oom_kill\" { sum += $2 } END { print sum + 0 }'",
        );
        counted.trim().parse().unwrap()
    }

    /// Something else that requests so many MiB, until it is dropped.
    pub(crate) fn take_memory(&self, name: &str, mib: u64) -> Taken<'_> {
        let image = self.sh("crictl images --output json");
        let images: Value = serde_json::from_str(&image).unwrap();
        let image = images["images"].as_array().unwrap().iter().find_map(|image| {
            image["repoTags"].as_array()?.iter().filter_map(Value::as_str).find(|tag| tag.contains("/pause:"))
        });
        let request = format!("{mib}Mi");
        let container = serde_json::json!({
            "name": name, "image": image.unwrap(), "resources": {"requests": {"memory": request}},
        });
        let overrides = serde_json::json!({"spec": {"containers": [container]}});
        self.sh(&format!("kubectl run {name} --image=pause --overrides='{overrides}'"));
        self.sh(&format!("kubectl wait --for=condition=Ready pod/{name} --timeout=60s"));
        Taken { machine: self, name: name.to_owned() }
    }

    /// Leaves this much of what the Kubernetes node can give.
    pub(crate) fn take_all_but(&self, mib: u64) -> Taken<'_> {
        let described = self.sh("kubectl describe node");
        let line = described.lines().rev().find(|line| line.trim_start().starts_with("memory ")).unwrap();
        let requested: u64 = line.split_whitespace().nth(1).unwrap().trim_end_matches("Mi").parse().unwrap();
        self.take_memory("hog", ALLOCATABLE / MIB - requested - mib)
    }
}

/// What the machine's shells know: the lab in the place of the upstreams.
const ENVIRONMENT: [&str; 8] = [
    "--env",
    "HOME=/root",
    "--env",
    "PGEDGE_BOOTSTRAP_PINS=/etc/lab-pins.json",
    "--env",
    "PGEDGE_BOOTSTRAP_MIRROR=https://127.0.0.1:18443",
    "--env",
    "PGEDGE_BOOTSTRAP_CA_FILE=/etc/lab-ca.pem",
];

/// Memory that is taken until this is dropped.
pub(crate) struct Taken<'a> {
    machine: &'a Machine<'a>,
    name: String,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.machine.sh(&format!("kubectl delete pod {} --grace-period=0 --force --wait=false", self.name));
    }
}

impl Scenario {
    /// Released as a release does it: the program in an archive, whose address and sum the scenario knows.
    pub(crate) fn released(lab: &Lab) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").args(["-a", "--"]).arg(root.join("killercoda/.")).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        let release = Released::new(lab);
        let released = Command::new(root.join("scripts/killercoda-release"))
            .args([&format!("{MIRROR}/{}", release.path), &release.sum])
            .arg(folder.path())
            .status();
        assert!(released.unwrap().success());
        let index = std::fs::read_to_string(folder.path().join("index.json")).unwrap();
        Self { folder, index: serde_json::from_str(&index).unwrap() }
    }

    fn read(&self, pointer: &str) -> Vec<u8> {
        let name = self.index.pointer(pointer).and_then(Value::as_str).unwrap();
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    pub(crate) fn steps(&self) -> Vec<ScenarioStep> {
        let steps = self.index["details"]["steps"].as_array().unwrap();
        let step = |step: &Value| {
            let file = |field: &str| self.folder.path().join(step[field].as_str().unwrap());
            let folder = Path::new(step["text"].as_str().unwrap()).parent().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(file("text")).unwrap();
            ScenarioStep {
                id: folder.split_once('-').unwrap().1.to_owned(),
                blocks: clickable(&text),
                verify: file("verify"),
            }
        };
        steps.iter().map(step).collect()
    }
}

/// The blocks of code of a text that a click runs.
fn clickable(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (open.take(), line.strip_prefix("```")) {
            (None, Some(_)) => open = Some(String::new()),
            (None, None) => {}
            (Some(block), Some("{{exec}}")) => blocks.push(block),
            (Some(_), Some(_)) => {}
            (Some(block), None) => open = Some(block + line + "\n"),
        }
    }
    blocks
}

fn with_input(mut command: Command, bytes: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    ran(&child.wait_with_output().unwrap())
}
