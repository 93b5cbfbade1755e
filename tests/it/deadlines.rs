//! `--deadline` bounds the whole run: whatever hangs, before the engine begins or in it, and whichever program it is.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Home, INFO, Ran, World, write_program};

/// Of every run here.
const DEADLINE: &str = "2s";

/// What a run may take that has such a deadline: a thread that waits for a program gets five seconds more, and the machine may be
/// busy. Without the deadline the shortest of these waits is thirty seconds.
const LATEST: Duration = Duration::from_secs(12);

const UP: [&str; 4] = ["--local", "--deadline", DEADLINE, "--quiet"];
const ADOPT: [&str; 4] = ["--killercoda", "--deadline", DEADLINE, "--quiet"];

/// A docker that answers, but for one question.
fn hangs_at(question: &str) -> String {
    format!(
        "case \"$*\" in {question}) exec sleep 100 ;; esac\n[ \"$1\" = info ] && echo '{INFO}'\n[ \"$1\" != image ] || exit 1\nexit 0"
    )
}

/// The run says that its deadline has passed, in time.
fn ends_in_time(what: &str, began: Instant, ran: &Ran) {
    assert!(began.elapsed() < LATEST, "{what}: it took {:?}: {}", began.elapsed(), ran.stderr);
    assert_eq!(ran.code, 1, "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains("deadline of 2 s has passed"), "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains("(run-deadline)") && ran.stderr.contains("\nhint: "), "{what}: {}", ran.stderr);
}

#[test]
fn the_deadline_of_a_run_is_kept_whatever_docker_does_not_answer() {
    std::thread::scope(|scope| {
        for question in [
            "*",
            "info*",
            "ps*",
            "'volume ls'*",
            "'volume create'*",
            "'volume rm'*|pull*",
            "'context inspect'*",
            "image*",
        ] {
            scope.spawn(move || {
                let world = World::new();
                world.home.docker(&hangs_at(question));
                // It is asked where the engine is of a cluster that was there.
                let state = world.home.path().join(".local/state/pgedge-bootstrap/pgedge");
                std::fs::create_dir_all(&state).unwrap();
                std::fs::write(state.join("engine"), "1\n").unwrap();
                let began = Instant::now();
                let ran = world.home.run(&world.arguments("up", &["--until", "cluster", "--deadline", DEADLINE]));
                ends_in_time(question, began, &ran);
            });
        }
    });
}

#[test]
fn a_deadline_that_docker_has_used_up_is_told_with_docker() {
    let home = Home::new();
    home.docker("exec sleep 100");
    let ran = home.run(&UP);
    assert!(ran.stderr.contains("docker has not answered at all"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: `docker info` shows whether docker answers"), "{}", ran.stderr);
}

#[test]
fn the_deadline_of_a_run_is_kept_by_a_tool_that_hangs() {
    let world = World::with(|_| b"#!/bin/sh\nexec sleep 100\n".to_vec());
    let began = Instant::now();
    let ran = world.home.run(&world.arguments("up", &["--until", "tools", "--deadline", DEADLINE]));
    ends_in_time("the tools", began, &ran);
    assert!(ran.stderr.contains("this does not hold: kind is installed and verified"), "{}", ran.stderr);
}

#[test]
fn the_deadline_of_a_run_is_kept_by_a_cluster_that_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let user = |user: &str| {
        format!(
            "current-context: c\nclusters: [{{name: a, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {user}}}]\n\
             contexts: [{{name: c, context: {{cluster: a, user: u}}}}]\n"
        )
    };
    let program = "{exec: {command: ./login, apiVersion: client.authentication.k8s.io/v1}}";
    for (what, user) in [("the server", user("{token: t}")), ("the program that gives credentials", user(program))] {
        let home = Home::new();
        std::fs::write(home.path().join("config"), user).unwrap();
        write_program(&home.path().join("login"), b"#!/bin/sh\nexec sleep 100\n");
        let began = Instant::now();
        let mut command = home.command(&[&ADOPT[..], &["--bin-dir", "bin"]].concat());
        let ran = home.ran(&command.env("KUBECONFIG", "config").output().unwrap());
        ends_in_time(what, began, &ran);
    }
}

#[test]
fn the_deadline_of_a_run_is_kept_by_a_lock_that_is_held() {
    let home = Home::new();
    home.empty_docker();
    let states = home.path().join(".local/state/pgedge-bootstrap");
    std::fs::create_dir_all(&states).unwrap();
    // By this process, which does not say who it is, and which cannot be taken for what a run has left.
    let lock = std::fs::File::create(states.join("pgedge.lock")).unwrap();
    lock.lock().unwrap();
    let began = Instant::now();
    ends_in_time("the lock", began, &home.run(&UP));
    drop(lock);
}

#[test]
fn a_command_that_waits_for_docker_before_its_run_ends_when_it_is_asked_to() {
    for arguments in [&["--local"][..], &["prove"], &["down"], &["guide", "--yes"]] {
        let home = Home::new();
        let pipe = home.path().join("asked");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        home.docker("echo asked > \"$HOME/asked\"; exec sleep 100");
        let child = home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Blocks until docker is asked; the test's runner has the deadline.
        std::fs::read(&pipe).unwrap();
        let began = Instant::now();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let ran = home.ran(&ended(child));
        assert_eq!(ran.code, 130, "{arguments:?}: {}", ran.stderr);
        assert!(began.elapsed() < LATEST, "{arguments:?} took {:?}", began.elapsed());
    }
}

/// Waits for the end, and makes one where none comes.
fn ended(child: Child) -> std::process::Output {
    let process = Pid::from_child(&child);
    let (sender, over) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if over.recv_timeout(LATEST * 2).is_err() {
            let _ = kill_process(process, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = sender.send(());
    guard.join().unwrap();
    output
}
