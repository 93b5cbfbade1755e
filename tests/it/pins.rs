//! Pins: what is shown of them, and what happens to bad ones.

use crate::support::Home;

#[test]
fn versions_prints_pins_that_can_be_given_back() {
    let home = Home::new();
    let printed = home.run(&["versions", "--output", "json"]);
    assert_eq!(printed.code, 0);
    std::fs::write(home.path().join("pins.json"), &printed.stdout).unwrap();
    let again = home.run(&["versions", "--output", "json", "--pins", "pins.json"]);
    assert_eq!((again.code, again.stdout), (0, printed.stdout));
}

#[test]
fn versions_names_every_artefact() {
    let ran = Home::new().run(&["versions"]);
    for name in [
        "helm",
        "kind",
        "kubectl",
        "kubectl-cnpg",
        "cert-manager",
        "cloudnative-pg",
        "chart pgedge",
        "node image",
        "image postgres",
        "image init-spock",
    ] {
        assert!(
            ran.stdout.lines().any(|line| line.starts_with(&format!("{name} "))),
            "{name} is not in\n{}",
            ran.stdout
        );
    }
}

#[test]
fn bad_pins_are_refused_with_the_reason() {
    let home = Home::new();
    let good = home.run(&["versions", "--output", "json"]).stdout;
    let file = home.path().join("pins.json");
    for (from, to, reason) in [
        ("\"schema\": 1", "\"schema\": 2", "schema 2 is not the supported one"),
        ("\"sha256\": \"8", "\"sha256\": \"Z", "is not a sha256 sum"),
        ("\"digest\": \"sha256:", "\"digest\": \"md5:", "is not an image digest"),
        ("\"helm\": {", "\"heml\": {", "there is no pin for the tool helm"),
        ("\"Chart.yaml\"", "\"../Chart.yaml\"", "is not a plain relative path"),
        ("\"tools\"", "\"tool\"", "there is no field `tool`"),
    ] {
        assert!(good.contains(from), "{from} is not in the pins");
        std::fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let ran = home.run(&["versions", "--pins", "pins.json"]);
        assert_eq!(ran.code, 1, "{to}: {}", ran.stderr);
        assert!(ran.stderr.contains("(pins-invalid)") && ran.stderr.contains(reason), "{to}: {}", ran.stderr);
    }
}

#[test]
fn a_pins_file_that_is_not_there_is_named() {
    let ran = Home::new().run(&["versions", "--pins", "nothing.json"]);
    insta::assert_snapshot!(ran.stderr, @r"
    error: cannot use the pins of nothing.json, which --pins names (pins-invalid)
           it is not there
    hint: --pins takes a file with the layout of `pgedge-bootstrap versions --output json`
    ");
    assert_eq!(ran.code, 1);
}
