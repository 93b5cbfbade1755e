//! A cluster that kind cannot create: what is told of it, and with which settings kind was run.

use crate::support::{INFO, Ran, World, program};

/// A run to the cluster, with a kind whose docker says this.
fn run(words: &str) -> (World, Ran) {
    let world = World::with(|tool| {
        if tool != "kind" {
            return program(tool);
        }
        let script = "#!/bin/sh\nif [ \"$1\" = create ]; then env > \"$HOME/environment\"; cat \"$HOME/words\" >&2; exit 1; fi\n";
        String::from_utf8(program(tool)).unwrap().replacen("#!/bin/sh\n", script, 1).into_bytes()
    });
    let command = format!("docker run --name lab-control-plane {}", "--volume /var ".repeat(50));
    let words = format!(
        "Creating cluster \"lab\" ...\nERROR: failed to create cluster: command \"{command}\" failed with error: exit status \
         125\nCommand Output: {words}\n\nRun 'docker run --help' for more information\nStack Trace: \ngo\n"
    );
    std::fs::write(world.home.path().join("words"), words).unwrap();
    // It has the node image, and nothing else.
    world.home.empty_docker();
    let arguments = world.arguments("up", &["--local", "--until", "cluster", "--name", "lab"]);
    let mut command = world.home.command(&arguments);
    command.env("DOCKER_DEFAULT_PLATFORM", "linux/s390x").env("KIND_DNS_SEARCH", "x").env("DOCKER_CONTEXT", "theirs");
    let ran = world.home.ran(&command.output().unwrap());
    (world, ran)
}

/// kind is to find the docker that this program has found.
#[test]
fn the_docker_that_kind_calls_is_the_one_that_was_asked() {
    let world = World::with(|tool| {
        if tool != "kind" {
            return program(tool);
        }
        let script =
            "#!/bin/sh\nif [ \"$1\" = create ]; then docker run --name x; echo \"kind's docker: $?\" >&2; exit 1; fi\n";
        String::from_utf8(program(tool)).unwrap().replacen("#!/bin/sh\n", script, 1).into_bytes()
    });
    world
        .home
        .docker(&format!("case $1 in info) echo '{INFO}' ;; run) echo \"$PATH $*\" > \"$HOME/run\" ;; esac; exit 0"));
    let before = world.home.path().join("before");
    std::fs::create_dir(&before).unwrap();
    std::fs::write(before.join("docker"), "#!/bin/sh\nexit 3\n").unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", before.display(), world.home.programs().display());
    let arguments = world.arguments("up", &["--local", "--until", "cluster"]);
    let ran = world.home.ran(&world.home.command(&arguments).env("PATH", &path).output().unwrap());
    assert!(ran.stderr.contains("kind's docker: 0"), "{}", ran.stderr);
    let called = std::fs::read_to_string(world.home.path().join("run")).unwrap();
    assert!(called.starts_with(&format!("{path} run --label com.pgedge.bootstrap.cluster=pgedge ")), "{called}");
}

#[test]
fn a_container_of_that_name_is_named_and_how_to_go_on() {
    let (world, ran) = run(
        "docker: Error response from daemon: Conflict. The container name \"/lab-control-plane\" is already in use by container \
         \"4b6f\". You have to remove (or rename) that container to be able to reuse that name.",
    );
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(cluster-create-failed)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("docker: Error response from daemon: Conflict."), "{}", ran.stderr);
    assert!(!ran.stderr.contains("--volume /var"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: choose another --name"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`docker rm --force --volumes lab-control-plane`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("starts over"), "{}", ran.stderr);
    let seen = std::fs::read_to_string(world.home.path().join("environment")).unwrap();
    assert!(!seen.contains("DOCKER_DEFAULT_PLATFORM") && !seen.contains("KIND_DNS_SEARCH"), "{seen}");
    assert!(seen.contains("DOCKER_CONTEXT=theirs\n") && seen.contains("KIND_EXPERIMENTAL_PROVIDER=docker\n"), "{seen}");
}

#[test]
fn a_disk_that_is_full_in_docker_is_told_as_that() {
    let (_, ran) = run("docker: Error response from daemon: mkdir /var/lib/docker/x: no space left on device");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("(disk-full)") && ran.stderr.contains("no space left on device"), "{}", ran.stderr);
}

#[test]
fn a_second_run_is_advised_where_it_helps() {
    let (_, ran) =
        run("docker: Error response from daemon: Bind for 127.0.0.1:40123 failed: port is already allocated");
    assert!(ran.stderr.contains("port is already allocated"), "{}", ran.stderr);
    assert!(ran.stderr.contains("running this again takes another one"), "{}", ran.stderr);
}
