//! `guide`, `values` and the checks of lessons, as far as they go without a cluster.

use crate::support::{Home, World};

#[test]
fn a_guide_without_a_terminal_is_refused_politely() {
    let home = Home::new();
    let ran = home.run(&["guide"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: the guide is interactive and needs a terminal (terminal-missing)
    hint: run it in a terminal, or add --yes, which runs every command of the lesson without asking
    "#);
    assert_eq!(home.files(), Vec::<String>::new(), "a refusal leaves nothing");
}

#[test]
fn a_lesson_that_is_not_prepared_says_what_is_missing_and_what_prepares_it() {
    let world = World::new();
    world.home.empty_docker();
    let ran = world.home.run(&world.arguments("guide", &["--yes", "--name", "other"]));
    assert_eq!(ran.code, 1);
    // What was typed to reach the files is in the hint, too.
    insta::assert_snapshot!(ran.stderr.replace(&world.server.address, "http://mirror"), @r#"
    error: the lesson "Active-active Postgres on Kubernetes" cannot begin: its cluster is not prepared (lesson-not-prepared)
           chart: .helmignore is not here yet
           helm: not in $HOME/.local/share/pgedge-bootstrap/bin
           kubernetes-api: there is no cluster
           kubectl: not in $HOME/.local/share/pgedge-bootstrap/bin
           kubectl-cnpg: not in $HOME/.local/share/pgedge-bootstrap/bin
           cert-manager: kubernetes-api does not hold
           cloudnative-pg: kubernetes-api does not hold
    hint: `pgedge-bootstrap --local --until operators --name other --pins pins.json --mirror http://mirror` prepares a cluster for it
    "#);
}

#[test]
fn a_lesson_and_a_step_that_do_not_exist_are_told_with_those_that_do() {
    let home = Home::new();
    for (arguments, words) in [
        (&["guide", "nothing"][..], "there is no lesson \"nothing\"; the lessons are: active-active"),
        (&["verify", "active-active/nothing"], "the steps of lesson active-active are: orient, bootstrap, configure"),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn a_step_of_a_lesson_is_verified_by_the_state_of_the_world() {
    let home = Home::new();
    let verify = || home.run(&["verify", "active-active/configure"]);
    let missing = verify();
    assert_eq!(missing.code, 1);
    assert_eq!(missing.stdout, "missing   active-active/configure  there is no values-demo.yaml in this directory\n");
    std::fs::write(home.path().join("values-demo.yaml"), "pgEdge: [\n").unwrap();
    let broken = verify();
    assert_eq!(broken.code, 1);
    assert!(
        broken.stdout.starts_with("wrong     active-active/configure  values-demo.yaml is not YAML"),
        "{}",
        broken.stdout
    );
    let values = home.run(&["values"]);
    assert_eq!(values.code, 0, "{}", values.stderr);
    std::fs::write(home.path().join("values-demo.yaml"), values.stdout).unwrap();
    let there = verify();
    assert_eq!((there.code, there.stdout.as_str()), (0, "done      active-active/configure  values-demo.yaml\n"));
}

#[test]
fn values_are_the_same_as_yaml_and_as_json() {
    let home = Home::new();
    let json = home.run(&["values", "--nodes", "2", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["pgEdge"]["nodes"].as_array().unwrap().len(), 2);
    let yaml = home.run(&["values", "--nodes", "2"]);
    insta::assert_snapshot!(yaml.stdout, @r#"
    pgEdge:
      appName: pgedge
      initSpockImageName: ghcr.io/pgedge/pgedge-helm-utils:v1.0.0
      nodes:
      - name: n1
        hostname: pgedge-n1-rw
      - name: n2
        hostname: pgedge-n2-rw
      clusterSpec:
        imageName: ghcr.io/pgedge/pgedge-postgres:18.4-spock5.0.10-standard-1
        imagePullPolicy: IfNotPresent
        instances: 1
        storage:
          size: 500Mi
        resources:
          requests:
            cpu: 100m
            memory: 128Mi
          limits:
            cpu: 500m
            memory: 256Mi
        postgresql:
          parameters:
            shared_buffers: 32MB
            maintenance_work_mem: 16MB
            autovacuum_work_mem: 8MB
            logical_decoding_work_mem: 4MB
        probes:
          startup:
            periodSeconds: 1
            failureThreshold: 3600
          readiness:
            periodSeconds: 1
            failureThreshold: 30
    "#);
}
