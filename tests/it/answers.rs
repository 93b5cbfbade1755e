//! What programs get when a command fails: with `--output json` always one document, or events, and the failure in it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::json::documented;
use crate::support::{Home, INFO, Ran, World};

/// Every command that knows `--output json`.
const COMMANDS: &[&[&str]] = &[
    &["--local", "--deadline", "2s"],
    &["--codespace", "--deadline", "1s"],
    &["--local", "--dry-run"],
    &["tools"],
    &["prefetch"],
    &["verify"],
    &["verify", "active-active/configure"],
    &["prove"],
    &["status"],
    &["wait", "--appear", "1s"],
    &["values"],
    &["versions"],
    &["pins", "check", "--write", "/"],
    &["down"],
    &["down", "--purge"],
    &["down", "--take-over"],
    &["env"],
];

/// Those that tell events, one a line.
fn streams(command: &[&str]) -> bool {
    command.first().is_some_and(|first| ["--local", "--codespace", "tools", "prefetch", "wait"].contains(first))
        && !command.contains(&"--dry-run")
}

/// What went wrong, as a program finds it; `Null` if the output says nothing of it. Panics where the output is not what the
/// document promises.
fn failure_in(command: &[&str], ran: &Ran) -> Value {
    let read = |text: &str| -> Value {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{command:?}: {error}: {text:?}; {}", ran.stderr))
    };
    if !streams(command) {
        return read(&ran.stdout)["failure"].clone();
    }
    let events: Vec<Value> = ran.stdout.lines().map(read).collect();
    let fields = documented();
    for event in &events {
        let name = event["event"].as_str().unwrap_or_else(|| panic!("{command:?}: no event: {event}"));
        assert!(fields.contains_key(name), "{command:?}: docs/events.md does not know {name}");
    }
    let told = |name: &str| events.iter().find(|event| event["event"] == name).cloned();
    told("step-failed").or_else(|| told("run-failed")).unwrap_or_default()
}

fn is_whole(failure: &Value) -> bool {
    let texts = ["id", "layer", "summary", "hint"].iter().all(|field| failure[field].is_string());
    texts && failure["evidence"].as_array().is_some_and(|lines| lines.iter().all(Value::is_string))
}

/// Runs every command for people and for programs: the exit codes must be the same, what programs get must be whole, and a
/// failure must be in it.
fn check(cause: &str, run: impl Fn(&[&str]) -> Ran) {
    let mut wrong = Vec::new();
    let mut failed = 0;
    for command in COMMANDS {
        let text = run(command);
        let json = run(&[command, &["--output", "json"][..]].concat());
        if json.code != text.code {
            wrong.push(format!("{command:?}: {} for people, {} for programs", text.code, json.code));
        }
        let failure = std::panic::catch_unwind(|| failure_in(command, &json));
        let Ok(failure) = failure else {
            wrong.push(format!("{command:?}: {:?}", json.stdout));
            continue;
        };
        failed += usize::from(json.code != 0);
        // What is only to be done yet is no failure, and exit code 1 of a look.
        let is_look = command.first() == Some(&"verify");
        if json.code != 0 && !is_whole(&failure) && !(is_look && failure.is_null()) {
            wrong.push(format!("{command:?}: {failure} in {}", json.stdout));
        }
        if json.code == 0 && !failure.is_null() {
            wrong.push(format!("{command:?}: ends well, and tells {failure}"));
        }
    }
    assert!(wrong.is_empty(), "{cause}:\n{}", wrong.join("\n"));
    assert!(failed > 3, "{cause}: only {failed} commands failed");
}

/// A run of the program in a world: with its mirror, its pins, and nothing to pull from.
fn command(world: &World, arguments: &[&str]) -> Command {
    let mirror = ["--mirror", &world.server.address, "--registry-mirror", "docker.io=http://127.0.0.1:9"];
    let pins = if arguments.contains(&"--pins") { &[][..] } else { &["--pins", "pins.json"] };
    world.home.command(&[arguments, &mirror, pins].concat())
}

#[test]
fn a_failure_of_the_machine_is_told_to_programs() {
    let world = World::new();
    world.home.empty_docker();
    let empty = world.home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let run = |command: &mut Command| world.home.ran(&command.output().unwrap());
    check("there is no cluster", |arguments| run(&mut command(&world, arguments)));
    check("there is no docker", |arguments| run(command(&world, arguments).env("PATH", &empty)));
    check("there is no HOME", |arguments| run(command(&world, arguments).env_remove("HOME")));
    check("the state directory is a file", |arguments| {
        run(command(&world, arguments).env("XDG_STATE_HOME", world.home.path().join("pins.json")))
    });
    check("the pins are not there", |arguments| {
        run(&mut command(&world, &[arguments, &["--pins", "nowhere"]].concat()))
    });
}

#[test]
fn a_failure_about_a_cluster_is_told_to_programs() {
    let foreign = World::new();
    foreign.home.docker(&format!(
        r#"
case "$1 $2" in
  info*) echo '{INFO}' ;;
  ps*) echo '{{"ID":"1","Names":"pgedge-control-plane","State":"running","Networks":"pgedge-bootstrap-pgedge"}}' ;;
  "network ls") echo '{{"ID":"1","Cluster":"pgedge","Owner":"b0b","User":"bob","Host":"desk","Since":"2026-01-02T03:04:05Z"}}' ;;
  "network inspect") echo '{{}}' ;;
  *) exit 0 ;;
esac"#
    ));
    let run = |arguments: &[&str]| foreign.home.ran(&command(&foreign, arguments).output().unwrap());
    check("the cluster is another owner's", run);
    let take_over = run(&["down", "--take-over", "--output", "json"]);
    let document: Value = serde_json::from_str(&take_over.stdout).unwrap();
    assert_eq!((take_over.code, &document["failure"]["id"]), (1, &"cluster-foreign".into()), "{document}");

    let broken = World::new();
    broken.home.empty_docker();
    let kubeconfig = broken.home.path().join(".local/state/pgedge-bootstrap/pgedge/kubeconfig");
    check("the kubeconfig is broken", |arguments| {
        std::fs::create_dir_all(kubeconfig.parent().unwrap()).unwrap();
        std::fs::write(&kubeconfig, "no: [kubeconfig").unwrap();
        broken.home.ran(&command(&broken, arguments).output().unwrap())
    });
}

#[test]
fn a_defect_and_an_interruption_are_told_to_programs() {
    let world = World::new();
    let arguments = world.arguments("tools", &["--output", "json"]);
    let mut broken = world.home.command(&arguments);
    let ran = world.home.ran(&broken.env("PGEDGE_BOOTSTRAP_BREAK_DOWN_AT", "kind").output().unwrap());
    let failure = failure_in(&["tools"], &ran);
    assert_eq!((ran.code, &failure["id"], is_whole(&failure)), (3, &"defect".into(), true), "{}", ran.stdout);
    assert!(ran.stderr.contains("broke down: told to break down at kind (defect)"), "{}", ran.stderr);

    world.home.docker("touch \"$HOME/asked\"; exec sleep 60");
    let mut status = world.home.command(&["status", "--output", "json"]);
    let run = status.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !world.home.path().join("asked").exists() {
        assert!(Instant::now() < end, "docker was never asked");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    let ran = world.home.ran(&run.wait_with_output().unwrap());
    let failure = failure_in(&["pins", "check", "--write", "/"], &ran);
    assert_eq!(
        (ran.code, &failure["id"], is_whole(&failure)),
        (130, &"run-interrupted".into(), true),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("interrupted"), "{}", ran.stderr);
}

/// A guide's commands print what they print: no document could be made of it.
#[test]
fn a_guide_is_for_people_alone() {
    let ran = Home::new().run(&["guide", "--yes", "--output", "json"]);
    let failure = failure_in(&["guide"], &ran);
    assert_eq!((ran.code, &failure["id"]), (2, &"usage-invalid".into()), "{failure}");
    assert!(ran.stderr.contains("guide") && ran.stderr.contains("--output"), "{}", ran.stderr);
}

#[test]
fn a_mistake_in_the_command_line_is_told_to_programs() {
    let home = Home::new();
    for command in [
        &["verify", "nothing"][..],
        &["verify", "--nothing"],
        &["status", "--nodes", "1"],
        &["up", "--dry-run", "--until", "nowhere"],
        &["--local", "--workers", "many"],
        &["--local", "--killercoda"],
        &["tools", "--mirror", "here"],
        &["prefetch", "--registry-mirror", "x"],
        &["wait", "--deadline", "soon"],
        &["pins", "check", "--name", "A"],
        &["down", "--yes"],
        &["env", "--namespace", "-"],
        &["nothing"],
    ] {
        let ran = home.run(&[command, &["--output", "json"]].concat());
        let failure = failure_in(command, &ran);
        assert_eq!(
            (ran.code, &failure["id"], is_whole(&failure)),
            (2, &"usage-invalid".into(), true),
            "{command:?}: {failure}"
        );
        assert_eq!(failure["layer"], "given");
        let summary = failure["summary"].as_str().unwrap();
        assert!(ran.stderr.contains(summary) && !summary.starts_with("error"), "{command:?}: {failure} {}", ran.stderr);
        let hint = failure["hint"].as_str().unwrap();
        let hinted: Vec<&str> = hint.split('`').nth(1).unwrap().split(' ').skip(1).collect();
        assert_eq!(home.run(&hinted).code, 0, "{hint}");
        let text = home.run(command);
        assert_eq!((text.code, text.stdout.as_str()), (2, ""), "{command:?}");
    }
    let mut variable = home.command(&["status", "--output=json"]);
    let ran = home.ran(&variable.env("PGEDGE_BOOTSTRAP_NODES", "x").output().unwrap());
    let failure = failure_in(&["status"], &ran);
    assert!(ran.code == 2 && failure["summary"].as_str().unwrap().contains("PGEDGE_BOOTSTRAP_NODES"), "{failure}");
    assert_eq!(home.run(&["verify", "--help", "--output", "json"]).code, 0);
}

/// As of `verify | true`: whoever asked for the exit code gets it.
#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let world = World::new();
    world.home.empty_docker();
    for command in [
        &["verify"][..],
        &["verify", "kind"],
        &["status"],
        &["--local", "--dry-run"],
        &["up", "--dry-run", "--pins", "nowhere"],
        &["pins", "check", "--write", "/"],
        &["prove"],
        &["wait", "--appear", "10ms"],
        &["env"],
        &["values"],
        &["versions"],
        &["down"],
        &["completions", "bash"],
        &["man", "--to", "pages"],
        &["tutorial", "export", "killercoda", "--to", "lesson"],
        &["nothing"],
    ] {
        let formats: &[&[&str]] = match command[0] {
            "completions" | "man" | "tutorial" => &[&[]],
            _ => &[&[], &["--output", "json"]],
        };
        for format in formats {
            let arguments = [command, format].concat();
            let is_plain = ["completions", "man", "tutorial", "nothing"].contains(&command[0]);
            let of = |arguments: &[&str]| match is_plain {
                true => world.home.command(arguments),
                false => self::command(&world, arguments),
            };
            let read = world.home.ran(&of(&arguments).output().unwrap());
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let unread = world.home.ran(&of(&arguments).stdout(writer).output().unwrap());
            assert_eq!(unread.code, read.code, "{arguments:?}: {}", unread.stderr);
            assert!(!unread.stderr.contains("unexpected"), "{arguments:?}: {}", unread.stderr);
        }
    }
    let files = world.home.files();
    for (folder, least) in [("pages/", 10), ("lesson/", 10)] {
        let written = files.iter().filter(|file| file.starts_with(folder)).count();
        assert!(written >= least, "only {written} files in {folder}, as if nobody wanted them");
    }
}
