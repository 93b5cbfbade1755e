//! The dev container feature, by the command line of dev containers and real docker: its own tests, and from a registry.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::lab::{Lab, Ran, ran};
use crate::released::{RELEASES, Released};

const NAMESPACE: &str = "pgedge/pgedge-bootstrap";

/// What the tests' own containers have in common: docker's label of the folder that they were made for.
const LABEL: &str = "devcontainer.local_folder";

pub(crate) fn the_feature_passes_its_own_tests(lab: &Lab) {
    let _released = Released::new(lab);
    let base = base_image();
    let feature = Feature::of_lab(lab);
    let scenarios = feature.path("test/pgedge-bootstrap/scenarios.json");
    let mut document = read(&scenarios);
    // There are no other distributions here: those are a matter of the workflow.
    document.as_object_mut().unwrap().retain(|name, _| !name.starts_with("on_"));
    let names: Vec<String> = document.as_object().unwrap().keys().cloned().collect();
    for scenario in document.as_object_mut().unwrap().values_mut() {
        scenario["image"] = base.as_str().into();
    }
    std::fs::write(&scenarios, document.to_string()).unwrap();
    for (user, scenarios) in [("vscode", &[][..]), ("root", &["--skip-scenarios"])] {
        let fixed =
            ["features", "test", "--features", "pgedge-bootstrap", "--base-image", &base, "--remote-user", user];
        let tested = devcontainer(
            lab,
            &[&fixed[..], scenarios, &["--project-folder", feature.folder.path().to_str().unwrap()]].concat(),
        );
        assert_eq!(tested.code, 0, "as {user}: {}", tested.told());
        let all = tested.stdout + &tested.stderr;
        let wanted = if scenarios.is_empty() { names.len() + 2 } else { 2 };
        assert_eq!(all.matches("Passed:      ").count(), wanted, "as {user}: {all}");
    }
    leave(lab);
}

pub(crate) fn the_features_readme_is_that_of_its_manifest(_: &Lab) {
    let folder = tempfile::tempdir().unwrap();
    copy_to(&folder.path().join("devcontainer-feature"));
    let written = Command::new(root().join("scripts/feature-docs")).arg(folder.path()).output().unwrap();
    assert!(written.status.success(), "{}", ran(&written).stderr);
    let readme = "devcontainer-feature/src/pgedge-bootstrap/README.md";
    let [committed, generated] =
        [root(), folder.path()].map(|folder| std::fs::read_to_string(folder.join(readme)).unwrap());
    assert_eq!(committed, generated, "scripts/feature-docs writes it");
}

pub(crate) fn the_feature_can_be_published_and_used(lab: &Lab) {
    let _released = Released::new(lab);
    let feature = Feature::of_lab(lab);
    let sources = feature.path("src");
    let registry = format!("localhost:{}", registry_port(lab));
    let publish = ["features", "publish", "--registry", &registry, "--namespace", NAMESPACE, sources.to_str().unwrap()];
    let published = devcontainer(lab, &publish);
    assert_eq!(published.code, 0, "{}", published.stderr);
    // The second time there is nothing to do.
    assert_eq!(devcontainer(lab, &publish).code, 0);
    let reference = format!("{registry}/{NAMESPACE}/pgedge-bootstrap");
    let tags = devcontainer(lab, &["features", "info", "tags", &reference, "--output-format", "json"]);
    let tags: Value = serde_json::from_str(&tags.stdout).unwrap();
    for tag in ["0", "0.1", env!("CARGO_PKG_VERSION"), "latest"] {
        assert!(tags["publishedTags"].as_array().unwrap().contains(&tag.into()), "{tag}: {tags}");
    }

    let workspace = tempfile::tempdir().unwrap();
    let folder = workspace.path().to_str().unwrap();
    let mut features = json!({});
    features[format!("{reference}:0")] = json!({"version": env!("CARGO_PKG_VERSION")});
    let config = json!({"image": base_image(), "features": features, "remoteUser": "vscode"});
    std::fs::create_dir(workspace.path().join(".devcontainer")).unwrap();
    std::fs::write(workspace.path().join(".devcontainer/devcontainer.json"), config.to_string()).unwrap();
    let up = devcontainer(lab, &["up", "--workspace-folder", folder]);
    assert_eq!(up.code, 0, "{}", up.told());
    let asked = devcontainer(lab, &["exec", "--workspace-folder", folder, "pgedge-bootstrap", "-V"]);
    assert_eq!(asked.stdout.trim(), concat!("pgedge-bootstrap ", env!("CARGO_PKG_VERSION")), "{}", asked.stderr);
    leave(lab);
}

/// Removes what the command line of dev containers left: containers with the volumes of the docker in them, and the images
/// that it built.
pub(crate) fn leave(lab: &Lab) {
    let containers = lab.docker(&["ps", "--all", "--quiet", "--filter", &format!("label={LABEL}")]).stdout;
    let format = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}} {{end}}{{end}}";
    for container in containers.lines() {
        let volumes = lab.docker(&["inspect", "--format", format, container]).stdout;
        lab.docker(&["rm", "--force", "--volumes", container]);
        for volume in volumes.split_whitespace() {
            lab.docker(&["volume", "rm", "--force", volume]);
        }
    }
    let images = lab.docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).stdout;
    let built = |image: &&str| image.starts_with("vsc-") || image.starts_with("dev_container_feature_content_temp");
    for image in images.lines().filter(built) {
        lab.docker(&["image", "rm", "--force", image]);
    }
}

/// The base image of the lab.
pub(crate) fn base_image() -> String {
    let made = ran(&Command::new(root().join("tests/lab/lab")).arg("dev-container").output().unwrap());
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout.trim().to_owned()
}

/// The command line of dev containers.
pub(crate) fn devcontainer_command(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/devcontainer"));
    command.args(arguments).envs(lab.docker_settings());
    command
}

pub(crate) fn devcontainer(lab: &Lab, arguments: &[&str]) -> Ran {
    ran(&devcontainer_command(lab, arguments).output().unwrap())
}

/// The feature with its tests, which downloads from the lab unless it is told otherwise.
struct Feature {
    folder: tempfile::TempDir,
}

impl Feature {
    fn of_lab(lab: &Lab) -> Self {
        let feature = Self { folder: tempfile::tempdir().unwrap() };
        copy_to(feature.folder.path());
        let manifest = feature.path("src/pgedge-bootstrap/devcontainer-feature.json");
        let mut document = read(&manifest);
        document["options"]["downloadUrl"]["default"] = format!("{}/{RELEASES}", mirror_of_bridge(lab)).into();
        std::fs::write(&manifest, document.to_string()).unwrap();
        feature
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies the feature with its tests into a folder.
fn copy_to(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let source = root().join("devcontainer-feature/.");
    assert!(Command::new("cp").args(["-a", "--"]).arg(source).arg(folder).status().unwrap().success());
}

/// That of the lab's registry, to which the command line of dev containers speaks HTTP under the name `localhost`.
pub(crate) fn registry_port(lab: &Lab) -> &str {
    let mirrors = lab.setting("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR");
    let registry = mirrors.split(',').find_map(|mirror| mirror.strip_prefix("docker.io=http://")).unwrap();
    registry.rsplit(':').next().unwrap()
}

pub(crate) fn mirror_port(lab: &Lab) -> &str {
    lab.setting("PGEDGE_BOOTSTRAP_MIRROR").rsplit(':').next().unwrap()
}

/// The lab's mirror as a container reaches it.
fn mirror_of_bridge(lab: &Lab) -> String {
    let mirrors = lab.setting("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR");
    let registry = mirrors.split(',').find_map(|mirror| mirror.strip_prefix("ghcr.io=http://")).unwrap();
    format!("https://{}:{}", registry.split(':').next().unwrap(), mirror_port(lab))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
