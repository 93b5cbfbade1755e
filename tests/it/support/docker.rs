//! A docker in which there is nothing, and what it says of itself.

use std::path::PathBuf;

use super::{Home, sum, write_program};

/// What docker's engine answers to `docker info`.
pub(crate) const INFO: &str = r#"{"ID": "1", "ServerVersion": "28.2.2", "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8589934592, "DockerRootDir": "/nowhere"}"#;

impl Home {
    /// A docker that answers, and has nothing.
    pub(crate) fn empty_docker(&self) {
        self.docker(&format!("[ \"$1\" = info ] && echo '{INFO}'\nexit 0"));
    }
}

/// Where a kubeconfig of the cluster `pgedge` is, in a HOME.
pub(crate) const KUBECONFIG: &str = ".local/state/pgedge-bootstrap/pgedge/kubeconfig";

/// A kubeconfig of a kind cluster whose server is this one.
pub(crate) fn kubeconfig(server: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "kind-pgedge",
        "clusters": [{"name": "kind-pgedge", "cluster": {"server": server}}],
        "users": [{"name": "kind-pgedge", "user": {"token": "x"}}],
        "contexts": [{"name": "kind-pgedge", "context": {"cluster": "kind-pgedge", "user": "kind-pgedge"}}],
    })
    .to_string()
}

impl Home {
    /// A cluster of this HOME that docker shows, and of which kind tells that its server is this one.
    pub(crate) fn cluster_at(&self, server: &str) {
        self.cluster_of("", server);
    }

    /// The same, of the owner of this id; of none, if it is empty.
    pub(crate) fn cluster_of(&self, owner: &str, server: &str) {
        let told = format!("[ \"$1 $2\" = 'get kubeconfig' ] || exit 1\ncat << 'END'\n{}\nEND", kubeconfig(server));
        self.cluster_with(owner, &told);
    }

    /// The same, with this script as kind.
    pub(crate) fn cluster_with(&self, owner: &str, kind: &str) {
        let node = serde_json::json!({
            "ID": "1", "Names": "pgedge-control-plane", "State": "running", "Networks": "pgedge-bootstrap-pgedge",
            "Owner": owner, "User": "bob", "Host": "there", "Since": "2026-11-01T00:00:00Z",
        });
        self.docker(&format!("case $1 in info) echo '{INFO}' ;; ps) echo '{node}' ;; exec) exit 1 ;; esac\nexit 0"));
        let kind = format!("#!/bin/sh\n{kind}\n");
        write_program(&self.bin().join("kind"), kind.as_bytes());
        // No other one is ever run.
        let pins = self.run(&["versions", "--output", "json"]).stdout;
        let mut pins: serde_json::Value = serde_json::from_str(&pins).unwrap();
        for file in pins["tools"]["kind"]["platforms"].as_object_mut().unwrap().values_mut() {
            file["sha256"] = sum(kind.as_bytes()).into();
        }
        std::fs::write(self.pins(), pins.to_string()).unwrap();
    }

    /// The pins that the program is given in this HOME, if it has some of its own.
    pub(crate) fn pins(&self) -> PathBuf {
        self.path().join("pins.json")
    }

    /// Replaces the kubeconfig of the cluster `pgedge` by one whose server is this one.
    pub(crate) fn leads_to(&self, server: &str) {
        let place = self.path().join(KUBECONFIG);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, kubeconfig(server)).unwrap();
    }
}
