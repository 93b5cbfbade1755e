//! How a run ends that does not come to its own end: by a signal, by its deadline, by a defect of ours; and what a second
//! run does beside it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Behaviour, Home, Ran, World};

const SOON: Duration = Duration::from_secs(30);

/// A world whose mirror stops in the middle of kind.
fn stalling() -> World {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::StallAfter(50_000)]);
    world
}

fn start(world: &World, command: &str, more: &[&str]) -> Child {
    let mut command = world.home.command(&world.arguments(command, more));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

fn end(home: &Home, process: Child) -> Ran {
    home.ran(&process.wait_with_output().unwrap())
}

fn until(what: &str, mut true_: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !true_() {
        assert!(Instant::now() < end, "never happened: {what}");
        std::thread::yield_now();
    }
}

/// The run is in the middle of kind, and everything else has ended.
fn stalled(world: &World) {
    let file = world.home.path().join(".local/state/pgedge-bootstrap/pgedge.status.json");
    until("the stall", || {
        let Ok(text) = std::fs::read_to_string(&file) else { return false };
        let status: Value = serde_json::from_str(&text).unwrap();
        let steps = status["steps"].as_array().unwrap();
        !steps.is_empty()
            && steps.iter().all(|step| match step["id"].as_str() {
                Some("kind") => step["bytes"]["done"] == 50_000,
                _ => step["state"] == "done",
            })
    });
}

fn partial_files(world: &World) -> usize {
    world.home.files().iter().filter(|file| file.ends_with(".partial")).count()
}

#[test]
fn a_run_that_is_asked_to_stop_says_what_is_done_and_goes_on_later() {
    for kind in [Signal::INT, Signal::TERM, Signal::HUP] {
        let world = stalling();
        let run = start(&world, "tools", &[]);
        stalled(&world);
        signal(&run, kind);
        let ran = end(&world.home, run);
        assert_eq!(ran.code, 130, "{kind:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("3 steps of 4 hold, stopped in the middle of kind, 0 not begun."),
            "{kind:?}: {}",
            ran.stderr
        );
        assert_eq!(partial_files(&world), 1, "{kind:?}: the partial download is gone");
        world.server.release();
        assert_eq!(world.tools().code, 0, "{kind:?}");
        let requests = world.server.requests();
        assert!(requests.iter().any(|request| request.ends_with(" 50000")), "it was not resumed: {requests:?}");
    }
}

#[test]
fn a_program_of_nohup_goes_on_when_its_terminal_is_gone() {
    let world = stalling();
    let mut command = Command::new("nohup");
    let program = world.home.command(&world.arguments("tools", &[]));
    command.arg(program.get_program()).args(program.get_args()).env_clear().current_dir(world.home.path());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stalled(&world);
    signal(&run, Signal::HUP);
    world.server.release();
    let ran = end(&world.home, run);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn the_deadline_of_a_run_ends_it_and_says_where_it_was() {
    let world = stalling();
    let ran = world.home.run(&world.arguments("up", &["--until", "tools", "--deadline", "3s", "--output", "json"]));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<&Value> = events.iter().filter(|event| event["event"] == "step-failed").collect();
    let of_kind = failed.iter().find(|event| event["step"] == "kind").unwrap();
    assert_eq!(of_kind["id"], "run-deadline");
    assert!(of_kind["summary"].as_str().unwrap().starts_with("the run's deadline of 3 s has passed"), "{of_kind}");
    assert!(of_kind["seconds"].as_f64().unwrap() < 20.0, "{of_kind}");
}

#[test]
fn a_defect_is_told_with_its_place_and_the_log() {
    let world = World::new();
    let arguments = world.arguments("tools", &[]);
    let ran =
        world.home.ran(&world.home.command(&arguments).env("PGEDGE_BOOTSTRAP_BREAK_DOWN_AT", "kind").output().unwrap());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for words in ["broke down: told to break down at kind (defect)", "at src/steps.rs:", "\nhint: please report this"] {
        assert!(ran.stderr.contains(words), "{words:?} is not in\n{}", ran.stderr);
    }
    let line = ran.stderr.lines().find(|line| line.contains("the log of this run: ")).unwrap();
    let log =
        line.split("the log of this run: ").nth(1).unwrap().replace("$HOME", &world.home.path().display().to_string());
    assert!(std::fs::read_to_string(log.trim()).unwrap().contains("\"run-started\""));
    assert_eq!(world.tools().code, 0, "the next run does not go on");
}

#[test]
fn an_error_that_nobody_expected_is_told_once() {
    let world = World::new();
    let fails = |arguments: &[&str]| {
        let arguments = world.arguments("tools", arguments);
        world.home.ran(&world.home.command(&arguments).env("PGEDGE_BOOTSTRAP_FAIL_AT", "kind").output().unwrap())
    };
    let ran = fails(&[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for words in ["told to fail at kind", "(unexpected)", "hint: "] {
        assert_eq!(ran.stderr.matches(words).count(), 1, "{words:?} in\n{}", ran.stderr);
    }
    let ran = fails(&["--output", "json"]);
    assert_eq!((ran.code, ran.stderr.matches("told to fail").count()), (3, 0), "{}", ran.stderr);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = events.iter().find(|event| event["event"] == "step-failed").unwrap();
    assert_eq!((&failed["id"], &failed["step"]), (&"unexpected".into(), &"kind".into()));
    assert!(failed["hint"].as_str().unwrap().contains("report it"), "{failed}");
}

#[test]
fn a_second_up_shows_the_first_and_goes_on_when_it_has_ended() {
    let world = stalling();
    let first = start(&world, "up", &["--until", "tools"]);
    until("the first run", || world.home.files().iter().any(|file| file.ends_with("pgedge.status.json")));
    let mut second = start(&world, "up", &["--until", "tools"]);
    let mut shown = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut shown, &mut line).unwrap();
    assert!(line.starts_with(&format!("another run is changing this cluster: process {} on ", first.id())), "{line}");
    assert!(line.ends_with("; this one continues when it has ended, and waits for that at most 2 h\n"), "{line}");
    world.server.release();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut shown, &mut rest).unwrap();
    let (first, second) = (end(&world.home, first), end(&world.home, second));
    assert_eq!((first.code, second.code), (0, 0), "{rest}");
    assert_eq!(rest.matches("pgedge-bootstrap 0.1.0, cluster").count(), 2, "it did not show both runs:\n{rest}");
    let requests = world.server.requests();
    assert_eq!(requests.iter().filter(|request| request.contains("/kind-")).count(), 1, "{requests:?}");
}

#[test]
fn a_second_up_takes_over_from_a_first_that_was_killed() {
    let world = stalling();
    let mut first = start(&world, "up", &["--until", "tools"]);
    until("the first run", || world.home.files().iter().any(|file| file.ends_with("pgedge.status.json")));
    let second = start(&world, "up", &["--until", "tools", "--deadline", "20s"]);
    signal(&first, Signal::KILL);
    first.wait().unwrap();
    world.server.release();
    let second = end(&world.home, second);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stderr.contains("ok  kind is installed and verified"), "{}", second.stderr);
}

/// From its start until it has read its command line a program of a shell may be told to end, too.
#[test]
fn a_signal_that_comes_before_the_command_line_is_read_is_heeded() {
    let home = Home::new();
    home.docker("exec sleep 100");
    // It takes a while to read so many words, in time of the processor.
    let words = vec!["kind"; 40_000];
    for kind in [Signal::INT, Signal::TERM] {
        let mut command = home.command(&["verify"]);
        let process = command.args(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stat = format!("/proc/{}/stat", process.id());
        until("the program to work for 60 ms", || {
            let stat = std::fs::read_to_string(&stat).unwrap();
            let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
            // utime and stime of proc_pid_stat(5), in hundredths of a second.
            fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap() >= 6
        });
        signal(&process, kind);
        let ran = end(&home, process);
        assert_eq!(ran.code, 130, "{kind:?}: {}", ran.stderr);
    }
}
