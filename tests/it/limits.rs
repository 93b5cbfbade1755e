//! How many files the program may have open.

use std::process::Command;

use crate::support::{Home, INFO, Ran};

/// A shell that sets the limit and becomes the program.
fn shell(home: &Home, script: &str, arguments: &[&str]) -> Ran {
    let program = home.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{script}\nexec \"$@\""), "sh"]).arg(program.get_program()).args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    home.ran(&command.current_dir(home.path()).output().unwrap())
}

#[test]
fn fewer_open_files_than_a_run_needs_are_told_before_anything_is_opened() {
    let home = Home::new();
    home.empty_docker();
    if may_raise(&home) {
        let ran = shell(&home, "ulimit -n 20", &["versions"]);
        assert_eq!(ran.code, 0, "it could have been raised: {}", ran.stderr);
        return;
    }
    // The dynamic loader needs some itself.
    for limit in [5, 8, 10, 12, 16, 32, 255] {
        for arguments in [&["verify"][..], &["--local", "--deadline", "5s"], &["down"], &["versions"], &["wait"]] {
            let ran = shell(&home, &format!("ulimit -n {limit}"), arguments);
            assert_eq!(ran.code, 1, "{limit} {arguments:?}: {}", ran.stderr);
            let words = format!("error: this process may have only {limit} open files (open-files-limited)");
            assert!(ran.stderr.starts_with(&words), "{limit} {arguments:?}: {}", ran.stderr);
            let hint = if rustix::process::geteuid().is_root() {
                "`--ulimit nofile=10240:10240`"
            } else {
                "`sudo prlimit --pid $$ "
            };
            assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        }
        let ran = shell(&home, &format!("ulimit -n {limit}"), &["status", "--output", "json"]);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["failure"]["id"], "open-files-limited");
    }
}

/// Only a root that may do everything can raise a hard limit, as `sudo` makes one; in most containers nobody can.
fn may_raise(home: &Home) -> bool {
    let mut probe = Command::new("sh");
    probe.args(["-c", "ulimit -n 20 && ulimit -n 300"]).current_dir(home.path());
    probe.output().unwrap().status.success()
}

#[test]
fn a_soft_limit_is_raised_for_the_run_and_its_programs() {
    let home = Home::new();
    home.docker(&format!("ulimit -Sn > \"$HOME/limit\"\necho '{INFO}'"));
    let ran = shell(&home, "ulimit -Sn 16", &["verify", "docker"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let limit = std::fs::read_to_string(home.path().join("limit")).unwrap();
    assert!(limit.trim() == "unlimited" || limit.trim().parse::<u64>().unwrap() >= 256, "{limit}");
}
