//! `pins check` against the lab's mirror and its real registry, which need no cluster.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::lab::{Lab, ran};

/// The image that the test pushes, under the name of a registry that the lab stands in for.
const IMAGE: &str = "ghcr.io/lab/pins-check:1";

fn check(lab: &Lab, more: &[&str], code: i32) -> Vec<Value> {
    let ran = ran(&lab.up_command(&[&["pins", "check", "--output", "json"], more].concat()).output().unwrap());
    assert_eq!(ran.code, code, "{}", ran.told());
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    document["pins"].as_array().unwrap().clone()
}

fn field<'a>(pin: &'a Value, name: &str) -> &'a str {
    pin[name].as_str().unwrap_or_default()
}

/// Of those that are not the same: where each stands, and its verdict.
fn differing(pins: &[Value]) -> Vec<(&str, &str)> {
    let others = pins.iter().filter(|pin| pin["verdict"] != "same");
    others.map(|pin| (field(pin, "pointer"), field(pin, "verdict"))).collect()
}

pub(crate) fn the_mirror_has_everything_that_is_pinned(lab: &Lab) {
    let text = lab.pins().to_string();
    let sums = text.matches("\"sha256\":").count() + text.matches("\"digest\":").count();
    for more in [&[][..], &["--download"]] {
        let pins = check(lab, more, 0);
        assert_eq!((differing(&pins), pins.len()), (vec![], sums));
        for tool in pins.iter().filter(|pin| field(pin, "pointer").starts_with("/tools/")) {
            assert!(tool["evidence"][0].to_string().contains(" says sha256 "), "{tool}");
        }
    }
}

pub(crate) fn one_changed_byte_and_one_moved_tag_are_seen(lab: &Lab) {
    let copy = Copy::new(lab);
    let mut pins = lab.pins();
    let url = pins["manifests"]["cert-manager"]["url"].as_str().unwrap().to_owned();
    copy.change_one_byte(url.strip_prefix("https://").unwrap());
    let role = &mut pins["images"]["init-spock"];
    role["image"] = IMAGE.into();
    role["digest"] = push(lab, "the first").into();
    let file = lab.home().join("pins-of-the-check.json");
    std::fs::write(&file, pins.to_string()).unwrap();
    let options = ["--mirror", &copy.address, "--pins", file.to_str().unwrap()];
    let changed = ("/manifests/cert-manager/sha256", "changed");
    assert_eq!(differing(&check(lab, &options, 1)), [changed]);
    let moved = push(lab, "the second");
    let found = check(lab, &options, 1);
    assert_eq!(differing(&found), [changed, ("/images/init-spock/digest", "changed")]);
    let image = found.iter().find(|pin| pin["pointer"] == "/images/init-spock/digest").unwrap();
    assert_eq!(image["upstream"], moved);
}

/// What the mirror serves, once more under a name of its own, for a test to change without others seeing it.
struct Copy {
    folder: PathBuf,
    address: String,
}

impl Copy {
    fn new(lab: &Lab) -> Self {
        let mirror = Path::new(lab.setting("PGEDGE_BOOTSTRAP_PINS")).parent().unwrap();
        let name = format!("pins-check-{}", std::process::id());
        let copy = Self {
            folder: mirror.join("guests").join(&name),
            address: format!("{}/{name}", lab.setting("PGEDGE_BOOTSTRAP_MIRROR")),
        };
        std::fs::create_dir_all(&copy.folder).unwrap();
        // Links, for it is a hundred megabytes.
        let links =
            Command::new("cp").args(["--archive", "--link"]).arg(mirror.join("files/.")).arg(&copy.folder).status();
        assert!(links.unwrap().success());
        copy
    }

    fn change_one_byte(&self, path: &str) {
        let file = self.folder.join(path);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[1000] ^= 1;
        // The name must lead to other bytes: those of the link are the mirror's own.
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Puts the tag of [`IMAGE`] onto an index of no image at all, and returns its digest.
fn push(lab: &Lab, what: &str) -> String {
    let kind = "application/vnd.oci.image.index.v1+json";
    let index =
        serde_json::json!({"schemaVersion": 2, "mediaType": kind, "manifests": [], "annotations": {"what": what}});
    let (_, path) = IMAGE.split_once('/').unwrap();
    let (path, tag) = path.split_once(':').unwrap();
    let mirrors = lab.setting("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR").split(',');
    let registry = mirrors.filter_map(|mirror| mirror.strip_prefix("ghcr.io=")).next().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--include", "--max-time", "20", "--request", "PUT"]);
    curl.args(["--header", &format!("Content-Type: {kind}"), "--data-binary", "@-"]);
    curl.arg(format!("{registry}/v2/{path}/manifests/{tag}")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut curl = curl.spawn().unwrap();
    curl.stdin.take().unwrap().write_all(index.to_string().as_bytes()).unwrap();
    let answer = ran(&curl.wait_with_output().unwrap());
    assert_eq!(answer.code, 0, "{}", answer.stdout);
    let digest = answer.stdout.lines().find_map(|line| line.strip_prefix("Docker-Content-Digest: "));
    digest.unwrap_or_else(|| panic!("no digest: {}", answer.stdout)).trim().to_owned()
}
