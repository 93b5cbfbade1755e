use super::*;

/// What kind prints when `docker run` fails, with docker's words.
fn run_failed(docker: &str) -> String {
    let command =
        format!("docker run --name lab-control-plane --hostname lab-control-plane {}", "--volume /var ".repeat(40));
    format!(
        "Creating cluster \"lab\" ...\n ✓ Ensuring node image\n ✗ Preparing nodes\nERROR: failed to create cluster: command \
         \"{command}\" failed with error: exit status 125\nCommand Output: {docker}\n\nRun 'docker run --help' for more \
         information\nStack Trace: \nsigs.k8s.io/kind/pkg/errors.WithStack\n\tsigs.k8s.io/kind/pkg/errors/errors.go:59\n"
    )
}

#[test]
fn what_docker_says_behind_the_command_is_the_evidence() {
    let failure = of(&run_failed(
        "docker: Error response from daemon: Conflict. The container name \"/lab-control-plane\" is already in use by container \
         \"4b6f\". You have to remove (or rename) that container to be able to reuse that name.",
    ))
    .into_failure();
    assert_eq!(failure.id(), FailureId::ClusterCreateFailed);
    let [reason, kind] = failure.seen() else { unreachable!("{:?}", failure.seen()) };
    assert!(reason.starts_with("docker: Error response from daemon: Conflict."), "{reason}");
    assert_eq!(kind, "kind: failed to create cluster: `docker run` failed: exit status 125");
    assert!(
        failure
            .advice(&bootstrap_run::failure::Invocation::default())
            .contains("`docker rm --force --volumes lab-control-plane`"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
    assert!(
        failure.advice(&bootstrap_run::failure::Invocation::default()).contains("another --name"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
}

#[test]
fn each_cause_has_the_advice_that_helps() {
    let id = "740ac34ef8a208f95a1ddcc626af3c7a28ae15fd6690478bfb0567e8305a4f3e";
    let table = [
        (
            "docker: Error response from daemon: failed to set up container networking: driver failed programming external \
             connectivity on endpoint lab-control-plane: Bind for 127.0.0.1:40123 failed: port is already allocated",
            Cause::PortTaken,
        ),
        (
            "docker: Error response from daemon: failed to bind host port for 127.0.0.1:40123: address already in use",
            Cause::PortTaken,
        ),
        (
            "Unable to find image 'kindest/node@sha256:12' locally\ndocker: Error response from daemon: image with reference \
             kindest/node@sha256:12 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)",
            Cause::Platform,
        ),
        ("docker: Error response from daemon: exec /usr/local/bin/entrypoint: exec format error", Cause::Platform),
        (
            "docker: Error response from daemon: mkdir /var/lib/docker/overlay2/1-init: no space left on device",
            Cause::DiskFull,
        ),
        ("docker: Error response from daemon: cgroups: cgroup mountpoint does not exist: unknown.", Cause::Cgroups),
        (
            "docker: Error response from daemon: privileged mode is incompatible with user namespaces.  You must run the \
             container in the host namespace when running privileged mode.",
            Cause::Privileges,
        ),
        (
            "docker: Error response from daemon: failed to create task for container: OCI runtime create failed: runc create \
             failed: unable to start container process: fork/exec /proc/self/exe: cannot allocate memory: unknown",
            Cause::OutOfMemory,
        ),
        ("docker: Error response from daemon: something new", Cause::Unknown),
    ];
    for (words, cause) in table {
        let told = of(&run_failed(&format!("{id}\n{words}")));
        assert_eq!(told.cause, cause, "{words}");
        assert!(told.docker.is_none(), "{words}");
        let seen = told.evidence.join("\n");
        let last = words.lines().last().unwrap_or_default();
        assert!(seen.contains(last) && !seen.contains(id) && !seen.contains("--volume"), "{seen}");
        assert!(!seen.contains("errors.go") && !seen.contains("--help"), "{seen}");
    }
}

#[test]
fn what_kind_says_itself_is_told_apart_too() {
    for (words, cause) in [
        (
            "ERROR: failed to create cluster: could not find a log line that matches \"Reached target .*Multi-User System.*|detected \
             cgroup v1\"",
            Cause::NotBooted,
        ),
        (
            "ERROR: failed to create cluster: running kind with rootless provider requires setting systemd property \
             \"Delegate=yes\", see https://kind.sigs.k8s.io/docs/user/rootless/",
            Cause::Privileges,
        ),
        ("ERROR: node(s) already exist for a cluster with the name \"lab\"", Cause::NameTaken(String::new())),
        (
            "ERROR: failed to create cluster: failed to pull image \"kindest/node@sha256:12\": command \"docker pull \
             kindest/node@sha256:12\" failed with error: exit status 1\nCommand Output: Error response from daemon: Get \
             \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
            Cause::Pull,
        ),
    ] {
        let told = of(words);
        assert_eq!(told.cause, cause, "{words}");
        assert!(!told.evidence.is_empty());
    }
}

/// kubeadm prints a hundred lines before it fails.
#[test]
fn of_kubeadms_words_the_checks_that_failed_are_kept() {
    let progress: String = (0..100)
        .map(|line| format!("I1126 21:31:11.{line:06}     211 initconfiguration.go:{line}] loading\n"))
        .collect();
    let words = |reason: &str| {
        format!(
            "ERROR: failed to create cluster: failed to init node with kubeadm: command \"docker exec --privileged \
             lab-control-plane kubeadm init --config=/kind/kubeadm.conf --skip-token-print --v=6\" failed with error: exit status \
             1\nCommand Output: {progress}{reason}\nStack Trace: \ngo\n"
        )
    };
    let failure = of(&words(
        "[preflight] Some fatal errors occurred:\n\t[ERROR Mem]: the system RAM (512 MB) is less than 1700 MB",
    ));
    assert_eq!(failure.cause, Cause::OutOfMemory);
    assert_eq!(
        failure.into_failure().seen(),
        [
            "[ERROR Mem]: the system RAM (512 MB) is less than 1700 MB",
            "kind: failed to create cluster: failed to init node with kubeadm: `kubeadm init` failed: exit status 1"
        ]
    );
    let slow =
        of(&words("[kubelet-check] The kubelet is not healthy after 4m0s\nerror execution phase wait-control-plane"));
    assert_eq!(slow.cause, Cause::Slow);
}

#[test]
fn an_engine_that_went_away_meanwhile_is_told_as_that() {
    let failure = of(&run_failed(
        "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ))
    .into_failure();
    assert_eq!(failure.id(), FailureId::DockerNotRunning);
}
