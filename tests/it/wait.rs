//! A run that another process does: shown while it runs, told when it has ended, and never waited for in vain.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Behaviour, Ran};
use crate::support::{Terminal, World};

/// Long for a machine that is busy; nothing here takes a tenth of it.
const SOON: Duration = Duration::from_secs(30);

/// A run of `tools` that stalls in the middle of a download until the server is told to go on.
struct Run {
    world: World,
    writer: Child,
}

impl Run {
    fn stalled() -> Self {
        let world = World::new();
        let writer = start(&world);
        let run = Self { world, writer };
        until(|| {
            run.status().is_some_and(|status| status["state"] == "running" && status.to_string().contains("50000"))
        });
        run
    }

    fn status(&self) -> Option<Value> {
        status(&self.world)
    }

    fn wait(&self, arguments: &[&str]) -> Ran {
        self.world.home.run(&[&["wait"], arguments].concat())
    }

    /// A reader of the JSON form that has seen where the download stalled.
    fn reader(&self) -> Reader {
        let mut command = self.world.home.command(&["wait", "--output", "json"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut reader = Reader { process, lines, events: Vec::new() };
        while !reader.events.iter().any(|event| event["event"] == "step-bytes" && event["step"] == "kind") {
            assert!(reader.next(), "{:?}", reader.events);
        }
        reader
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.writer), signal).unwrap();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended, as most have; nothing that a test started may outlive it.
        let _ = self.writer.kill();
        let _ = self.writer.wait();
    }
}

struct Reader {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    events: Vec<Value>,
}

impl Reader {
    fn next(&mut self) -> bool {
        let Some(line) = self.lines.next() else { return false };
        self.events.push(serde_json::from_str(&line.unwrap()).unwrap());
        true
    }

    fn read_on(mut self) -> (Ran, Vec<Value>) {
        while self.next() {}
        let output = self.process.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (Ran { code: output.status.code().unwrap(), stdout: String::new(), stderr }, self.events)
    }
}

fn start(world: &World) -> Child {
    world.server.then(&world.kind(), [Behaviour::StallAfter(50_000)]);
    let arguments = ["tools", "--pins", "pins.json", "--mirror", &world.server.address];
    let mut command: Command = world.home.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn status(world: &World) -> Option<Value> {
    let file = world.home.path().join(".local/state/pgedge-bootstrap/pgedge.status.json");
    Some(serde_json::from_str(&std::fs::read_to_string(file).ok()?).unwrap())
}

fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "it does not become true");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn a_run_is_shown_to_all_who_wait_and_they_end_with_it() {
    let mut run = Run::stalled();
    let (one, other) = (run.reader(), run.reader());
    run.world.server.release();
    for reader in [one, other] {
        let (ran, events) = reader.read_on();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
        assert_eq!((of("run-started"), of("step-started"), of("step-done"), of("run-finished")), (1, 4, 4, 1));
        assert_eq!(events.last().unwrap()["ok"], true);
        assert!(events.iter().all(|event| event["time"].is_string()));
    }
    assert!(run.writer.wait().unwrap().success());
    let ran = run.wait(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("succeeded") && ran.stderr.contains("4 steps changed"), "{}", ran.stderr);
}

#[test]
fn who_waits_first_sees_the_run_that_begins_after() {
    let world = World::new();
    let mut waiting = world.home.command(&["wait"]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    world.server.release();
    let mut writer = start(&world);
    let ran = world.home.ran(&waiting.wait_with_output().unwrap());
    assert!(writer.wait().unwrap().success());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // The run may have ended before it was seen.
    let shown = ran.stderr.contains("kind is installed and verified") || ran.stderr.contains("succeeded");
    assert!(shown, "{}", ran.stderr);
}

#[test]
fn a_killed_run_is_lost_and_its_readers_know_at_once() {
    let run = Run::stalled();
    let reader = run.reader();
    let killed = Instant::now();
    // Nobody reaps it, as in a container without an init: the process is listed, and runs no more.
    run.signal(Signal::KILL);
    let (ran, events) = reader.read_on();
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("was killed: its process is gone (run-lost)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("at: kind (") && ran.stderr.contains("its log: "), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("hint: `pgedge-bootstrap tools` continues from what is there\n"), "{}", ran.stderr);
    assert_ne!(events.last().unwrap()["event"], "run-finished");
    let ran = run.world.home.run(&["status"]);
    let said = format!("run             killed: `tools`, process {} is gone, last heard ", run.writer.id());
    assert!(ran.stdout.starts_with(&said), "{}", ran.stdout);
}

#[test]
fn a_stopped_run_is_silent() {
    let run = Run::stalled();
    run.signal(Signal::STOP);
    let ran = run.wait(&["--silence", "3s"]);
    run.signal(Signal::CONT);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("its process is there and says nothing (run-silent)"), "{}", ran.stderr);
}

#[test]
fn a_wait_ends_at_its_deadline_and_the_run_goes_on() {
    let mut run = Run::stalled();
    let ran = run.wait(&["--deadline", "1s"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("had not ended after 1 s (wait-deadline)"), "{}", ran.stderr);
    assert!(run.writer.try_wait().unwrap().is_none());
    let ran = run.world.home.run(&["status", "--output", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (document["run"]["state"].as_str(), document["run"]["running"][0]["id"].as_str()),
        (Some("in-progress"), Some("kind"))
    );
    run.world.server.release();
    assert!(run.writer.wait().unwrap().success());
}

#[test]
fn a_run_that_failed_is_told_again() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Status(404, "")]);
    let arguments = ["tools", "--pins", "pins.json", "--mirror", &world.server.address];
    assert_eq!(world.home.run(&arguments).code, 1);
    let ran = world.home.run(&["wait"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("the last run (`tools`, process "), "{}", ran.stderr);
    assert!(ran.stderr.contains("(download-failed)") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    let ran = world.home.run(&["wait", "--output", "json"]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((ran.code, last["event"].as_str(), last["end"].as_str()), (1, Some("run-finished"), Some("failed")));
    let ran = world.home.run(&["status"]);
    assert!(
        ran.stdout.starts_with("run             failed ") && ran.stdout.contains("(download-failed)\nlog  "),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_run_that_never_begins_is_missing() {
    let home = crate::support::Home::new();
    let ran = home.run(&["wait", "--appear", "300ms", "--name", "other"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r#"
    waiting up to 0.3 s for a run to begin
    error: no run of cluster "other" has begun (run-missing)
           no $HOME/.local/state/pgedge-bootstrap/other.status.json after 0.3 s
    hint: `pgedge-bootstrap --local --name other` starts one
    "#);
    assert_eq!(home.files(), Vec::<String>::new());
}

#[test]
fn a_time_that_is_none_is_a_usage_error() {
    for time in ["0s", "soon", "-1m", "25h"] {
        let ran = crate::support::Home::new().run(&["wait", "--appear", time]);
        assert_eq!(ran.code, 2, "{time}: {}", ran.stderr);
    }
}

/// The events of the log whose numbers these are happened four minutes earlier.
fn made_earlier(log: &str, which: impl Fn(usize) -> bool) {
    let earlier = |(number, line): (usize, &str)| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        let time = if which(number) { time - jiff::SignedDuration::from_mins(4) } else { time };
        event["time"] = time.to_string().into();
        format!("{event}\n")
    };
    let text: String = std::fs::read_to_string(log).unwrap().lines().enumerate().map(earlier).collect();
    std::fs::write(log, text).unwrap();
}

/// Times of the run, and not of their own wait.
#[test]
fn who_comes_late_sees_how_long_the_run_and_each_step_have_taken() {
    let run = Run::stalled();
    let log = run.status().unwrap()["log"].as_str().unwrap().to_owned();
    made_earlier(&log, |_| true);
    let terminal = Terminal::start(&run.world.home, (30, 100), &[], &["wait"]);
    let screen = terminal.wait_for("the stalled step", |screen| screen.lines().any(|line| line.contains(" kind ")));
    let line = screen.lines().find(|line| line.contains(" kind ")).unwrap();
    assert!(line.contains(" 4 m ") && screen.contains("of 4 steps, 4 m "), "{screen}");
    drop(terminal);

    made_earlier(&log, |number| number == 0);
    let plain = run.wait(&["--verbose", "--deadline", "1s"]);
    let started = plain.stderr.lines().find(|line| line.contains("kind: looking")).unwrap();
    let seconds: f64 = started.trim_start().split(' ').next().unwrap().parse().unwrap();
    assert!((240.0..300.0).contains(&seconds), "the step began four minutes after the run: {started}");
}

#[test]
fn a_run_that_was_interrupted_has_one_end() {
    let mut run = Run::stalled();
    let reader = run.reader();
    run.signal(Signal::TERM);
    let (ran, news) = reader.read_on();
    assert!(!run.writer.wait().unwrap().success());
    let later = run.wait(&["--output", "json"]);
    let old: Vec<Value> = later.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (code, stderr, events) in [(ran.code, ran.stderr, news), (later.code, later.stderr, old)] {
        let ends = |event: &&Value| event["event"] == "run-finished" || event["event"] == "run-failed";
        let ends: Vec<&Value> = events.iter().filter(ends).collect();
        assert_eq!((code, ends.len()), (1, 1), "{ends:?}");
        assert_eq!((&ends[0]["end"], events.last()), (&"interrupted".into(), Some(ends[0])));
        assert!(stderr.contains("was interrupted") && stderr.contains("(run-interrupted)"), "{stderr}");
    }
}

/// A reader of it would wait for a writer.
#[test]
fn a_wait_ends_in_time_where_a_pipe_is_in_the_place_of_a_file() {
    let run = Run::stalled();
    let status = run.world.home.path().join(".local/state/pgedge-bootstrap/pgedge.status.json");
    let log = run.status().unwrap()["log"].as_str().unwrap().to_owned();
    let pipe = |path: &std::path::Path| {
        std::fs::remove_file(path).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    pipe(std::path::Path::new(&log));
    let ended = |arguments: &[&str], id: &str| {
        let began = Instant::now();
        let ran = run.wait(arguments);
        // A thread that is kept would be waited for, five seconds more.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(ran.code == 1 && ran.stderr.contains(id), "{}", ran.stderr);
    };
    ended(&["--deadline", "1s"], "(wait-deadline)");
    run.signal(Signal::STOP);
    // Its writer would put the file back.
    pipe(&status);
    ended(&["--deadline", "1s", "--appear", "300ms"], "(run-missing)");
    run.signal(Signal::CONT);
}
