//! `--killercoda`, as far as it goes without a cluster.

use crate::support::Home;

const ADOPTED: &str = ".local/state/pgedge-bootstrap/pgedge/adopted.json";

#[test]
fn the_plan_of_an_adopted_cluster_makes_no_cluster() {
    let home = Home::new();
    let ran = home.run(&["--killercoda", "--dry-run", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let steps: Vec<&str> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    for absent in ["docker", "kind", "node-image", "release"] {
        assert!(!steps.contains(&absent), "{absent} is in {steps:?}");
    }
    for present in ["kubernetes-api", "images", "cloudnative-pg", "room"] {
        assert!(steps.contains(&present), "{present} is not in {steps:?}");
    }
    assert_eq!(home.files(), Vec::<String>::new(), "a look leaves nothing");
}

#[test]
fn a_cluster_of_one_kind_is_not_taken_for_the_other() {
    let home = Home::new();
    let state = home.path().join(".local/state/pgedge-bootstrap/pgedge");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("engine"), "an engine").unwrap();
    let made_by_kind = home.run(&["--killercoda"]);
    assert_eq!(made_by_kind.code, 1);
    insta::assert_snapshot!(made_by_kind.stderr, @r#"
    error: the cluster "pgedge" was made by kind, not adopted (shape-differs)
    hint: give --local, or another --name
    "#);
    assert!(!home.path().join(ADOPTED).exists());

    std::fs::remove_file(state.join("engine")).unwrap();
    let adoption = r#"{"kubeconfig": "/nowhere/config", "bin": "/nowhere/bin", "fit": null}"#;
    std::fs::write(home.path().join(ADOPTED), adoption).unwrap();
    let adopted = home.run(&["--local"]);
    assert_eq!(adopted.code, 1);
    insta::assert_snapshot!(adopted.stderr, @r#"
    error: the cluster "pgedge" was adopted, not made by kind (shape-differs)
    hint: give --killercoda, or another --name
    "#);
    let both = home.run(&["--local", "--killercoda"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
}

#[test]
fn later_commands_know_what_was_adopted_and_down_forgets_it() {
    let home = Home::new();
    // A docker that must not be asked.
    home.docker("touch \"$HOME/docker-was-asked\"");
    let path = home.path().join(ADOPTED);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let fit = r#"{"nodes": 2, "cpu": 40, "because": "little is left"}"#;
    let kubeconfig = home.path().join("config");
    std::fs::write(&kubeconfig, "theirs").unwrap();
    let bin = home.path().join("bin");
    let adoption = serde_json::json!({
        "kubeconfig": kubeconfig, "bin": bin, "fit": serde_json::from_str::<serde_json::Value>(fit).unwrap(),
    });
    std::fs::write(&path, adoption.to_string()).unwrap();

    let environment = home.run(&["env"]);
    assert!(environment.stdout.contains("export KUBECONFIG='$HOME/config'"), "{}", environment.stdout);
    assert!(environment.stdout.contains("export PATH='$HOME/bin'"), "{}", environment.stdout);
    let values = |arguments: &[&str]| -> serde_json::Value {
        let ran = home.run(&[&["values", "--output", "json"], arguments].concat());
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let small = values(&[]);
    assert_eq!(small["pgEdge"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(small["pgEdge"]["clusterSpec"]["resources"]["requests"]["cpu"], "40m");
    assert_eq!(values(&["--nodes", "3"])["pgEdge"]["nodes"].as_array().unwrap().len(), 3);
    // What fails tells the command that fits.
    let prove = home.run(&["prove"]);
    assert_eq!(prove.code, 1);
    let words = "the kubeconfig $HOME/config cannot be used (kubeconfig-invalid)";
    assert!(prove.stderr.contains(words), "{}", prove.stderr);
    let guide = home.run(&["guide", "--yes"]);
    assert!(guide.stderr.contains("hint: `pgedge-bootstrap --killercoda --until operators`"), "{}", guide.stderr);

    let down = home.run(&["down"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert!(!path.exists() && std::fs::read_to_string(&kubeconfig).unwrap() == "theirs");
    assert!(!home.path().join("docker-was-asked").exists(), "docker was asked about a cluster that is none of its own");
}

#[test]
fn an_adoption_that_was_not_written_by_this_program_is_told() {
    let home = Home::new();
    let path = home.path().join(ADOPTED);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{").unwrap();
    let ran = home.run(&["env"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("adopted.json was not written by this program (cluster-foreign)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: remove it; "), "{}", ran.stderr);
}
