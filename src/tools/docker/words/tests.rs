use super::*;

fn id(words: &str) -> Option<FailureId> {
    told_with(words, &|_| None).map(|failure| failure.id())
}

/// As versions 18 to 29 of docker's client say it.
#[test]
fn the_words_of_every_version_of_docker_are_known() {
    let table = [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            FailureId::DockerNotRunning,
        ),
        (
            "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the \
             daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory",
            FailureId::DockerNotRunning,
        ),
        (
            "error during connect: Get \"http://nope:2375/v1.50/info\": dial tcp: lookup nope: no such host",
            FailureId::DockerNotRunning,
        ),
        (
            "error during connect: Get \"http://docker.example.com/v1.50/info\": command [ssh -T -- far docker system \
             dial-stdio] has exited with exit status 255: stderr=ssh: connect to host far port 22: Connection refused",
            FailureId::DockerNotRunning,
        ),
        (
            "The command 'docker' could not be found in this WSL 2 distro.\nWe recommend to activate the WSL integration \
             in Docker Desktop settings.",
            FailureId::DockerNotRunning,
        ),
        (
            "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \
             http://%2Fvar%2Frun%2Fdocker.sock/v1.39/version: dial unix /var/run/docker.sock: connect: permission denied",
            FailureId::DockerForbidden,
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            FailureId::DockerForbidden,
        ),
        (
            "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
            FailureId::DockerForbidden,
        ),
        (
            "Failed to initialize: unable to resolve docker endpoint: context \"nope\": context not found: open \
             /home/me/.docker/contexts/meta/ca37/meta.json: no such file or directory",
            FailureId::DockerMisconfigured,
        ),
        (
            "unable to resolve docker endpoint: open /home/me/.docker/ca.pem: no such file or directory",
            FailureId::DockerMisconfigured,
        ),
        (
            "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: http://127.0.0.1:9",
            FailureId::DockerMisconfigured,
        ),
        (
            "Error response from daemon: client version 1.24 is too old. Minimum supported API version is 1.44, please \
             upgrade your client to a newer version",
            FailureId::DockerMisconfigured,
        ),
        ("Error response from daemon: Client sent an HTTP request to an HTTPS server.", FailureId::DockerMisconfigured),
        (
            "error during connect: Get \"https://far:2376/v1.50/info\": tls: failed to verify certificate: x509: \
             certificate signed by unknown authority",
            FailureId::DockerMisconfigured,
        ),
    ];
    for (words, wanted) in table {
        assert_eq!(id(words), Some(wanted), "{words}");
        assert_eq!(id(&words.to_uppercase()), Some(wanted), "{words}");
    }
}

/// What the engine says no to, and what its client warns of.
#[test]
fn an_engine_that_answers_is_not_said_to_be_away() {
    for words in [
        "Error response from daemon: No such container: pgedge-control-plane",
        "Error response from daemon: Get \"https://ghcr.io/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "Error response from daemon: pull access denied for nothing, repository does not exist",
        "OCI runtime exec failed: exec failed: unable to start container process: exec: \"/x\": permission denied: unknown",
        "WARNING: Error loading config file: /home/me/.docker/config.json: open /home/me/.docker/config.json: connect: permission denied",
        "",
    ] {
        assert_eq!(id(words), None, "{words}");
    }
}

#[test]
fn the_hint_names_the_variable_or_the_file_that_is_wrong() {
    let context = "Failed to initialize: unable to resolve docker endpoint: context \"nope\": context not found";
    let tls = "Failed to initialize: unable to resolve docker endpoint: open /home/user/.docker/ca.pem: no such file or directory";
    let host = "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: http://a";
    let version = "Error response from daemon: client version 1.12 is too old. Minimum supported API version is 1.44";
    let away = "Cannot connect to the Docker daemon at tcp://127.0.0.1:9. Is the docker daemon running?";
    let forbidden = "permission denied while trying to connect to the docker API at unix:///run/user/1/docker.sock";
    for (words, variable, value, wanted) in [
        (context, "DOCKER_CONTEXT", "nope", "DOCKER_CONTEXT=nope"),
        (context, "", "", "`docker context use default` corrects the `currentContext` of ~/.docker/config.json"),
        (context, "DOCKER_CONFIG", "/c", "/c/config.json (DOCKER_CONFIG)"),
        (tls, "DOCKER_TLS_VERIFY", "1", "DOCKER_TLS_VERIFY=1"),
        (tls, "DOCKER_CERT_PATH", "/nowhere", "DOCKER_CERT_PATH=/nowhere"),
        (host, "DOCKER_HOST", "http://a", "DOCKER_HOST=http://a"),
        (version, "DOCKER_API_VERSION", "1.12", "DOCKER_API_VERSION=1.12"),
        (away, "DOCKER_HOST", "tcp://127.0.0.1:9", "DOCKER_HOST=tcp://127.0.0.1:9"),
        (forbidden, "DOCKER_HOST", "unix:///run/user/1/docker.sock", "DOCKER_HOST=unix:///run/user/1/docker.sock"),
    ] {
        let failure = told_with(words, &|name| (name == variable).then(|| value.to_owned())).unwrap();
        assert!(
            failure.advice(&bootstrap_run::failure::Invocation::default()).contains(wanted),
            "{words}: {}",
            failure.advice(&bootstrap_run::failure::Invocation::default())
        );
    }
}
