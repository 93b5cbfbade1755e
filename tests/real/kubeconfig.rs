//! A kubeconfig that leads to another person's server, in the place of ours.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::common::proof;
use crate::lab::{Lab, NAME};

/// Another person's server: all that counts is whether anybody comes.
struct Theirs {
    address: String,
    visitors: Arc<AtomicUsize>,
}

impl Theirs {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let visitors = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&visitors);
        std::thread::spawn(move || {
            for _ in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, visitors }
    }
}

fn place(lab: &Lab) -> PathBuf {
    lab.home().join(".local/state/pgedge-bootstrap").join(NAME).join("kubeconfig")
}

/// Of another server, and then of the same one with the certificate authority of a cluster that was there before.
pub(crate) fn a_kubeconfig_that_leads_to_another_server_is_written_anew_and_nobody_goes_there(lab: &Lab) {
    let (place, theirs) = (place(lab), Theirs::start());
    let ours = std::fs::read_to_string(&place).unwrap();
    let line = |name: &str| ours.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap().trim();
    let (server, authority) = (line("server:"), line("certificate-authority-data:"));
    // A certificate that nobody has signed anything with: the node's own for another purpose.
    let front = ["exec", &format!("{NAME}-control-plane"), "cat", "/etc/kubernetes/pki/front-proxy-ca.crt"];
    let mut config: Value =
        serde_json::from_str(&lab.tool(&["kubectl", "config", "view", "--raw", "-o", "json"]).stdout).unwrap();
    config["clusters"][0]["cluster"]["certificate-authority-data"] = Value::Null;
    config["clusters"][0]["cluster"]["certificate-authority"] = lab.home().join("before.crt").to_str().unwrap().into();
    std::fs::write(lab.home().join("before.crt"), lab.docker(&front).stdout).unwrap();

    std::fs::write(&place, ours.replace(server, &theirs.address)).unwrap();
    let verify = lab.run(&["verify", "kubernetes-api", "nodes", "--output", "json"]);
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    assert_eq!(document["steps"][0]["state"], "wrong", "{document}");
    assert_eq!(document["steps"][1]["failure"], "cluster-changed", "{document}");
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}\n{}", up.stdout, up.stderr);
    let events: Vec<Value> = up.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |event: &&Value| event["detail"].as_str().is_some_and(|detail| detail.contains(&theirs.address));
    assert!(events.iter().any(|event| event["event"] == "step-applying" && said(&event)), "{}", up.stdout);
    let proven = events.iter().find(|event| event["event"] == "proof").unwrap();
    assert_eq!(proof::check(&proven["matrix"]), Ok(()));
    assert_eq!(std::fs::read_to_string(&place).unwrap(), ours);

    std::fs::write(&place, config.to_string()).unwrap();
    assert!(!config.to_string().contains(authority));
    let up = lab.run(&["--local", "--until", "cluster"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    assert!(up.stderr.contains("certificate-authority"), "{}", up.stderr);
    assert_eq!(std::fs::read_to_string(&place).unwrap(), ours);
    assert_eq!(theirs.visitors.load(Ordering::SeqCst), 0);
}
