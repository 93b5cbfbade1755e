//! A world in which upstream publishes what real upstreams do, and one may change what it says.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::{Ran, TOOLS, World, sum};

/// The pin that the tests change: the place of its sum.
pub(crate) const KIND: &str = "/tools/kind/platforms/linux~1amd64/sha256";

/// The version that is pinned of everything that is asked for its newest one, and where it is said.
const ON_GITHUB: [(&str, &str); 4] = [
    ("kubernetes-sigs/kind", "/tools/kind/version"),
    ("cloudnative-pg/cloudnative-pg", "/manifests/cloudnative-pg/version"),
    ("cert-manager/cert-manager", "/manifests/cert-manager/version"),
    ("pgEdge/pgedge-helm", "/chart/version"),
];

impl World {
    /// As [`World::new`], with lists of sums in the forms of the real ones, images in a registry, and pins with all digests.
    pub(crate) fn of_upstream() -> Self {
        let world = Self::new();
        let mut pins = world.pins();
        for tool in TOOLS {
            world.publish_lists(&pins["tools"][tool], tool);
        }
        for (pointer, image) in images(&pins) {
            let manifest = format!(r#"{{"schemaVersion": 2, "of": "{image}"}}"#);
            *pins.pointer_mut(&pointer).unwrap() = format!("sha256:{}", sum(manifest.as_bytes())).into();
            for reference in [tag(&image), &format!("sha256:{}", sum(manifest.as_bytes()))] {
                world.server.file(&manifest_path(&image, reference), manifest.clone());
            }
        }
        world.server.file("/get.helm.sh/helm4-latest-version", "v4.3.0\n");
        world.server.file("/dl.k8s.io/release/stable-1.35.txt", "v1.35.8");
        for (repository, version) in ON_GITHUB {
            let version = pins.pointer(version).unwrap().as_str().unwrap();
            world.newest_on_github(repository, version);
        }
        world.set_pins(&pins);
        world
    }

    /// The lists of a tool's sums.
    fn publish_lists(&self, pin: &Value, tool: &str) {
        let files = pin["platforms"].as_object().unwrap().values();
        let files = files.map(|file| (path(file["url"].as_str().unwrap()), file["sha256"].as_str().unwrap()));
        let mut list = String::from("# sums of everything\n");
        for (path, sum) in files {
            let name = path.rsplit('/').next().unwrap();
            list.push_str(&format!("{sum}  {name}\n"));
            match tool {
                "helm" | "kind" => drop(self.server.file(&format!("{path}.sha256sum"), format!("{sum}  {name}\n"))),
                "kubectl" => drop(self.server.file(&format!("{path}.sha256"), sum)),
                _ => drop(self.server.file(&self.cnpg_list(), list.clone())),
            };
        }
    }

    /// The one list for all platforms.
    pub(crate) fn cnpg_list(&self) -> String {
        "/github.com/cloudnative-pg/cloudnative-pg/releases/download/v1.30.0/cnpg-1.30.0-checksums.txt".to_owned()
    }

    pub(crate) fn newest_on_github(&self, repository: &str, version: &str) {
        let releases = format!("github.com/{repository}/releases");
        self.server.redirect(&format!("/{releases}/latest"), &format!("https://{releases}/tag/v{version}"));
    }

    pub(crate) fn pins(&self) -> Value {
        serde_json::from_str(&self.pins_text()).unwrap()
    }

    pub(crate) fn pins_text(&self) -> String {
        std::fs::read_to_string(self.home.path().join("pins.json")).unwrap()
    }

    /// In the layout of the built-in ones.
    pub(crate) fn set_pins(&self, pins: &Value) {
        let text = serde_json::to_string_pretty(pins).unwrap() + "\n";
        std::fs::write(self.home.path().join("pins.json"), text).unwrap();
    }

    /// `pins check` against this world, and nothing else.
    pub(crate) fn check(&self, more: &[&str]) -> Ran {
        self.home.ran(&self.check_command(more).output().unwrap())
    }

    pub(crate) fn check_command(&self, more: &[&str]) -> Command {
        let address = &self.server.address;
        let mirrors = ["docker.io", "ghcr.io", "quay.io"].map(|host| format!("{host}={address}")).join(",");
        let arguments = ["pins", "check", "--pins", "pins.json", "--mirror", address, "--registry-mirror", &mirrors];
        self.home.command(&[&arguments, more].concat())
    }
}

/// Where the digest of each image stands, and its name.
pub(crate) fn images(pins: &Value) -> Vec<(String, String)> {
    let nodes = pins["node_images"].as_array().unwrap().iter().enumerate();
    let nodes = nodes.map(|(number, pin)| (format!("/node_images/{number}/digest"), pin));
    let others = pins["images"].as_object().unwrap().iter().map(|(role, pin)| (format!("/images/{role}/digest"), pin));
    nodes.chain(others).map(|(pointer, pin)| (pointer, pin["image"].as_str().unwrap().to_owned())).collect()
}

/// `/v2/kindest/node/manifests/<reference>`
pub(crate) fn manifest_path(image: &str, reference: &str) -> String {
    let (_, path) = image.split_once('/').unwrap();
    format!("/v2/{}/manifests/{reference}", path.rsplit_once(':').unwrap().0)
}

pub(crate) fn tag(image: &str) -> &str {
    image.rsplit_once(':').unwrap().1
}

/// Where the server has what upstream has at `url`.
pub(crate) fn path(url: &str) -> &str {
    url.strip_prefix("https:/").unwrap()
}

/// The verdict of each pin, by its place in the file.
pub(crate) fn verdicts(ran: &Ran) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    document(ran)["pins"].as_array().unwrap().iter().map(|pin| (text(&pin["pointer"]), text(&pin["verdict"]))).collect()
}

pub(crate) fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}

/// This pin, and that every other one is the same.
pub(crate) fn the_one(ran: &Ran, pointer: &str) -> Value {
    for (other, verdict) in verdicts(ran) {
        assert!(other == pointer || verdict == "same", "{other} is {verdict}");
    }
    pin(ran, pointer)
}

pub(crate) fn pin(ran: &Ran, pointer: &str) -> Value {
    let document = document(ran);
    let mut pins = document["pins"].as_array().unwrap().iter();
    pins.find(|pin| pin["pointer"] == pointer).unwrap_or_else(|| panic!("no {pointer}")).clone()
}

pub(crate) fn evidence(pin: &Value) -> String {
    pin["evidence"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn kind_list(world: &World) -> String {
    let url = world.pins()["tools"]["kind"]["platforms"]["linux/amd64"]["url"].as_str().unwrap().to_owned();
    format!("{}.sha256sum", path(&url))
}

/// The first image that a run pulls by its digest, with the place of it.
pub(crate) fn postgres(world: &World) -> (String, String, String) {
    let place = "/images/postgres/digest".to_owned();
    let image = images(&world.pins()).into_iter().find(|(pointer, _)| *pointer == place).unwrap().1;
    let digest = world.pins().pointer(&place).unwrap().as_str().unwrap().to_owned();
    (place, image, digest)
}
