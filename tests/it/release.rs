//! What the cluster says of its release is what the commands use, without being told; here a server of nothing says it.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::{Home, Server};

const STATE: &str = ".local/state/pgedge-bootstrap/pgedge";

/// A kubeconfig of a cluster of ours, whose API is this server.
fn kubeconfig(home: &Home, server: &str) {
    home.cluster_at(server);
    home.leads_to(server);
}

/// Serves a release of as many nodes as helm's record in each of these namespaces says.
fn releases(server: &Server, releases: &[(&str, usize)]) {
    let mut records = Vec::new();
    for (namespace, nodes) in releases {
        let nodes: Vec<Value> = (1..=*nodes).map(|number| json!({"name": format!("n{number}")})).collect();
        let document = json!({
            "info": {"status": "deployed"}, "version": 1, "config": {"pgEdge": {"nodes": nodes}},
            "chart": {"metadata": {"name": "pgedge", "version": "1.0.0"}},
        });
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(document.to_string().as_bytes()).unwrap();
        let data = base64(base64(&encoder.finish().unwrap()).as_bytes());
        let record = json!({
            "apiVersion": "v1", "kind": "Secret", "data": {"release": data},
            "metadata": {
                "name": "sh.helm.release.v1.pgedge.v1", "namespace": namespace, "uid": namespace,
                "labels": {"owner": "helm", "name": "pgedge", "status": "deployed", "version": "1"},
            },
        });
        server
            .file(&format!("/api/v1/namespaces/{namespace}/secrets/sh.helm.release.v1.pgedge.v1"), record.to_string());
        records.push(record);
    }
    let list =
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": records});
    server.file("/api/v1/secrets", list.to_string());
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().chain([0, 0].iter()).take(3).fold(0usize, |bits, byte| bits << 8 | usize::from(*byte));
        for digit in 0..4 {
            text.push(if digit > three.len() { '=' } else { char::from(DIGITS[bits >> (18 - 6 * digit) & 63]) });
        }
    }
    text
}

fn nodes_of_values(home: &Home, arguments: &[&str]) -> usize {
    let ran = home.run(&[&["values", "--output", "json"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let values: Value = serde_json::from_str(&ran.stdout).unwrap();
    values["pgEdge"]["nodes"].as_array().unwrap().len()
}

#[test]
fn the_number_of_nodes_is_that_of_the_release_wherever_it_is() {
    let (home, server) = (Home::new(), Server::start());
    kubeconfig(&home, &server.address);
    releases(&server, &[("lab", 2)]);
    assert_eq!(nodes_of_values(&home, &[]), 2);
    assert_eq!(nodes_of_values(&home, &["--nodes", "4"]), 4, "what was asked for counts");
    releases(&server, &[]);
    assert_eq!(nodes_of_values(&home, &[]), 3, "a new release");
}

#[test]
fn the_environment_leads_to_the_namespace_of_the_release() {
    let (home, server) = (Home::new(), Server::start());
    kubeconfig(&home, &server.address);
    let environment = || -> Value { serde_json::from_str(&home.run(&["env", "--output", "json"]).stdout).unwrap() };
    releases(&server, &[("default", 3)]);
    let own = format!("$HOME/{STATE}/kubeconfig");
    assert_eq!(environment()["KUBECONFIG"], own.as_str());
    releases(&server, &[("lab", 2)]);
    let told = environment();
    assert_eq!(told["namespace"], "lab");
    assert_eq!(told["KUBECONFIG"], format!("$HOME/{STATE}/namespace.kubeconfig:{own}"));
    let before = std::fs::read_to_string(home.path().join(STATE).join("namespace.kubeconfig")).unwrap();
    let before: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(before["current-context"], "kind-pgedge");
    assert_eq!(
        before["contexts"][0]["context"],
        json!({"cluster": "kind-pgedge", "user": "kind-pgedge", "namespace": "lab"})
    );
}

#[test]
fn of_two_releases_one_must_be_named() {
    let (home, server) = (Home::new(), Server::start());
    kubeconfig(&home, &server.address);
    releases(&server, &[("default", 3), ("lab", 2)]);
    for command in ["values", "status", "verify", "prove", "env", "guide"] {
        let arguments: &[&str] = if command == "guide" { &["guide", "--yes"] } else { &[command] };
        let ran = home.run(arguments);
        assert_eq!(ran.code, 1, "{command}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("(release-ambiguous)") && ran.stderr.contains("namespace lab"),
            "{command}: {}",
            ran.stderr
        );
    }
    assert_eq!(nodes_of_values(&home, &["--namespace", "lab"]), 2);
}

#[test]
fn a_cluster_that_does_not_answer_leaves_what_was_asked_for() {
    let (home, server) = (Home::new(), Server::start());
    kubeconfig(&home, &server.address);
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    kubeconfig(&home, &format!("http://127.0.0.1:{port}"));
    assert_eq!(nodes_of_values(&home, &[]), 3);
    assert_eq!(nodes_of_values(&home, &["--nodes", "2"]), 2);
    // One that accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    kubeconfig(&home, &format!("http://{}", silent.local_addr().unwrap()));
    let began = std::time::Instant::now();
    assert_eq!(nodes_of_values(&home, &["--nodes", "2"]), 2);
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn hints_carry_what_the_next_command_needs() {
    let home = Home::new();
    home.empty_docker();
    let ran = home.run(&["verify", "release", "--nodes", "2", "--namespace", "lab", "--pins", "a b.json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    std::fs::write(home.path().join("a b.json"), home.run(&["versions", "--output", "json"]).stdout).unwrap();
    let guide = home.run(&[
        "guide",
        "--yes",
        "--nodes",
        "2",
        "--namespace",
        "lab",
        "--pins",
        "a b.json",
        "--mirror",
        "https://m",
    ]);
    let hint =
        "`pgedge-bootstrap --local --until operators --pins 'a b.json' --mirror https://m --nodes 2 --namespace lab`";
    assert!(guide.stderr.contains(hint), "{}", guide.stderr);
    let known = home.command(&["guide", "--yes"]).env("PGEDGE_BOOTSTRAP_NODES", "2").output().unwrap();
    let known = home.ran(&known);
    assert!(known.stderr.contains("`pgedge-bootstrap --local --until operators` prepares"), "{}", known.stderr);
}

#[test]
fn a_directory_of_tools_that_was_named_is_remembered() {
    let world = crate::support::World::new();
    let named = world.home.run(&world.arguments("tools", &["--bin-dir", "mine"]));
    assert_eq!(named.code, 0, "{}", named.stderr);
    let environment: Value = serde_json::from_str(&world.home.run(&["env", "--output", "json"]).stdout).unwrap();
    assert_eq!(environment["bin"], "$HOME/mine");
    let verify = world.home.run(&world.arguments("verify", &["helm"]));
    assert_eq!(verify.code, 0, "{}", verify.stdout);
    let other: Value =
        serde_json::from_str(&world.home.run(&["env", "--output", "json", "--name", "other"]).stdout).unwrap();
    assert_ne!(other["bin"], "$HOME/mine", "another cluster was told nothing");
}
