//! What a person has set in their shell reaches the programs that are started here only where it is meant to.

use crate::support::{Home, World, program};

/// Settings of each program that would change what it does, and one of another program's.
const HOSTILE: [(&str, &str); 19] = [
    ("HELM_DRIVER", "sql"),
    ("HELM_NAMESPACE", "other"),
    ("HELM_KUBECONTEXT", "production"),
    ("HELM_KUBEAPISERVER", "https://production.example:6443"),
    ("HELM_KUBETOKEN", "secret"),
    ("HELM_PLUGINS", "/nonexistent"),
    ("HELM_DEBUG", "true"),
    ("KIND_CLUSTER_NAME", "other"),
    ("KIND_EXPERIMENTAL_PROVIDER", "podman"),
    ("KIND_EXPERIMENTAL_DOCKER_NETWORK", "other"),
    ("KIND_DNS_SEARCH", "production.example"),
    ("DOCKER_DEFAULT_PLATFORM", "linux/s390x"),
    ("DOCKER_CONTENT_TRUST", "1"),
    ("KUBECONFIG", "/nonexistent/production"),
    ("KUBECTL_EXTERNAL_DIFF", "rm -rf"),
    ("KUBECTL_KUBERC", "true"),
    ("KUBERC", "/nonexistent/kuberc"),
    ("KUBE_FEATURE_WatchListClient", "nonsense"),
    ("KUBERNETES_MASTER", "https://production.example:6443"),
];

/// Which engine a person uses is theirs to say, and how the network is reached.
const KEPT: [(&str, &str); 6] = [
    ("DOCKER_HOST", "unix:///nonexistent/engine.sock"),
    ("DOCKER_CONTEXT", "theirs"),
    ("DOCKER_CERT_PATH", "/nonexistent/certificates"),
    ("DOCKER_CONFIG", "/nonexistent/config"),
    ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ("NO_PROXY", "127.0.0.1,localhost"),
];

/// A tool that writes its environment down before it answers.
fn telling(tool: &str) -> Vec<u8> {
    let answer = String::from_utf8(program(tool)).unwrap();
    answer.replacen("#!/bin/sh\n", &format!("#!/bin/sh\nenv >> \"$HOME/environment-of-{tool}\"\n"), 1).into_bytes()
}

fn environment_of(home: &Home, program: &str) -> Vec<String> {
    let file = home.path().join(format!("environment-of-{program}"));
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_setting_of_the_persons_shell_does_not_reach_the_look_at_a_version() {
    let world = World::with(telling);
    let mut command = world.home.command(&world.arguments("tools", &[]));
    command.envs(HOSTILE).envs(KEPT);
    let ran = world.home.ran(&command.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (tool, hidden) in [
        ("helm", &["HELM_", "KUBE"][..]),
        ("kind", &["KIND_", "DOCKER_DEFAULT", "DOCKER_CONTENT", "KUBE"]),
        ("kubectl", &["KUBE"]),
        ("kubectl-cnpg", &["KUBE"]),
    ] {
        let seen = environment_of(&world.home, tool);
        for (name, value) in HOSTILE {
            if hidden.iter().any(|beginning| name.starts_with(beginning)) {
                assert!(!seen.contains(&format!("{name}={value}")), "{tool} sees {name}: {seen:#?}");
            }
        }
        for (name, value) in KEPT {
            assert!(seen.contains(&format!("{name}={value}")), "{tool} does not see {name}: {seen:#?}");
        }
    }
}

#[test]
fn docker_is_asked_without_the_platform_that_a_shell_has_set() {
    let home = Home::new();
    home.docker("env >> \"$HOME/environment-of-docker\"; exit 1");
    let mut command = home.command(&["verify", "docker", "cluster"]);
    command.envs(HOSTILE).envs(KEPT);
    home.ran(&command.output().unwrap());
    let seen = environment_of(&home, "docker");
    assert!(seen.iter().filter(|line| line.starts_with("DOCKER_HOST=")).count() > 1, "{seen:#?}");
    for (name, value) in KEPT {
        assert!(seen.contains(&format!("{name}={value}")), "docker does not see {name}: {seen:#?}");
    }
    assert!(!seen.iter().any(|line| line.starts_with("DOCKER_DEFAULT_PLATFORM=")), "{seen:#?}");
    assert!(!seen.iter().any(|line| line.starts_with("DOCKER_CONTENT_TRUST=")), "{seen:#?}");
}
