//! `pins check --write`: what upstream says comes into the file whole and with nothing else, or not at all.

use serde_json::Value;

use crate::support::upstream::{KIND, document, kind_list, manifest_path, postgres, tag, the_one};
use crate::support::{Behaviour, World};

#[test]
fn an_image_without_a_digest_gets_one_and_nothing_else_in_the_file_changes() {
    let world = World::of_upstream();
    let (place, _, digest) = postgres(&world);
    let whole = world.pins_text();
    let mut pins = world.pins();
    *pins.pointer_mut(&place).unwrap() = Value::Null;
    world.set_pins(&pins);
    let ran = world.check(&["--output", "json", "--write", "pins.json"]);
    let pin = the_one(&ran, &place);
    assert_eq!(
        (ran.code, &pin["verdict"], &pin["upstream"]),
        (0, &"unpinned".into(), &digest.into()),
        "{}",
        ran.stderr
    );
    assert_eq!((document(&ran)["written"].clone(), world.pins_text()), (true.into(), whole));
    assert!(ran.stderr.contains("pins.json was written, with what a mirror says"), "{}", ran.stderr);
    let again = world.check(&["--write", "pins.json"]);
    assert!(again.code == 0 && again.stderr.contains("stays as it is"), "{}", again.stderr);
}

#[test]
fn what_changed_is_written_for_a_person_to_see_and_is_still_an_error() {
    let world = World::of_upstream();
    let before = world.pins_text();
    let (old, new) = (world.pins().pointer(KIND).unwrap().as_str().unwrap().to_owned(), "c".repeat(64));
    world.server.file(&kind_list(&world), format!("{new}  kind-linux-amd64\n"));
    let ran = world.check(&["--write", "pins.json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(world.pins_text(), before.replacen(&old, &new, 1));
    assert_eq!(world.home.run(&["versions", "--pins", "pins.json"]).code, 0);
}

#[test]
fn nothing_is_written_while_something_is_gone_or_unknown() {
    let world = World::of_upstream();
    let before = world.pins_text();
    let changed = || world.server.file(&kind_list(&world), format!("{}  kind-linux-amd64\n", "c".repeat(64)));
    let (_, image, digest) = postgres(&world);
    changed().then(&manifest_path(&image, tag(&image)), [Behaviour::Status(403, "")]);
    let ran = world.check(&["--write", "pins.json"]);
    assert_eq!((ran.code, world.pins_text()), (1, before.clone()));
    assert!(ran.stderr.contains("pins.json was not written: 1 of the pins"), "{}", ran.stderr);
    world.server.remove(&manifest_path(&image, &digest));
    let ran = world.check(&["--write", "new.json"]);
    assert_eq!((ran.code, world.pins_text()), (1, before));
    assert_eq!(world.home.files(), ["pins.json"]);
}

#[test]
fn a_newer_version_is_told_and_never_taken() {
    let world = World::of_upstream();
    let before = world.pins_text();
    world.newest_on_github("kubernetes-sigs/kind", "0.34.0");
    world
        .server
        .file("/get.helm.sh/helm4-latest-version", "v4.2.9\n")
        .file("/dl.k8s.io/release/stable-1.35.txt", "v1.35.10");
    world.server.redirect("/github.com/cert-manager/cert-manager/releases/latest", "https://github.com/login");
    let ran = world.check(&["--write", "pins.json"]);
    assert_eq!((ran.code, world.pins_text()), (0, before));
    let told = ran.stdout.lines().filter(|line| line.starts_with("newer"));
    // The plugin is older than the operator, and both are of one repository.
    let told: Vec<&str> = told.filter(|line| !line.contains(" kubectl-cnpg ")).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    let place = format!("{}/github.com/kubernetes-sigs/kind/releases/latest", world.server.address);
    assert_eq!(told[0], format!("newer     kind 0.34.0, pinned is 0.33.0: {place}"));
    assert!(told[1].starts_with("newer     kubectl 1.35.10, pinned is 1.35.8: "), "{told:?}");
    assert!(told[2].starts_with("newer?    cert-manager: ") && told[2].contains("no version"), "{told:?}");
}
