//! What logs and pipes get: lines that stay, without control codes.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::{Behaviour, Ran, World};

/// A run of `tools` with these variables and arguments.
fn run(world: &World, variables: &[(&str, &str)], more: &[&str]) -> Ran {
    let mut command = world.home.command(&world.arguments("tools", more));
    world.home.ran(&command.envs(variables.iter().copied()).output().unwrap())
}

/// Steps that run beside each other tell in any order and take any time: the lines with one time, sorted.
fn steady(text: &str) -> String {
    let mut lines: Vec<String> =
        text.lines().map(|line| line.replace('\x1b', "ESC")).map(|line| without_times(&line)).collect();
    let last = lines.len() - 1;
    lines[1..last].sort();
    lines.join("\n")
}

fn without_times(line: &str) -> String {
    let line = match (line.get(..11), line.get(11..)) {
        (Some(time), Some(rest)) if time.ends_with(" s  ") => format!("    0.0 s  {rest}"),
        _ => line.to_owned(),
    };
    match (line.rfind('('), line.rfind(" s)")) {
        (Some(begin), Some(end)) if begin < end => format!("{}(0.0{}", &line[..begin], &line[end..]),
        _ => line,
    }
}

#[test]
fn a_run_is_a_line_for_each_event() {
    let world = World::new();
    let ran = run(&world, &[], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains('\x1b'));
    insta::assert_snapshot!(steady(&ran.stderr), @r#"
    0.0 s  pgedge-bootstrap 0.1.0, cluster "pgedge", 4 steps
    0.0 s  ..  helm: not in $HOME/.local/share/pgedge-bootstrap/bin
    0.0 s  ..  kind: not in $HOME/.local/share/pgedge-bootstrap/bin
    0.0 s  ..  kubectl-cnpg: not in $HOME/.local/share/pgedge-bootstrap/bin
    0.0 s  ..  kubectl: not in $HOME/.local/share/pgedge-bootstrap/bin
    0.0 s  ok  helm is installed and verified: 4.3.0 (0.0 s)
    0.0 s  ok  kind is installed and verified: 0.33.0 (0.0 s)
    0.0 s  ok  kubectl is installed and verified: 1.35.8 (0.0 s)
    0.0 s  ok  kubectl-cnpg is installed and verified: 1.30.0 (0.0 s)
    0.0 s  done, 4 steps changed (0.0 s)
    "#);
    insta::assert_snapshot!(steady(&run(&world, &[], &[]).stderr), @r#"
    0.0 s  pgedge-bootstrap 0.1.0, cluster "pgedge", 4 steps
    0.0 s  ok  helm is installed and verified: 4.3.0
    0.0 s  ok  kind is installed and verified: 0.33.0
    0.0 s  ok  kubectl is installed and verified: 1.35.8
    0.0 s  ok  kubectl-cnpg is installed and verified: 1.30.0
    0.0 s  everything was there already (0.0 s)
    "#);
}

#[test]
fn colours_can_be_forced_into_a_pipe() {
    let world = World::new();
    assert_eq!(world.tools().code, 0);
    insta::assert_snapshot!(steady(&run(&world, &[("CLICOLOR_FORCE", "1")], &[]).stderr), @r#"
    0.0 s  ESC[1mpgedge-bootstrap 0.1.0, cluster "pgedge", 4 stepsESC[0m
    0.0 s  ESC[32mokESC[0m  helm is installed and verified: ESC[2m4.3.0ESC[0m
    0.0 s  ESC[32mokESC[0m  kind is installed and verified: ESC[2m0.33.0ESC[0m
    0.0 s  ESC[32mokESC[0m  kubectl is installed and verified: ESC[2m1.35.8ESC[0m
    0.0 s  ESC[32mokESC[0m  kubectl-cnpg is installed and verified: ESC[2m1.30.0ESC[0m
    0.0 s  everything was there already (0.0 s)
    "#);
    for off in [&[("CLICOLOR_FORCE", "0")][..], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[("CLICOLOR", "1")]] {
        let ran = run(&world, off, &[]);
        assert!(!ran.stderr.contains('\x1b'), "{off:?}: {}", ran.stderr);
    }
}

#[test]
fn a_quiet_run_tells_only_how_it_ended() {
    let world = World::new();
    let ran = run(&world, &[], &["--quiet"]);
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(without_times(ran.stderr.trim_end()), @"done, 4 steps changed (0.0 s)");
    assert_eq!(ran.stdout, "$HOME/.local/share/pgedge-bootstrap/bin\n");
    std::fs::remove_dir_all(world.home.cache()).unwrap();
    std::fs::remove_dir_all(world.home.bin()).unwrap();
    world.server.file(&world.kind(), "#!/bin/sh\n");
    let ran = run(&world, &[], &["-q"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("stopped after ") && lines[1].starts_with("error: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("(checksum-mismatch)") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
}

#[test]
fn a_verbose_run_tells_more() {
    let world = World::new();
    let ran = run(&world, &[], &["-v"]);
    assert_eq!(ran.code, 0);
    for tool in crate::support::TOOLS {
        assert!(ran.stderr.contains(&format!("..  {tool}: looking\n")), "{tool}: {}", ran.stderr);
    }
    assert_eq!(run(&world, &[], &["-v", "-q"]).code, 2, "they contradict each other");
}

/// The server stalls for at most a minute, so this cannot wait for ever.
#[test]
fn after_fifteen_silent_seconds_a_line_says_what_runs() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::StallAfter(50_000)]);
    let mut command = world.home.command(&world.arguments("tools", &[]));
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("still running"))).unwrap();
    world.server.release();
    assert!(line.contains("still running, 3 of 4: kind for 1"), "{line}");
    assert!(line.contains(" s: 50.0/200.1 kB, no bytes for 1"), "{line}");
    assert_eq!(lines.count(), 2, "the end of kind, and of the run");
    assert!(child.wait().unwrap().success());
}

/// `2>/dev/full`, `2>&-` and a pipe that nobody reads: the words are lost, the run is not.
#[test]
fn words_that_cannot_be_written_do_not_stop_the_run() {
    for how in ["2>/dev/full", "2>&-", "2>&1 >/dev/null | true"] {
        let world = World::new();
        let script = format!("{{ \"$@\"; echo $? > code; }} {how}; true");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_pgedge-bootstrap")]);
        command.args(world.arguments("tools", &[])).env_clear().env("HOME", world.home.path());
        command.env("PATH", "/usr/bin:/bin").current_dir(world.home.path());
        assert!(command.output().unwrap().status.success());
        let code = std::fs::read_to_string(world.home.path().join("code")).unwrap();
        assert_eq!((code.trim(), world.was_run("kubectl-cnpg")), ("0", true), "{how}");
    }
}
