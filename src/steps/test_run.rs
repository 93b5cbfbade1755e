//! A run for tests of the steps: an empty state directory, pins of files that are there, a Kubernetes API in memory, and small
//! programs in the place of those that are driven.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bootstrap_cluster::kubernetes::mock::MockApi;
use bootstrap_fetch::platform::Platform;
use bootstrap_fetch::sum::Sha256;
use bootstrap_run::event::recorder::Recorder;
use bootstrap_run::event::{Events, StepReporter};
use bootstrap_run::failure::{self, Failure};
use bootstrap_run::step::Observation;
use bootstrap_run::step::Step as _;
use bootstrap_run::wait::Polling;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::context::Context;
use crate::options::{Options, Provider};
use crate::places::Places;
use crate::stack::{Pins, Stack, ToolName};
use crate::step_id::StepId;
use crate::tools::docker::Docker;

/// A step of a test takes milliseconds, and some of them tries with pauses between.
const PATIENCE: Duration = Duration::from_secs(20);

/// The one that is there in a test, which kind is said to have confirmed.
pub(super) const KUBECONFIG: &str = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "kind-pgedge",
    "contexts": [{"name": "kind-pgedge", "context": {"cluster": "kind-pgedge", "user": "kind-pgedge"}}],
    "clusters": [{"name": "kind-pgedge", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "kind-pgedge", "user": {}}]}"#;

/// See the module.
pub(crate) struct TestRun {
    pub(crate) context: Context,
    pub(super) api: MockApi,
    pub(super) recorder: Arc<Recorder>,
    folder: TempDir,
}

/// What is to be different in a run.
pub(super) struct Setup {
    pub(super) options: Options,
    pins: Value,
    /// Files of the store.
    files: Vec<String>,
    tools: Vec<(ToolName, Program)>,
    docker: Program,
}

/// A program that replays scenes: the first that fits the arguments and the moment. It writes down how it was called.
#[derive(Default, Clone)]
pub(super) struct Program {
    scenes: Vec<Scene>,
    is_slow: bool,
}

#[derive(Clone)]
struct Scene {
    /// `*` stands for anything.
    pattern: String,
    when: When,
    code: i32,
    stdout: String,
    stderr: String,
}

/// The moment of a scene.
#[derive(Clone, Copy)]
pub(super) enum When {
    Always,
    /// From when another program was called with these words.
    After(&'static str, &'static str),
    /// For the first calls with these words, so many.
    First(usize, &'static str),
}

impl Setup {
    /// Replaces a manifest, `cert-manager` or `cloudnative-pg`.
    pub(super) fn manifest(&mut self, name: &str, text: &str) {
        self.pins["manifests"][name]["sha256"] = Sha256::of(text).as_str().into();
        self.files.push(text.to_owned());
    }

    /// Replaces the files of the chart, by their paths.
    pub(super) fn chart(&mut self, files: &[(&str, &str)]) {
        let pin = |(path, text): &(&str, &str)| json!({"path": path, "url": format!("https://charts.invalid/{path}"), "sha256": Sha256::of(text).as_str()});
        self.pins["chart"]["files"] = files.iter().map(pin).collect();
        self.files.extend(files.iter().map(|(_, text)| (*text).to_owned()));
    }

    pub(super) fn tool(&mut self, tool: ToolName, program: Program) {
        self.tools.push((tool, program));
    }

    /// Without this there is a docker that knows nothing that it is asked for.
    pub(super) fn docker(&mut self, program: Program) {
        self.docker = program;
    }
}

impl TestRun {
    /// In a cluster of our own.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// In a cluster that was adopted.
    pub(super) fn adopted() -> Self {
        Self::with(|setup| setup.options.provider = Provider::Adopted)
    }

    pub(super) fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            provider: Provider::Kind,
            name: "pgedge".parse().unwrap(),
            nodes: None,
            workers: None,
            new_workers: 0,
            docker_comes: false,
            namespace: None,
            mirror: None,
            registry_mirrors: Vec::new(),
        };
        let stack = Stack::pgedge().unwrap().clone();
        let pins = serde_json::to_value(&stack.pins).unwrap();
        let mut setup = Setup { options, pins, files: Vec::new(), tools: Vec::new(), docker: Program::default() };
        change(&mut setup);
        let places = Places::below(folder.path());
        for text in &setup.files {
            write(&places.cache.join("sha256").join(Sha256::of(text).as_str()), text);
        }
        for (tool, program) in &setup.tools {
            let script = program.script(&folder.path().join(tool.as_str()));
            install(&places.bin.join(tool.as_str()), &script);
            let pinned = &mut setup.pins["tools"][tool.as_str()]["platforms"];
            for (_, file) in pinned.as_object_mut().unwrap() {
                file["sha256"] = Sha256::of(&script).as_str().into();
                file["member"] = Value::Null;
            }
        }
        write(&places.kubeconfig, KUBECONFIG);
        let stack = stack.with_pins(Pins::parse(&setup.pins.to_string()).unwrap()).unwrap();
        let mut context = Context::new(setup.options, stack, places, Platform::current().unwrap(), None);
        let docker = folder.path().join("programs/docker");
        install(&docker, &setup.docker.script(&folder.path().join("docker")));
        context.docker = Docker::at(docker);
        let api = MockApi::bare();
        context.mocked_api = Some(api.clone());
        context.trust_kubeconfig().unwrap();
        Self { context, api, recorder: Arc::default(), folder }
    }

    /// Does the work of a step in its name, within the time that a test has.
    pub(super) async fn within<T>(&self, step: StepId, work: impl AsyncFnOnce(&Context, &StepReporter) -> T) -> T {
        let reporter = self.reporter(step);
        let done = tokio::time::timeout(PATIENCE, reporter.named(work(&self.context, &reporter))).await;
        done.unwrap_or_else(|_| panic!("it waits: {:?}", self.recorder.waits()))
    }

    /// The reporter of a step; `recorder` has what it was told.
    pub(super) fn reporter(&self, step: StepId) -> StepReporter {
        StepReporter::new(step.name(), Events::to(Arc::<Recorder>::clone(&self.recorder)))
    }

    /// Replaces what docker says from now on.
    pub(super) fn set_docker(&self, program: &Program) {
        install(&self.folder.path().join("programs/docker"), &program.script(&self.folder.path().join("docker")));
    }

    /// Returns when a program was called so often.
    pub(super) async fn until_calls(&self, program: &str, number: usize) {
        let mut polling = Polling::every(Duration::from_millis(5));
        while self.calls(program).len() < number {
            polling.turn().await;
        }
    }

    /// How a program was called so far, a line each.
    pub(super) fn calls(&self, program: &str) -> Vec<String> {
        let calls = fs_err::read_to_string(self.folder.path().join(program).join("calls"));
        calls.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
    }
}

/// Why something does not hold that was found to be wrong.
pub(super) fn wrong(found: &Observation) -> &str {
    match found {
        Observation::Wrong(why) => why,
        other => panic!("{other:?}"),
    }
}

/// The failure that something ended with.
pub(super) fn failure_of<T>(result: Result<T>) -> Failure {
    let error = result.err().unwrap_or_else(|| panic!("it did not fail"));
    failure::of(&error).unwrap_or_else(|| panic!("no failure that is expected: {error:#}")).clone()
}

impl Program {
    #[must_use]
    pub(super) fn on(self, pattern: &str, code: i32, stdout: &str, stderr: &str) -> Self {
        self.when(When::Always, pattern, code, stdout, stderr)
    }

    #[must_use]
    pub(super) fn when(mut self, when: When, pattern: &str, code: i32, stdout: &str, stderr: &str) -> Self {
        let [pattern, stdout, stderr] = [pattern, stdout, stderr].map(str::to_owned);
        self.scenes.push(Scene { pattern, when, code, stdout, stderr });
        self
    }

    /// With the scenes of another one behind its own.
    #[must_use]
    pub(super) fn before(mut self, other: Self) -> Self {
        self.scenes.extend(other.scenes);
        self
    }

    /// It does not end before it is ended.
    #[must_use]
    pub(super) fn slow(mut self) -> Self {
        self.is_slow = true;
        self
    }

    /// `folder`: for what it prints, and for its calls; those of the other programs are beside it.
    fn script(&self, folder: &Path) -> String {
        let calls = |program: &str| folder.with_file_name(program).join("calls").display().to_string();
        let own = calls(&folder.file_name().unwrap().to_string_lossy());
        fs_err::create_dir_all(folder).unwrap();
        let mut script = format!("#!/bin/sh\necho \"$*\" >> '{own}'\n");
        if self.is_slow {
            script += "exec tail -f /dev/null\n";
        }
        for (number, scene) in self.scenes.iter().enumerate() {
            let printed = |name: &str, text: &str| {
                let path = folder.join(format!("{number}.{name}"));
                write(&path, text);
                path.display().to_string()
            };
            let pattern: Vec<String> = scene.pattern.split('*').map(|part| format!("'{part}'")).collect();
            let condition = match scene.when {
                When::Always => "true".to_owned(),
                When::After(program, words) => format!("grep -qF -e '{words}' '{}'", calls(program)),
                When::First(number, words) => format!("[ \"$(grep -cF -e '{words}' '{own}')\" -le {number} ]"),
            };
            script += &format!(
                "case \"$*\" in {}) if {condition}; then cat '{}'; cat '{}' >&2; exit {}; fi;; esac\n",
                pattern.join("*"),
                printed("out", &scene.stdout),
                printed("err", &scene.stderr),
                scene.code,
            );
        }
        script + "echo \"there is no scene for: $*\" >&2\nexit 64\n"
    }
}

fn write(path: &Path, text: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
}

/// Writes a program by another process: while a child that is being started has a copy of our open file, the kernel refuses to run
/// it.
fn install(path: &Path, script: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = std::process::Command::new("sh");
    writer.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success(), "{} cannot be written", path.display());
}
