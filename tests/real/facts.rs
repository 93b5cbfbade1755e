//! The facts, one function each.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::proof;
use crate::lab::{FOREIGN, Lab, NAME, NONE, ran};
use crate::snapshot;

fn assert_proof(matrix: &Value) {
    assert_eq!(proof::check(matrix), Ok(()));
}

fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn event<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("there is no event {name}"))
}

pub(crate) fn from_nothing_to_the_proof(lab: &Lab) {
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    let events = events(&up.stdout);
    assert_eq!(events.first().unwrap()["event"], "run-started");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["ok"]), (&"run-finished".into(), &true.into()));
    assert_proof(&event(&events, "proof")["matrix"]);
    lab.assert_users_kubeconfig_is_untouched();
    assert_eq!(lab.sql("n3", "SELECT to_regclass('pgedge_bootstrap_proof') IS NULL"), "t", "the proof left its table");
}

/// Sends the program an interrupt while helm waits for the nodes, then runs it again.
pub(crate) fn an_interrupted_install_goes_on_where_it_was(lab: &Lab) {
    let mut up =
        lab.up_command(&["--local", "--output", "json", "--name", NAME]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(up.stdout.take().unwrap()).lines();
    let nodes_start = |line: &String| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["step"] == "release"
            && event["reason"].as_str().is_some_and(|reason| reason.contains("setting up primary"))
    };
    assert!(lines.by_ref().map(Result::unwrap).any(|line| nodes_start(&line)), "the chart was never installed");
    let interrupt = Command::new("kill").args(["-INT", &up.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(up.wait().unwrap().code(), Some(130));
    let release = lab.tool(&["helm", "list", "--output", "json"]);
    assert!(release.stdout.contains("pending-install"), "{}", release.stdout);
    let again = lab.run(&["--local", "--output", "json"]);
    assert_eq!(again.code, 0, "{}", again.told());
    assert_proof(&event(&events(&again.stdout), "proof")["matrix"]);
    assert_eq!(lab.run(&["down", "--purge"]).code, 0);
}

/// A cluster whose API server is away and does not come back: kubelet, which would start it, is stopped.
pub(crate) fn a_cluster_that_does_not_become_ready_is_told(lab: &Lab) {
    let inside = |command: &[&str]| {
        let container = format!("{NAME}-control-plane");
        lab.docker(&[&["exec", &container][..], command].concat())
    };
    assert_eq!(inside(&["systemctl", "stop", "kubelet"]).code, 0);
    assert_eq!(inside(&["sh", "-c", "crictl stop $(crictl ps --quiet --name kube-apiserver)"]).code, 0);
    let up = lab.run(&["--local"]);
    assert_eq!(inside(&["systemctl", "start", "kubelet"]).code, 0);
    assert_eq!(up.code, 1, "{}", up.stderr);
    assert!(
        up.stderr.contains("(cluster-not-ready)") && up.stderr.contains("the Kubernetes API does not answer"),
        "{}",
        up.stderr
    );
    let again = lab.run(&["--local"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
}

pub(crate) fn a_second_up_changes_nothing_and_proves_again(lab: &Lab) {
    let before = snapshot::of(lab);
    let started = Instant::now();
    let up = lab.run(&["--local", "--output", "json"]);
    let took = started.elapsed();
    assert_eq!(up.code, 0, "{}", up.told());
    let events = events(&up.stdout);
    let changed: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "step-done" && event["changed"] == true)
        .map(|event| &event["step"])
        .collect();
    assert_eq!(changed, ["proof"]);
    assert_proof(&event(&events, "proof")["matrix"]);
    assert_eq!(snapshot::of(lab), before);
    assert!(took < Duration::from_secs(5), "the second up took {took:?}");
    let text = lab.run(&["--local"]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.starts_with("written on") && text.stdout.matches(" ms").count() == 6, "{}", text.stdout);
}

pub(crate) fn a_cluster_whose_kubeconfig_was_lost_is_kept(lab: &Lab) {
    let before = snapshot::of(lab);
    std::fs::remove_dir_all(lab.home().join(".local/state/pgedge-bootstrap").join(NAME)).unwrap();
    let up = lab.run(&["--local"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    assert_eq!(snapshot::of(lab), before);
}

pub(crate) fn nodes_are_not_removed_unasked(lab: &Lab) {
    let before = snapshot::of(lab);
    for (arguments, hint) in [(["--nodes", "2"], "--nodes 3"), (["--workers", "1"], "--workers 0")] {
        let up = lab.run(&[&["--local"][..], &arguments].concat());
        assert_eq!(up.code, 1, "{}", up.stderr);
        assert!(up.stderr.contains("(shape-differs)") && up.stderr.contains(hint), "{}", up.stderr);
    }
    assert_eq!(snapshot::of(lab), before);
}

pub(crate) fn verify_says_that_everything_holds(lab: &Lab) {
    let started = Instant::now();
    let verify = lab.run(&["verify", "--output", "json"]);
    let took = started.elapsed();
    assert_eq!(verify.code, 0, "{}", verify.stdout);
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    assert_eq!(document["ok"], true);
    assert_eq!(document["steps"].as_array().unwrap().len(), 17);
    // Under one second on a quiet machine.
    assert!(took < Duration::from_secs(3), "verify took {took:?}");
}

pub(crate) fn status_tells_the_nodes_and_their_subscriptions(lab: &Lab) {
    let status = lab.run(&["status", "--output", "json"]);
    assert_eq!(status.code, 0, "{}", status.stdout);
    let document: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(document["ok"], true);
    assert_eq!(document["nodes"].as_array().unwrap().iter().filter(|node| node["state"] == "healthy").count(), 3);
    assert_eq!(document["subscriptions"].as_array().unwrap().len(), 6);
    let text = lab.run(&["status"]);
    assert!(text.stdout.contains("6 of 6 replicating"), "{}", text.stdout);
}

pub(crate) fn the_statements_of_the_documentation_work(lab: &Lab) {
    let psql = |node: &str, statement: &str| {
        let ran = lab.tool(&[
            "kubectl",
            "cnpg",
            "psql",
            &format!("pgedge-{node}"),
            "--",
            "-U",
            "app",
            "app",
            "-c",
            statement,
        ]);
        assert_eq!(ran.code, 0, "{statement}: {}", ran.stderr);
        ran
    };
    // A row arrives within a moment, not within a statement: ask until it is there.
    let appears = |node: &str, words: &str| {
        let end = Instant::now() + Duration::from_secs(20);
        while !psql(node, "SELECT * FROM demo").stdout.contains(words) {
            assert!(Instant::now() < end, "{words} did not arrive on {node}");
        }
    };
    let made = psql("n1", "CREATE TABLE demo (id int primary key, data text)");
    assert!(made.stderr.contains("DDL statement replicated."), "{}", made.stderr);
    let end = Instant::now() + Duration::from_secs(20);
    while lab.sql("n2", "SELECT to_regclass('public.demo') IS NOT NULL") != "t" {
        assert!(Instant::now() < end, "the table did not arrive on n2");
    }
    psql("n2", "INSERT INTO demo VALUES (1, 'Hello from node 2')");
    appears("n1", "Hello from node 2");
    psql("n1", "INSERT INTO demo VALUES (2, 'Hello from node 1')");
    appears("n3", "Hello from node 1");
    psql("n1", "DROP TABLE demo");
}

pub(crate) fn a_pull_that_fails_is_told_at_once(lab: &Lab) {
    let mut pins = lab.pins();
    pins["images"]["postgres"]["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    let file = lab.home().join("bad-image.json");
    std::fs::write(&file, pins.to_string()).unwrap();
    let before = snapshot::of(lab);
    let started = Instant::now();
    let up = lab.run(&["--local", "--until", "operators", "--pins", file.to_str().unwrap()]);
    assert_eq!(up.code, 1, "{}", up.stderr);
    assert!(
        up.stderr.contains("(image-pull-failed)")
            && up.stderr.contains("sha256:0000")
            && up.stderr.contains("\nhint: "),
        "{}",
        up.stderr
    );
    assert!(started.elapsed() < Duration::from_secs(30), "it took {:?}", started.elapsed());
    assert_eq!(snapshot::of(lab), before);
}

pub(crate) fn a_subscription_that_is_off_is_told_and_fails_the_proof(lab: &Lab) {
    lab.sql("n1", "SELECT spock.sub_disable('sub_n2_n1')");
    let verify = lab.run(&["verify", "replication"]);
    assert_eq!(verify.code, 1, "{}", verify.stdout);
    assert!(verify.stdout.contains("the subscription of n1 to n2 is disabled"), "{}", verify.stdout);
    let prove = lab.run(&["prove"]);
    assert_eq!(prove.code, 1, "{}", prove.stdout);
    assert!(
        prove.stderr.contains("(replication-down)")
            && prove.stderr.contains("the subscription of n1 to n2 is disabled"),
        "{}",
        prove.stderr
    );
    assert!(!prove.stderr.contains("the subscription of n2 to n1"), "{}", prove.stderr);
    lab.sql("n1", "SELECT spock.sub_enable('sub_n2_n1')");
    let up = lab.run(&["--local"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    assert_eq!(
        lab.sql("n1", "SELECT to_regclass('pgedge_bootstrap_proof') IS NULL"),
        "t",
        "the failed proof left its table"
    );
}

/// One node is slow to hear from another. No order holds between what comes from two nodes: rows of n3 must not reach n2
/// before the table of n1 does.
pub(crate) fn a_node_that_hears_late_does_not_fail_the_proof(lab: &Lab) {
    let signal = |name: &str| {
        let worker = "SELECT pid FROM pg_stat_subscription WHERE subname = 'sub_n1_n2' AND pid IS NOT NULL";
        let statement = format!(
            "DO $do$ DECLARE worker int := ({worker}); BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > /dev/null; kill -{name} ' || worker); END $do$"
        );
        lab.sql("n2", &statement);
    };
    signal("STOP");
    let proving =
        lab.up_command(&["prove", "--name", NAME]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let arrived = catch_unwind(AssertUnwindSafe(|| {
        // (to_regclass would not do: it remembers within a transaction that there was none.)
        // n3 has the table: were it to write at once, n2 would hear of the row first.
        lab.sql(
            "n3",
            "DO $do$ BEGIN FOR i IN 1..3000 LOOP \
             BEGIN PERFORM FROM pgedge_bootstrap_proof; RETURN; EXCEPTION WHEN undefined_table THEN NULL; END; \
             PERFORM pg_sleep(0.01); END LOOP; RAISE 'the table of the proof did not reach n3 within 30 s'; END $do$",
        );
        lab.sql("n2", "SELECT to_regclass('pgedge_bootstrap_proof') IS NULL")
    }));
    signal("CONT");
    let prove = ran(&proving.wait_with_output().unwrap());
    assert_eq!(arrived.ok().as_deref(), Some("t"), "n2 was not late, so this says nothing: {}", prove.stderr);
    assert_eq!(prove.code, 0, "{}", prove.stderr);
}

pub(crate) fn a_stopped_cluster_is_started_and_proven_again(lab: &Lab) {
    let container = format!("{NAME}-control-plane");
    assert_eq!(lab.docker(&["stop", "--time", "20", &container]).code, 0);
    tell_that_it_does_not_run(lab, "is stopped");
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    assert_proof(&event(&events(&up.stdout), "proof")["matrix"]);
}

/// The cause, and not what it leads to, with what starts it.
fn tell_that_it_does_not_run(lab: &Lab, words: &str) {
    let verify = lab.run(&["verify", "cluster", "images", "nodes", "replication", "--output", "json"]);
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    for step in document["steps"].as_array().unwrap() {
        assert_eq!(step["failure"], "cluster-not-ready", "{step}");
        assert!(step["summary"].as_str().unwrap().contains(words), "{step}");
        assert!(step["hint"].as_str().unwrap().contains("pgedge-bootstrap --local"), "{step}");
    }
    let prove = lab.run(&["prove"]);
    assert!(prove.code == 1 && prove.stderr.contains("(cluster-not-ready)"), "{}", prove.stderr);
}

pub(crate) fn a_paused_cluster_is_woken(lab: &Lab) {
    let container = format!("{NAME}-control-plane");
    assert_eq!(lab.docker(&["pause", &container]).code, 0);
    tell_that_it_does_not_run(lab, "is paused");
    let up = lab.run(&["--local"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
}

pub(crate) fn a_cluster_that_is_not_ours_is_refused_and_left_alone(lab: &Lab) {
    // What kind leaves for docker to show: a container with its label.
    let name = FOREIGN;
    let label = format!("io.x-k8s.kind.cluster={name}");
    let image = lab.node_image();
    assert_eq!(lab.docker(&["pull", "--quiet", &image]).code, 0);
    let made = lab.docker(&["create", "--name", name, "--label", &label, &image]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let runs = [&["--local", "--name", name][..], &["down", "--name", name]]
        .map(|arguments| ran(&lab.up_command(arguments).output().unwrap()));
    let still_there = lab.docker(&["inspect", "--format", "{{.State.Status}}", name]).stdout;
    lab.docker(&["rm", "--force", "--volumes", name]);
    for run in runs {
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.contains("(cluster-foreign)"), "{}", run.stderr);
    }
    assert_eq!(still_there.trim(), "created");
}

pub(crate) fn a_node_image_that_is_none_is_told_with_kinds_words(lab: &Lab) {
    // An image that boots no Kubernetes: kind gives up on it after half a minute.
    let mut pins = lab.pins();
    let image = pins["images"]["postgres"].clone();
    let name = image["image"].as_str().unwrap().replace("ghcr.io/", "docker.io/");
    pins["node_images"][0]["image"] = name.into();
    pins["node_images"][0]["digest"] = image["digest"].clone();
    let file = lab.home().join("bad-node.json");
    std::fs::write(&file, pins.to_string()).unwrap();
    let arguments = ["--local", "--until", "cluster", "--name", NONE, "--pins", file.to_str().unwrap()];
    let up = ran(&lab.up_command(&arguments).output().unwrap());
    assert_eq!(up.code, 1, "{}", up.stderr);
    assert!(
        up.stderr.contains("(cluster-create-failed)")
            && up.stderr.contains("kind: failed to create cluster: could not find a log line"),
        "{}",
        up.stderr
    );
    let down = ran(&lab.up_command(&["down", "--name", NONE]).output().unwrap());
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert_eq!(&lab.docker_lists(), lab.docker_lists_before());
}

pub(crate) fn down_leaves_nothing_and_the_users_kubeconfig_as_it_was(lab: &Lab) {
    let down = lab.run(&["down"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert!(down.stderr.contains(&format!("removing container {NAME}-control-plane")), "{}", down.stderr);
    assert_eq!(&lab.docker_lists(), lab.docker_lists_before());
    assert!(!lab.home().join(".local/state/pgedge-bootstrap").join(NAME).exists());
    lab.assert_users_kubeconfig_is_untouched();
    let again = lab.run(&["down"]);
    assert!(again.code == 0 && again.stderr.contains("nothing of cluster"), "{}", again.stderr);
}

/// The shared cluster is gone; this one has its name, and stays for the lesson.
pub(crate) fn workers_get_their_images_from_the_first_node(lab: &Lab) {
    let up = lab.run(&["--local", "--until", "operators", "--workers", "1", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    let events = events(&up.stdout);
    let (first, worker) = (format!("{NAME}-control-plane"), format!("{NAME}-worker"));
    let images = |node: &str| -> BTreeSet<String> {
        let listed = lab.docker(&["exec", node, "crictl", "images", "--output", "json"]);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
        let digests = listed["images"].as_array().unwrap().iter().flat_map(|image| image["repoDigests"].as_array());
        digests.flatten().map(|digest| digest.as_str().unwrap().to_owned()).collect()
    };
    let pinned = lab.pins();
    let pinned: Vec<&Value> = pinned["images"].as_object().unwrap().values().collect();
    for node in [&first, &worker] {
        let present = images(node);
        for pin in &pinned {
            let digest = pin["digest"].as_str().unwrap();
            assert!(present.iter().any(|image| image.ends_with(digest)), "{node} lacks {pin}: {present:?}");
        }
    }
    let commands: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "command-ended" && event["step"] == "images")
        .map(|event| event["command"].as_str().unwrap())
        .collect();
    let of = |node: &str, word: &str| {
        commands
            .iter()
            .filter(|line| line.contains(&format!(" {node} ")) && line.contains(&format!(" {word} ")))
            .count()
    };
    assert_eq!(of(&first, "pull"), pinned.len(), "{commands:#?}");
    assert_eq!((of(&worker, "pull"), of(&worker, "import")), (0, pinned.len()), "{commands:#?}");
    let pods = lab.tool(&["kubectl", "get", "pods", "--all-namespaces", "--output", "json"]);
    let pods: Value = serde_json::from_str(&pods.stdout).unwrap();
    let on_worker = pods["items"].as_array().unwrap().iter().filter(|pod| pod["spec"]["nodeName"] == worker.as_str());
    assert!(on_worker.count() > 2, "nothing of ours runs on {worker}");
}
