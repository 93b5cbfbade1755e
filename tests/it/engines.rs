//! What answers to the name of `docker`: docker without its engine, docker set up wrongly, or another program.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, INFO, Ran, World, write_program};

/// The commands that ask docker, each in its own way.
const COMMANDS: [&[&str]; 10] = [
    &["verify", "cluster"],
    &["verify", "images", "kubernetes-api", "release", "nodes"],
    &["status", "--output", "json"],
    &["status"],
    &["down"],
    &["down", "--take-over"],
    &["prove"],
    &["prove", "--output", "json"],
    &["guide", "--yes"],
    &["--local"],
];

/// Every command but those that look at docker alone tells this failure, and none says that there is nothing.
fn is_told_by_every_command(home: &Home, path: &str, id: &str, words: &[&str]) {
    for command in COMMANDS {
        let ran = home.ran(&home.command(command).env("PATH", path).output().unwrap());
        let said = said(&ran);
        assert_eq!(ran.code, 1, "{command:?}: {said}");
        assert!(!said.contains("{{") && !said.contains("(unexpected)"), "{command:?}: {said}");
        for nothing in ["is here", "there is no cluster", "of 6", "docker is not installed"] {
            assert!(!said.contains(nothing), "{command:?} says {nothing:?}: {said}");
        }
        assert!(said.lines().all(|line| line.len() < 8000), "{command:?} prints without a bound");
        // `verify` tells a failure by its words and in JSON by its id; its words are one line.
        let plain = said.replace("\\\"", "\"").replace("\\\\", "\\");
        let told = command[0] == "verify" || words.iter().all(|word| plain.contains(word));
        assert!(told, "{command:?} does not tell {words:?}: {said}");
        assert!(command[0] == "verify" || said.contains(id), "{command:?} does not tell {id}: {said}");
    }
    let verify = home.command(&["verify", "cluster", "release", "--output", "json"]).env("PATH", path).output();
    let document: Value = serde_json::from_slice(&verify.unwrap().stdout).unwrap();
    for step in document["steps"].as_array().unwrap() {
        assert_eq!((step["state"].as_str(), step["failure"].as_str()), (Some("failed"), Some(id)), "{document}");
    }
}

/// The PATH of a test's own programs, and of the shell that they are written in, which is not where docker is.
fn path(home: &Home) -> String {
    let shell = home.path().join("shell");
    if !shell.exists() {
        std::fs::create_dir(&shell).unwrap();
        for program in ["sh", "cat", "yes", "sleep"] {
            let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(program));
            symlink(found.iter().find(|file| file.exists()).unwrap(), shell.join(program)).unwrap();
        }
    }
    format!("{}:{}", home.programs().display(), shell.display())
}

/// A docker that answers as docker does, with nothing, but for this question.
fn docker_but(question: &str, answer: &str) -> String {
    format!("case \"$1 $2\" in '{question}'*) {answer} ;; info*) echo '{INFO}' ;; esac; exit 0")
}

#[test]
fn what_is_no_answer_of_docker_is_told_as_foreign_by_every_command() {
    let answers = [
        (r"printf '\377\376\200\n'", "it answer"),
        ("echo hello there", "hello there"),
        ("exec yes '{}'", "printed more than 16 MiB"),
        ("exec cat /dev/zero", "printed more than 16 MiB"),
        ("echo '{}'", "{}"),
        ("echo '[1, 2]'", "[1, 2]"),
        ("echo null", "null"),
        ("echo 'Error response from daemon: boom'; exit 0", "boom"),
        ("echo 'Error: no such command' >&2; exit 0", "no such command"),
        (r#"echo '{"ID":"1","Names":["pgedge-control-plane"],"State":"running"}'"#, "pgedge-control-plane"),
    ];
    // The lists are read by the same words: of two of them some of the answers are enough.
    for (question, first, step) in [("info", 0, 1), ("ps", 0, 1), ("volume ls", 2, 3), ("network ls", 0, 3)] {
        for (answer, words) in answers.iter().skip(first).step_by(step) {
            let home = Home::new();
            home.docker(&docker_but(question, answer));
            is_told_by_every_command(
                &home,
                &path(&home),
                "docker-foreign",
                &[words, "the program is $HOME/programs/docker"],
            );
        }
    }
    // Nothing is an answer to every question but that of who it is.
    let home = Home::new();
    home.docker("exit 0");
    is_told_by_every_command(&home, &path(&home), "docker-foreign", &["it answers `docker info` with: nothing"]);
}

#[test]
fn a_docker_that_cannot_be_run_is_told_as_what_it_is() {
    let other: &[u8] = if cfg!(target_arch = "aarch64") { &[62, 0] } else { &[183, 0] };
    let elf = [&b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0"[..], other, &[0; 100]].concat();
    type Make<'a> = &'a dyn Fn(&Path);
    let places: [(Make, &str); 9] = [
        (&|place| std::fs::create_dir(place).unwrap(), "is a directory"),
        (&|place| std::fs::write(place, "#!/bin/sh\n").unwrap(), "is not executable"),
        (&|place| symlink("/nonexistent/docker", place).unwrap(), "link to /nonexistent/docker, which is not there"),
        (&|place| symlink("docker", place).unwrap(), "is a symbolic link to docker: "),
        (&|place| write_program(place, b"#!/nonexistent/sh\n"), "interpreter \"/nonexistent/sh\" is not there"),
        (&|place| write_program(place, b"#!/bin/sh\r\necho\r\n"), "interpreter \"/bin/sh\\r\" is not there"),
        (&|place| write_program(place, &elf), "is a program for another machine"),
        (&|place| write_program(place, b"no program\n"), "is neither a program nor a script"),
        (&|place| write_program(place, b""), "is an empty file"),
    ];
    for (make, words) in places {
        let home = Home::new();
        std::fs::create_dir(home.programs()).unwrap();
        make(&home.programs().join("docker"));
        is_told_by_every_command(&home, &path(&home), "docker-broken", &["$HOME/programs/docker ", words]);
    }
    for (script, words) in [("exit 7", "ended with exit status: 7"), ("kill -SEGV $$", "ended by signal: 11")] {
        let home = Home::new();
        home.docker(script);
        let told = [words, "the program is $HOME/programs/docker"];
        is_told_by_every_command(&home, &path(&home), "docker-broken", &told);
    }
}

#[test]
fn what_stands_in_the_way_on_the_path_is_passed_over_as_a_shell_does() {
    let home = Home::new();
    home.empty_docker();
    let before = home.path().join("before");
    std::fs::create_dir(&before).unwrap();
    symlink("/nonexistent/docker", before.join("docker")).unwrap();
    let path = format!("{}:{}", before.display(), path(&home));
    let down = home.ran(&home.command(&["down"]).env("PATH", &path).output().unwrap());
    assert_eq!((down.code, down.stderr.as_str()), (0, "nothing of cluster \"pgedge\" is here\n"));
}

/// A wrapper that loses the status, as `docker "$@" || true` does, changes no cause.
#[test]
fn a_lost_status_hides_no_engine_that_is_away() {
    let words = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
    for redirection in ["", ">&2"] {
        let home = Home::new();
        home.docker(&format!("echo '{words}' {redirection}; exit 0"));
        is_told_by_every_command(&home, &path(&home), "docker-not-running", &[words]);
    }
}

#[test]
fn a_question_that_docker_refuses_is_told_in_words() {
    let home = Home::new();
    home.docker(&docker_but("ps", "echo 'Error response from daemon: the index is corrupt' >&2; exit 1"));
    let words = ["docker could not list the containers of cluster \"pgedge\": exit status: 1", "the index is corrupt"];
    is_told_by_every_command(&home, &path(&home), "command-failed", &words);
    let down = home.run(&["down"]);
    assert!(down.stderr.ends_with("hint: `docker ps --all` by hand may show more\n"), "{}", down.stderr);
}

#[test]
fn status_tells_what_is_unknown_from_what_is_missing() {
    let status = |home: &Home| -> Value {
        let ran = home.run(&["status", "--output", "json"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let home = Home::new();
    home.empty_docker();
    let missing = status(&home);
    home.docker("echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1");
    let unknown = status(&home);
    for (document, state, failure, id) in [
        (&missing, "missing", None, "cluster-missing"),
        (&unknown, "failed", Some("docker-not-running"), "docker-not-running"),
    ] {
        let operators = &document["operators"];
        let unknown = &document["unknown"];
        for finding in [
            &document["cluster"],
            &operators["cert-manager"],
            &operators["cloudnative-pg"],
            &unknown["nodes"],
            &unknown["subscriptions"],
        ] {
            assert_eq!((finding["state"].as_str(), finding["failure"].as_str()), (Some(state), failure), "{document}");
        }
        let told = &document["failure"];
        assert_eq!((document["ok"].as_bool(), told["id"].as_str()), (Some(false), Some(id)), "{document}");
        assert!(!told["summary"].as_str().unwrap().is_empty() && !told["hint"].as_str().unwrap().is_empty());
    }
    assert_eq!(missing["failure"]["hint"], "`pgedge-bootstrap --local` makes it");
    let text = home.run(&["status"]);
    insta::assert_snapshot!(text.stdout, @r"
    cluster         failed   docker does not answer (docker-not-running)
    cert-manager    unknown
    CloudNativePG   unknown
    nodes           unknown
    subscriptions   unknown
                    Cannot connect to the Docker daemon at unix:///x.
                    hint: start docker and run this again; `docker info` shows whether it answers
    ");
    home.empty_docker();
    insta::assert_snapshot!(home.run(&["status"]).stdout, @r#"
    cluster         missing  there is no cluster "pgedge"
    cert-manager    missing  there is no cluster
    CloudNativePG   missing  there is no cluster
    nodes           missing  there is no cluster
    subscriptions   missing  there is no cluster
                    hint: `pgedge-bootstrap --local` makes it
    "#);
}

#[test]
fn a_docker_that_says_nothing_at_all_is_told_within_a_persons_patience() {
    let home = Home::new();
    home.docker("exec sleep 600");
    let began = Instant::now();
    let ran = home.run(&["status", "--output", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["failure"]["id"], "docker-not-running", "{document}");
    assert_eq!(document["operators"]["cert-manager"]["failure"], "docker-not-running", "{document}");
    assert!(began.elapsed() < Duration::from_secs(25), "it took {:?}", began.elapsed());
}

fn said(ran: &Ran) -> String {
    format!("{}{}", ran.stdout, ran.stderr)
}

/// Every command that asks docker tells the same cause, whichever question was the first.
fn every_command_tells(words: &str, variables: &[(&str, &str)], id: &str, hint: &str) {
    let home = Home::new();
    home.program("words", &format!("cat << 'END'\n{words}\nEND"));
    home.docker("words >&2; exit 1");
    for command in COMMANDS {
        let ran = home.ran(&home.command(command).envs(variables.iter().copied()).output().unwrap());
        let said = said(&ran);
        assert_eq!(ran.code, 1, "{command:?}: {said}");
        assert!(!said.contains("command-failed") && !said.contains("run by hand"), "{command:?}: {said}");
        if command == ["--local"] {
            assert!(said.contains(&format!("({id})")) && said.contains(hint), "{command:?}: {said}");
        }
    }
    let verify = home.command(&["verify", "cluster", "--output", "json"]).envs(variables.iter().copied()).output();
    let document: Value = serde_json::from_slice(&verify.unwrap().stdout).unwrap();
    assert_eq!(document["steps"][0]["failure"].as_str(), Some(id), "{document}");
}

#[test]
fn no_right_to_use_docker_is_told_by_every_command() {
    for words in [
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \
         \"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json\": dial unix /var/run/docker.sock: connect: permission denied",
        "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
    ] {
        every_command_tells(words, &[], "docker-forbidden", "join docker's group");
    }
}

#[test]
fn an_engine_that_is_away_is_told_by_every_command() {
    let words = "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if \
                 the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory";
    every_command_tells(words, &[], "docker-not-running", "start docker");
}

#[test]
fn a_context_that_is_gone_is_named_and_never_waited_for() {
    let words = "Failed to initialize: unable to resolve docker endpoint: context \"nope\": context not found: open \
                 /home/me/.docker/contexts/meta/ca37/meta.json: no such file or directory";
    every_command_tells(words, &[("DOCKER_CONTEXT", "nope")], "docker-misconfigured", "DOCKER_CONTEXT=nope");
    let home = Home::new();
    home.docker(&format!("echo '{words}' >&2; exit 1"));
    let began = Instant::now();
    let ran = home.run(&["--codespace", "--deadline", "2m"]);
    assert!(ran.code == 1 && ran.stderr.contains("(docker-misconfigured)"), "{}", ran.stderr);
    assert!(began.elapsed() < Duration::from_secs(60), "it was waited for");
}

const PODMAN: &str = r#"{"host": {"arch": "amd64"}, "store": {"graphDriverName": "overlay"}, "registries": {}, "version": {"Version": "5.4.0"}}"#;

const NERDCTL: &str = r#"{"ID": "7a1f", "Plugins": {"Log": ["json-file"], "Storage": ["overlayfs"]}, "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8589934592, "ServerVersion": "v2.0.0"}"#;

#[test]
fn another_program_that_is_called_docker_is_named_before_anything_is_downloaded() {
    for (answer, name) in [
        (PODMAN, "`docker` here is podman"),
        (NERDCTL, "`docker` here is nerdctl"),
        ("this is the docker of our department", "`docker` here is not docker's"),
        ("", "`docker` here is not docker's"),
    ] {
        let world = World::new();
        let ps = r#"{"ID":"1","Names":["pgedge-control-plane"],"State":"running","Networks":["kind"]}"#;
        world.home.docker(&format!("case $1 in info) echo '{answer}' ;; ps) echo '{ps}' ;; esac"));
        let ran = world.home.run(&world.arguments("up", &["--local"]));
        assert_eq!(ran.code, 1, "{answer}: {}", ran.stderr);
        assert!(ran.stderr.contains("(docker-foreign)") && ran.stderr.contains(name), "{answer}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: install docker"), "{}", ran.stderr);
        assert_eq!(world.server.requests(), Vec::<String>::new());
        is_told_by_every_command(&world.home, &path(&world.home), "docker-foreign", &[name]);
    }
}
