//! A disk that takes nothing more, and directories that may not be written: what makes room works there, and so do looks.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Home, INFO, Ran};

const OWNER: &str = "0123456789abcdef0123456789abcdef";

/// A docker with the node of a cluster of ours, as long as its directory is there: on a full disk a directory can still be removed.
fn docker() -> String {
    let node = json!({
        "ID": "1", "Names": "pgedge-control-plane", "State": "running", "Networks": "pgedge-bootstrap-pgedge",
        "Cluster": "pgedge", "Owner": OWNER, "User": "ann", "Host": "desk", "Since": "2026-01-02T03:04:05Z",
    });
    format!(
        "case \"$1\" in info) echo '{INFO}' ;; ps) [ ! -d \"$HOME/node\" ] || echo '{node}' ;; \
         rm) [ ! -p \"$HOME/gate\" ] || {{ mkdir \"$HOME/at-work\"; read -r line < \"$HOME/gate\"; }}; rmdir \"$HOME/node\" ;; context | exec | image) exit 1 ;; esac\nexit 0"
    )
}

/// A HOME with a cluster, and what a run of long ago has left of its lock, whose process is no more.
fn home() -> Home {
    let home = Home::new();
    home.docker(&docker());
    std::fs::create_dir_all(state(&home).join("pgedge")).unwrap();
    std::fs::create_dir(home.path().join("node")).unwrap();
    std::fs::create_dir_all(home.cache().join("helm")).unwrap();
    std::fs::write(state(&home).join("pgedge/kubeconfig"), "{}").unwrap();
    std::fs::write(state(&home).join("owner.id"), OWNER).unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let gone =
        json!({"pid": i32::MAX, "host": host, "process_start": 1, "command": "up", "since": "2026-01-02T03:04:05Z"});
    std::fs::write(state(&home).join("pgedge.lock"), gone.to_string()).unwrap();
    home
}

fn state(home: &Home) -> PathBuf {
    home.path().join(".local/state/pgedge-bootstrap")
}

/// The program where no file can get any content, as on a full disk: the kernel refuses each write to a file, and nothing else.
fn on_a_full_disk(home: &Home, arguments: &[&str]) -> Command {
    limited(home, "trap '' XFSZ; ulimit -f 0", arguments)
}

/// The program under a limit that a shell sets.
fn limited(home: &Home, limit: &str, arguments: &[&str]) -> Command {
    let program = home.command(arguments);
    let mut command = home.command(&[]);
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(format!("{limit} && exec \"$@\""))
        .arg("sh")
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .current_dir(home.path());
    limited.envs(command.stdin(Stdio::null()).get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited
}

/// The program with no right but those that the files give: root has others, which it lays down for this.
fn without_privileges(home: &Home, arguments: &[&str]) -> Command {
    let program = home.command(arguments);
    if !rustix::process::getuid().is_root() {
        return program;
    }
    let mut plain = Command::new("setpriv");
    plain.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(program.get_program()).args(program.get_args());
    plain.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    plain.current_dir(home.path());
    plain
}

fn ran(home: &Home, mut command: Command) -> Ran {
    home.ran(&command.output().unwrap())
}

/// May nothing be written in the state directories, or may it again?
fn writable(home: &Home, is: bool) {
    let mode = if is { 0o755 } else { 0o555 };
    for folder in [state(home), state(home).join("pgedge")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let lock = state(home).join("pgedge.lock");
    if lock.exists() {
        std::fs::set_permissions(lock, std::fs::Permissions::from_mode(mode & 0o666)).unwrap();
    }
}

#[test]
fn what_makes_room_works_where_there_is_none() {
    for (arguments, is_new) in [(&["down"][..], false), (&["down", "--purge"], false), (&["down", "--purge"], true)] {
        let home = home();
        if is_new {
            std::fs::remove_file(state(&home).join("pgedge.lock")).unwrap();
        }
        let down = ran(&home, on_a_full_disk(&home, arguments));
        assert_eq!(down.code, 0, "{arguments:?}: {}", down.stderr);
        assert!(down.stderr.contains("is kept out, but could not be told by whom: "), "{arguments:?}: {}", down.stderr);
        assert!(!home.path().join("node").exists() && !state(&home).join("pgedge").exists(), "{}", down.stderr);
        assert_eq!(home.cache().exists(), arguments.len() == 1, "{}", down.stderr);
    }
}

#[test]
fn a_run_that_fills_no_file_is_told_that_the_disk_is_full() {
    // The kernel ends a program at such a limit that says nothing else.
    for limit in ["trap '' XFSZ; ulimit -f 0", "ulimit -f 0"] {
        let home = home();
        let up = ran(&home, limited(&home, limit, &["--local", "--deadline", "20s"]));
        assert!(up.code == 1 && up.stderr.contains("(disk-full)"), "{limit}: {} {}", up.code, up.stderr);
        assert!(home.path().join("node").exists());
    }
}

/// What stays of the record is none, and so nobody takes this run for one that is gone, and its programs for what it has left.
#[test]
fn the_lock_holds_where_it_cannot_be_written_who_has_it() {
    let home = home();
    assert!(Command::new("mkfifo").arg(home.path().join("gate")).status().unwrap().success());
    let mut gate = std::fs::OpenOptions::new().read(true).write(true).open(home.path().join("gate")).unwrap();
    let mut first = on_a_full_disk(&home, &["down"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !home.path().join("at-work").exists() {
        assert!(first.try_wait().unwrap().is_none() && Instant::now() < end, "it did not come to the removal");
        std::thread::yield_now();
    }
    let second = ran(&home, home.command(&["down"]));
    assert!(second.code == 1 && second.stderr.contains("(run-in-progress)"), "{}", second.stderr);
    gate.write_all(b"\n").unwrap();
    let first = home.ran(&first.wait_with_output().unwrap());
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(!home.path().join("node").exists());
}

/// A kubeconfig by which nothing answers.
const KUBECONFIG: &str = "current-context: c\nclusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: a, user: u}}]\n";

#[test]
fn looks_work_where_nothing_may_be_written() {
    for (is_full, is_adopted) in [(false, false), (true, false), (false, true), (true, true)] {
        let home = home();
        std::fs::write(state(&home).join("pgedge/kubeconfig"), KUBECONFIG).unwrap();
        if is_adopted {
            let config = home.path().join("config");
            std::fs::write(&config, KUBECONFIG).unwrap();
            let adoption = json!({"kubeconfigs": [config], "bin": home.path().join("bin"), "fit": null});
            std::fs::write(state(&home).join("pgedge/adopted.json"), adoption.to_string()).unwrap();
            // It writes its own kubeconfig after that one.
            ran(&home, home.command(&["verify", "cluster"]));
        }
        let look = |arguments: &[&str]| match is_full {
            true => ran(&home, on_a_full_disk(&home, arguments)),
            false => ran(&home, without_privileges(&home, arguments)),
        };
        writable(&home, is_full);
        for arguments in [&["status"][..], &["verify", "docker", "cluster", "release"], &["up", "--dry-run"]] {
            // It leaves nothing, and so it needs room for a kubeconfig that is gone with it.
            if is_full && is_adopted && arguments[0] == "up" {
                continue;
            }
            let seen = look(&[arguments, &["--output", "json"]].concat());
            let document: Value = serde_json::from_str(&seen.stdout).unwrap_or_else(|_| panic!("{}", seen.stderr));
            // Nothing has failed in a cluster that is only not reached: a run would wait for it.
            let is_plan = arguments[0] == "up";
            let told = (document["ok"].as_bool(), seen.code);
            assert_eq!(told, (Some(is_plan), i32::from(!is_plan)), "{arguments:?}: {document}");
            assert!(!document.to_string().contains("directory-not-writable"), "{arguments:?}: {document}");
        }
        let env = look(&["env", "--namespace", "lab", "--output", "json"]);
        if is_adopted {
            assert_eq!(env.code, 0, "{}", env.stderr);
            let told = env.stderr.contains("kubectl and helm need the namespace as an option, --namespace lab");
            assert!(told, "{}", env.stderr);
        } else {
            // Nobody can tell where its kubeconfig leads, and there is no room for one that leads nowhere.
            let ids = ["(disk-full)", "(directory-not-writable)"];
            assert!(env.code == 1 && ids.iter().any(|id| env.stderr.contains(id)), "{}", env.stderr);
            assert!(!env.stdout.contains("KUBECONFIG"), "{}", env.stdout);
        }
        writable(&home, true);
    }
}

#[test]
fn a_state_directory_that_may_not_be_written_keeps_only_itself() {
    for is_new in [false, true] {
        let home = home();
        if is_new {
            std::fs::remove_file(state(&home).join("pgedge.lock")).unwrap();
        }
        writable(&home, false);
        let down = ran(&home, without_privileges(&home, &["down", "--purge"]));
        writable(&home, true);
        assert!(down.code == 1 && down.stderr.contains("(directory-not-writable)"), "{}", down.stderr);
        assert!(down.stderr.contains("pgedge-bootstrap/pgedge"), "what stays is not named: {}", down.stderr);
        assert!(!home.path().join("node").exists() && !home.cache().exists(), "{}", down.stderr);
    }
}
