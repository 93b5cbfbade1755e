//! In a dev container docker is started by somebody else, and comes late, or never.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::{INFO, World};

/// A docker that answers as soon as there is a file `engine`, and before that says what its client says without one.
const LATE: &str = r#"
if [ ! -e "$HOME/engine" ]; then
  echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
  exit 1
fi
[ "$1" != info ] || cat "$HOME/engine"
"#;

#[test]
fn a_docker_that_comes_late_is_waited_for_with_its_reason() {
    let world = World::new();
    world.home.docker(LATE);
    let mut command = world.home.command(&world.arguments("prefetch", &["--codespace"]));
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    let reason = "docker: docker does not answer yet: Cannot connect to the Docker daemon";
    assert!(lines.any(|line| line.contains(reason)), "the reason was never said");
    // Moved into its place, for it is read at any moment.
    std::fs::write(world.home.path().join("answer"), INFO).unwrap();
    std::fs::rename(world.home.path().join("answer"), world.home.path().join("engine")).unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(run.wait().unwrap().success(), "{rest:#?}");
    assert!(rest.iter().any(|line| line.contains("docker answers: 28.2.2")), "{rest:#?}");
    assert!(world.was_run("kubectl-cnpg"), "{rest:#?}");
}

/// GitHub tells every shell of a Codespace, so nobody has to.
#[test]
fn in_a_codespace_every_command_knows_where_it_is() {
    let world = World::new();
    world.home.docker(LATE);
    let codespace = |arguments: &[&str]| {
        let mut command = world.home.command(arguments);
        world.home.ran(&command.env("CODESPACES", "true").output().unwrap())
    };
    let verify = codespace(&["verify", "docker"]);
    assert!(verify.stdout.contains("waiting   docker"), "{}", verify.stdout);
    let wait = codespace(&["wait", "--appear", "1s"]);
    assert!(wait.stderr.contains("`pgedge-bootstrap --codespace`"), "{}", wait.stderr);
}

#[test]
fn elsewhere_a_docker_that_does_not_run_is_told_at_once() {
    let world = World::new();
    world.home.docker(LATE);
    let ran = world.home.run(&world.arguments("prefetch", &[]));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("(docker-not-running)") && !ran.stderr.contains("does not answer yet"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_docker_that_may_not_be_used_is_not_waited_for() {
    let world = World::new();
    world.home.docker("echo 'permission denied while trying to connect to the docker daemon socket' >&2; exit 1");
    let ran = world.home.run(&world.arguments("prefetch", &["--codespace"]));
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("error: you may not use docker (docker-forbidden)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: join docker's group"), "{}", ran.stderr);
}
