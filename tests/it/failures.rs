//! What a machine may lack: each an error with an id, what was seen and what to do, and nothing half-written.

use serde_json::{Value, json};

use crate::support::{Home, Server};

#[test]
fn a_missing_docker_is_said_to_be_missing() {
    let home = Home::new();
    let empty = home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let ran = home.ran(&home.command(&["verify", "docker"]).env("PATH", &empty).output().unwrap());
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout, @r"
    failed    docker  docker is not installed: there is no `docker` on the PATH
                      hint: install docker (https://docs.docker.com/engine/install/) and run this again
    ");
}

#[test]
fn a_docker_that_does_not_answer_is_told_from_a_missing_one() {
    let home = Home::new();
    let socket = "unix:///nonexistent/docker.sock";
    // What docker's client prints without a server, whether or not this machine has one.
    let words = format!("Cannot connect to the Docker daemon at {socket}. Is the docker daemon running?");
    home.docker(&format!(
        "[ \"$1\" = info ] && echo '{{\"ServerErrors\": [\"{words}\"]}}'\necho '{words}' >&2\nexit 1"
    ));
    let ran = home.run(&["verify", "docker"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("docker does not answer: ") && ran.stdout.contains(socket), "{}", ran.stdout);
    let json = home.run(&["verify", "docker", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (document["ok"].as_bool(), document["steps"][0]["failure"].as_str()),
        (Some(false), Some("docker-not-running"))
    );
    for command in [&["down"][..], &["verify", "cluster"], &["--local"]] {
        let ran = home.run(command);
        assert_eq!(ran.code, 1, "{command:?}: {}", ran.stderr);
        assert!(
            format!("{}{}", ran.stdout, ran.stderr).contains("docker does not answer"),
            "{command:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
}

#[test]
fn an_up_without_docker_ends_at_once_and_leaves_no_half_written_file() {
    let (home, server) = (Home::new(), Server::start());
    let empty = home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let ran = home.ran(&home.command(&["--local", "--mirror", &server.address]).env("PATH", &empty).output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(docker-missing)") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    assert!(home.files().iter().all(|file| !file.ends_with(".part")), "{:?}", home.files());
    assert!(!home.bin().exists());
}

/// What stands on docker is not asked: each look would find the same again.
#[test]
fn a_cause_is_told_once_and_what_follows_from_it_names_the_step_that_blocks_it() {
    let home = Home::new();
    home.docker("echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1");
    let ran = home.run(&["verify"]);
    assert_eq!((ran.code, ran.stdout.matches("hint: ").count()), (1, 1), "{}", ran.stdout);
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with("missing")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    failed    docker                   docker does not answer: Cannot connect to the Docker daemon at unix:///x.
                                       hint: start docker and run this again; `docker info` shows whether it answers
    blocked   node-image               docker does not hold
    blocked   cluster                  docker does not hold
    blocked   kubernetes-api           docker does not hold
    blocked   images                   docker does not hold
    blocked   cert-manager             docker does not hold
    blocked   cloudnative-pg           docker does not hold
    blocked   release                  docker does not hold
    blocked   nodes                    docker does not hold
    blocked   replication              docker does not hold
    ");
    let document: Value = serde_json::from_str(&home.run(&["verify", "--output", "json"]).stdout).unwrap();
    assert_eq!(document["failure"]["id"], "docker-not-running", "{document}");
    for step in document["steps"].as_array().unwrap() {
        let blocked_by: &[&str] = if step["state"] == "blocked" { &["docker"] } else { &[] };
        assert_eq!(step["blocked_by"], json!(blocked_by), "{step}");
        assert_eq!(step["failure"].is_string(), step["id"] == "docker", "{step}");
    }
    // By itself a step tells what keeps it from being looked at.
    let alone: Value = serde_json::from_str(&home.run(&["verify", "nodes", "--output", "json"]).stdout).unwrap();
    assert_eq!(alone["steps"][0]["failure"], "docker-not-running", "{alone}");
}

/// Needs the right to mount; a person's own machine gives it through a user namespace.
#[test]
fn a_full_disk_is_told_and_nothing_is_half_written() {
    let (home, server) = (Home::new(), Server::start());
    let pins: serde_json::Value = serde_json::from_str(&home.run(&["versions", "--output", "json"]).stdout).unwrap();
    for (_, tool) in pins["tools"].as_object().unwrap() {
        for (_, file) in tool["platforms"].as_object().unwrap() {
            server.file(file["url"].as_str().unwrap().strip_prefix("https:/").unwrap(), vec![7; 4 << 20]);
        }
    }
    std::fs::create_dir_all(home.cache()).unwrap();
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$1" || exit 77; shift; "$@"; code=$?; ls -A "$CACHE/sha256" >&2; exit $code"#;
    let mut command = home.command(&[]);
    let program = command.get_program().to_owned();
    command = {
        let mut wrapped = std::process::Command::new("unshare");
        wrapped
            .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
            .arg(home.cache())
            .arg(program)
            .args(["tools", "--mirror", &server.address])
            .env_clear()
            .env("HOME", home.path())
            .env("CACHE", home.cache())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        wrapped
    };
    let ran = home.ran(&command.output().unwrap());
    assert_ne!(ran.code, 77, "this machine does not allow a mount in a namespace of its own: {}", ran.stderr);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(disk-full)") && ran.stderr.contains("hint: free some space"), "{}", ran.stderr);
    // A part may stay for a later run; nothing may stand under the name of a whole file.
    let whole = ran.stderr.lines().filter(|line| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(whole.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(ran.stderr.contains(".lock"), "the store was not listed: {}", ran.stderr);
}

#[test]
fn a_second_run_is_told_about_the_first() {
    let home = Home::new();
    let state = home.path().join(".local/state/pgedge-bootstrap");
    std::fs::create_dir_all(&state).unwrap();
    let file = std::fs::File::create(state.join("pgedge.lock")).unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let record = serde_json::json!({"pid": 1, "host": host, "command": "up", "since": "2026-01-02T03:04:05Z"});
    std::io::Write::write_all(&mut &file, record.to_string().as_bytes()).unwrap();
    file.lock().unwrap();
    let ran = home.run(&["down"]);
    insta::assert_snapshot!(ran.stderr.replace(&host, "HOST"), @r"
    error: another run, or a program that it started, is changing this cluster (run-in-progress)
           process 1 on HOST (up), since 2026-01-02T03:04:05Z
    hint: wait for it to end, or stop that process
    ");
    assert_eq!(ran.code, 1);
}

#[test]
fn proving_without_a_cluster_says_how_to_make_one() {
    let home = Home::new();
    home.empty_docker();
    let ran = home.run(&["prove", "--output", "json"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: there is no cluster yet (cluster-missing)
           no kubeconfig at $HOME/.local/state/pgedge-bootstrap/pgedge/kubeconfig
    hint: `pgedge-bootstrap --local` makes it
    ");
}

/// A hint that names no cluster would send the person to the default one, with `down` among the commands.
#[test]
fn a_hint_names_the_cluster_that_the_run_was_about() {
    let home = Home::new();
    home.empty_docker();
    let ran = home.run(&["prove", "--output", "json", "--name", "other"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.ends_with("hint: `pgedge-bootstrap --local --name other` makes it\n"), "{}", ran.stderr);
}

/// What was typed must be typed again; what comes from a variable is there in the person's shell, unless an option overrules it.
#[test]
fn a_hint_repeats_what_was_typed_and_not_what_a_variable_says() {
    let home = Home::new();
    home.empty_docker();
    let hint = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(&[&["prove"], arguments].concat());
        let ran = home.ran(&command.envs(variables.iter().copied()).output().unwrap());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let hint = ran.stderr.lines().find_map(|line| line.strip_prefix("hint: `")).unwrap_or_default().to_owned();
        hint.split('`').next().unwrap_or_default().to_owned()
    };
    for (arguments, variables, wanted) in [
        (&["--name", "pgedge"][..], &[("PGEDGE_BOOTSTRAP_NAME", "other")][..], " --name pgedge"),
        (&["--name", "other"], &[("PGEDGE_BOOTSTRAP_NAME", "other")], ""),
        (&[], &[("PGEDGE_BOOTSTRAP_NAME", "other"), ("PGEDGE_BOOTSTRAP_NODES", "2")], ""),
        (&["--bin-dir", "/a b"], &[], " --bin-dir '/a b'"),
        (&["--nodes", "2", "--namespace", "pg"], &[("PGEDGE_BOOTSTRAP_NAMESPACE", "x")], " --nodes 2 --namespace pg"),
        (&["--mirror", "http://127.0.0.1:9"], &[], " --mirror http://127.0.0.1:9"),
    ] {
        assert_eq!(
            hint(arguments, variables),
            format!("pgedge-bootstrap --local{wanted}"),
            "{arguments:?} {variables:?}"
        );
    }
    assert_eq!(hint(&[], &[("CODESPACES", "true")]), "pgedge-bootstrap --codespace");
}

/// What is left of it holds nothing that anybody could go on with.
#[test]
fn a_cluster_that_was_half_removed_is_made_anew() {
    let home = Home::new();
    home.docker(
        r#"
case "$1 $2" in
  info*) echo '{"ID": "1", "ServerVersion": "28.2.2", "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8589934592, "DockerRootDir": "/nowhere"}' ;;
  ps*) echo '{"ID":"1","Names":"pgedge-worker","State":"running","Networks":"pgedge-bootstrap-pgedge"}' ;;
  "network ls") echo '{"ID":"1","Cluster":"pgedge"}' ;;
  "volume ls") ;;
  "network inspect") echo '{}' ;;
  *) echo 'the engine went away' >&2; exit 1 ;;
esac"#,
    );
    let state = home.path().join(".local/state/pgedge-bootstrap/pgedge");
    std::fs::create_dir_all(&state).unwrap();
    // A version that wrote no owner has made it.
    std::fs::write(state.join("engine"), "1").unwrap();
    assert!(!home.run(&["verify", "cluster"]).stdout.contains("never finished"));
    let down = home.run(&["down"]);
    assert!(down.code == 1 && down.stderr.contains("the engine went away"), "{}", down.stderr);
    let verify = home.run(&["verify", "cluster"]);
    assert!(verify.stdout.contains("it was never finished"), "{}", verify.stdout);
}
