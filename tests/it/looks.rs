//! `up --dry-run`: how a look ends that fails, takes too long or is interrupted, and what its exit code says.

use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::Home;

/// Far longer than any of these looks takes.
const PATIENCE: Duration = Duration::from_secs(20);

const DOCKER: &str = r#"case "$1" in
    info) echo '{"ID": "1", "ServerVersion": "28.2.2", "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8589934592, "DockerRootDir": "/var/lib/docker"}' ;;
    image) exit 1 ;;
esac"#;

#[test]
fn what_is_only_to_do_is_no_failure_of_a_look() {
    let home = Home::new();
    home.docker(DOCKER);
    let ran = home.run(&["up", "--dry-run", "--output", "json", "--deadline", "1m"]);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &plan["ok"]), (0, &serde_json::json!(true)), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_look_that_fails_ends_with_1_and_tells_each_hint_once() {
    let home = Home::new();
    home.docker("echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1");
    let ran = home.run(&["up", "--dry-run"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let hints: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("start docker and run this again")).collect();
    assert!(hints.len() == 1 && hints[0].starts_with("hint for docker"), "{}", ran.stdout);
    let ran = home.run(&["up", "--dry-run", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &plan["ok"]), (1, &serde_json::json!(false)), "{}", ran.stdout);
    let docker = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == "docker").unwrap();
    assert_eq!(docker["failure"], "docker-not-running");
}

#[test]
fn a_look_ends_at_its_deadline() {
    let home = Home::new();
    home.docker("exec sleep 60");
    let began = std::time::Instant::now();
    let ran = home.run(&["up", "--dry-run", "--deadline", "500ms"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("the look's deadline of 500 ms has passed (run-deadline)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: ") && began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_look_ends_when_it_is_asked_to() {
    let home = Home::new();
    let pipe = home.path().join("asked");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    home.docker("echo asked > \"$HOME/asked\"; exec sleep 60");
    let mut command = home.command(&["up", "--dry-run"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = rustix::process::Pid::from_child(&child);
    let (sender, events) = channel();
    let asked = sender.clone();
    std::thread::spawn(move || asked.send(std::fs::read(pipe).map(|_| None)));
    assert!(events.recv_timeout(PATIENCE).is_ok(), "docker was not asked");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    std::thread::spawn(move || sender.send(child.wait().map(|ended| ended.code())));
    let ended = events.recv_timeout(Duration::from_secs(5));
    let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    assert_eq!(ended.unwrap().unwrap(), Some(130));
}

#[test]
fn a_setting_of_docker_that_is_a_pipe_keeps_nobody_waiting() {
    let home = Home::new();
    // As the real client does.
    home.docker(&format!("cat \"${{DOCKER_CONFIG:-$HOME/.docker}}/config.json\" > /dev/null\n{DOCKER}"));
    let folder = home.path().join(".docker");
    std::fs::create_dir(&folder).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("config.json")).status().unwrap().success());
    for (variable, value) in [("HOME", home.path()), ("DOCKER_CONFIG", &folder)] {
        for arguments in [&["up", "--local"][..], &["verify", "docker"], &["down"]] {
            let began = std::time::Instant::now();
            let mut command = home.command(arguments);
            let ran = home.ran(&command.env(variable, value).output().unwrap());
            let told = ran.stdout + &ran.stderr;
            assert_eq!(ran.code, 1, "{variable} {arguments:?}: {told}");
            for words in
                ["$HOME/.docker/config.json: it is a pipe or a socket", &format!("where {variable} leads docker")]
            {
                assert!(told.contains(words), "{variable} {arguments:?}, {words}: {told}");
            }
            assert!(began.elapsed() < Duration::from_secs(9), "{arguments:?} took {:?}", began.elapsed());
        }
    }
}
