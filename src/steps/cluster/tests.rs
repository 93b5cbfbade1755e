use serde_json::{Value, json};

use super::*;
use crate::owner::Owner;
use crate::stack::ToolName;
use crate::step_id::StepId;
use crate::steps::test_run::{KUBECONFIG, Program, Setup, TestRun, When, failure_of, wrong};

const CONTROL_PLANE: &str = "pgedge-control-plane";
const NETWORK: &str = "pgedge-bootstrap-pgedge";
pub(in crate::steps) const OWN: &str = "0123456789abcdef0123456789abcdef";
const ANN: &str = "fedcba9876543210fedcba9876543210";

/// A line of docker's lists, as they are asked for.
fn line(id: &str, owner: &str, more: &Value) -> String {
    let mut row = json!({
        "ID": id, "Cluster": if owner.is_empty() { "" } else { "pgedge" },
        "Owner": owner, "User": "ann", "Host": "desk", "Since": "2026-01-02T03:04:05Z",
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{row}\n")
}

fn node(name: &str, state: &str, owner: &str, network: &str) -> String {
    line(name, owner, &json!({"Names": name, "State": state, "Networks": network}))
}

fn info(engine: &str) -> String {
    let info = json!({
        "ID": engine, "ServerVersion": "28.0.0", "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8_000_000_000_u64,
        "DockerRootDir": "/var/lib/docker",
    });
    format!("{info}\n")
}

/// A docker that has these containers, and the network and the claim of this owner; it obeys.
pub(in crate::steps) fn docker(containers: &str, owner: &str) -> Program {
    let things = if owner.is_empty() { String::new() } else { line(NETWORK, owner, &json!({})) };
    let attached = json!({"id": CONTROL_PLANE, "networks": {NETWORK: {"NetworkID": NETWORK}}});
    Program::default()
        .on("info *", 0, &info("engine-1"), "")
        .on("context inspect *", 0, "unix:///var/run/docker.sock\n", "")
        .on("ps *", 0, containers, "")
        .on("network ls *", 0, &things, "")
        .on("volume ls *", 0, &things, "")
        .on("inspect *", 0, &format!("{attached}\n"), "")
        .on("volume create *", 0, "", "")
        .on("network c*", 0, "", "")
        .on("network disconnect *", 0, "", "")
        .on("restart *", 0, "", "")
        .on("start *", 0, "", "")
        .on("unpause *", 0, "", "")
        .on("rm *", 0, "", "")
}

/// A running control plane of ours.
pub(in crate::steps) fn running() -> String {
    node(CONTROL_PLANE, "running", OWN, NETWORK)
}

/// With what kind and kubeadm leave in a cluster of one node.
pub(in crate::steps) fn run_with(docker: Program, kind: Program, change: impl FnOnce(&mut Setup)) -> TestRun {
    let run = TestRun::with(|setup| {
        setup.docker(docker);
        setup.tool(ToolName::KIND, kind);
        change(setup);
    });
    fs_err::write(&run.context.places.owner, OWN).unwrap();
    assert_eq!(Owner::known(&run.context.places.owner).unwrap().as_deref(), Some(OWN));
    run.api.put(json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "rancher.io/local-path",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    }));
    let in_system = |name: &str, labels: Value| json!({"name": name, "namespace": "kube-system", "labels": labels});
    run.api.put(json!({"apiVersion": "v1", "kind": "Service", "metadata": in_system("kube-dns", json!({}))}));
    run.api.put(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": in_system("kube-dns-1", json!({"kubernetes.io/service-name": "kube-dns"})),
        "endpoints": [{"addresses": ["10.244.0.2"]}],
    }));
    run.api.put(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": in_system("kube-proxy", json!({})),
        "status": {
            "currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 1,
            "observedGeneration": 1,
        },
    }));
    run
}

fn with(docker: Program) -> TestRun {
    run_with(docker, Program::default(), |_| {})
}

async fn seen(run: &TestRun) -> Observation {
    observe(&run.context).await.unwrap()
}

async fn applied(run: &TestRun) -> Result<()> {
    run.within(StepId::Cluster, apply).await
}

/// Whether docker was asked for nothing but what it knows.
fn assert_only_asked(run: &TestRun) {
    let questions =
        ["info ", "context inspect", "ps ", "network ls", "network inspect", "volume ls", "inspect ", "exec "];
    for call in run.calls("docker") {
        assert!(questions.iter().any(|question| call.starts_with(question)), "docker was told to: {call}");
    }
    assert_eq!(run.calls("kind"), Vec::<String>::new());
    assert_eq!(run.api.writes(), Vec::<String>::new());
}

// ---- looks ----

#[tokio::test]
async fn a_cluster_of_ours_that_works_is_done() {
    let run = with(docker(&running(), OWN));
    let found = seen(&run).await;
    assert!(matches!(&found, Observation::Done(words) if words.starts_with("1 Kubernetes node")), "{found:?}");
    assert!(run.context.nodes_are_settled());
    assert_only_asked(&run);
}

#[tokio::test]
async fn where_there_is_nothing_there_is_no_cluster() {
    let run = with(docker("", ""));
    assert_eq!(seen(&run).await, Observation::Missing("there is no cluster \"pgedge\"".to_owned()));
    assert_only_asked(&run);
}

#[tokio::test]
async fn what_is_wrong_with_a_cluster_is_named_and_nothing_is_touched_by_a_look() {
    for (containers, words) in [
        (node(CONTROL_PLANE, "exited", OWN, NETWORK), "Kubernetes node pgedge-control-plane is exited"),
        (node(CONTROL_PLANE, "paused", OWN, NETWORK), "Kubernetes node pgedge-control-plane is paused"),
        (node(CONTROL_PLANE, "running", OWN, "bridge"), "is not on the cluster's network"),
        (
            node("pgedge-worker", "running", OWN, NETWORK),
            "the container of Kubernetes node pgedge-control-plane is gone",
        ),
    ] {
        let run = with(docker(&containers, OWN));
        let found = seen(&run).await;
        assert!(wrong(&found).contains(words), "{words}: {found:?}");
        assert_only_asked(&run);
    }
}

#[tokio::test]
async fn a_cluster_that_was_never_finished_is_wrong_and_its_nodes_may_be_removed() {
    let run = with(docker(&running(), OWN));
    fs_err::write(&run.context.places.unfinished, "").unwrap();
    assert_eq!(wrong(&seen(&run).await), "it was never finished");
    assert!(may_be_removed(&run.context));
}

#[tokio::test]
async fn a_cluster_that_is_not_ready_is_waited_for_with_the_reason() {
    type Break = fn(&TestRun);
    let lacks: [(&str, Break); 3] = [
        ("Kubernetes node pgedge-control-plane is not ready: container runtime is down", |run| {
            run.api.change("nodes", "", CONTROL_PLANE, |node| {
                let message = "container runtime is down";
                node["status"]["conditions"][0] = json!({"type": "Ready", "status": "False", "message": message});
            });
        }),
        ("there is no default storage class", |run| run.api.remove("storageclasses", "", "standard")),
        ("0 of 1 Kubernetes nodes have joined", |run| run.api.remove("nodes", "", CONTROL_PLANE)),
    ];
    for (words, damage) in lacks {
        let run = with(docker(&running(), OWN));
        damage(&run);
        let found = seen(&run).await;
        assert!(matches!(&found, Observation::Waiting(why) if why.contains(words)), "{words}: {found:?}");
    }
}

#[tokio::test]
async fn another_number_of_workers_is_refused_with_the_one_there_is() {
    let run = run_with(docker(&running(), OWN), Program::default(), |setup| setup.options.workers = Some(2));
    let failure = failure_of(observe(&run.context).await);
    assert_eq!(failure.id(), FailureId::ShapeDiffers);
    assert!(
        failure.advice(&bootstrap_run::failure::Invocation::default()).contains("--workers 0"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
}

// ---- clusters of somebody else ----

#[tokio::test]
async fn another_owners_cluster_is_refused_with_who_and_since_when() {
    for containers in [running().replace(OWN, ANN), String::new()] {
        let run = with(docker(&containers, ANN));
        for failure in [failure_of(observe(&run.context).await), failure_of(applied(&run).await)] {
            assert_eq!(failure.id(), FailureId::ClusterForeign);
            assert!(failure.summary().contains("another owner, ann@desk"), "{failure}");
            assert!(failure.seen()[0].contains("since 2026-01-02T03:04:05Z"), "{:?}", failure.seen());
        }
        assert_only_asked(&run);
    }
}

#[tokio::test]
async fn a_kind_cluster_that_this_program_did_not_make_is_never_touched() {
    // Also not by a marker that says that ours was never finished.
    let run = with(docker(&node(CONTROL_PLANE, "running", "", "kind"), ""));
    fs_err::write(&run.context.places.unfinished, "").unwrap();
    for failure in [failure_of(observe(&run.context).await), failure_of(applied(&run).await)] {
        assert_eq!(failure.id(), FailureId::ClusterForeign);
        assert!(failure.summary().contains("was not made by this program"), "{failure}");
    }
    assert_only_asked(&run);
}

#[tokio::test]
async fn a_cluster_in_another_engine_is_not_made_a_second_time() {
    let run = with(docker("", ""));
    fs_err::write(&run.context.places.engine, "engine-2\nssh://ann@server\n").unwrap();
    let failure = failure_of(observe(&run.context).await);
    assert_eq!(failure.id(), FailureId::ClusterForeign);
    assert!(failure.seen()[0].contains("engine-2 at ssh://ann@server"), "{:?}", failure.seen());
    assert_eq!(failure_of(applied(&run).await).id(), FailureId::ClusterForeign);
    assert_only_asked(&run);
}

// ---- repairs ----

#[tokio::test]
async fn a_stopped_or_paused_cluster_is_started_and_not_made_anew() {
    for (state, verb) in [("exited", "start"), ("paused", "unpause")] {
        let run = with(docker(&node(CONTROL_PLANE, state, OWN, NETWORK), OWN));
        // Not a kubeconfig yet: kind is asked for it.
        fs_err::remove_file(&run.context.places.kubeconfig).unwrap();
        let failure = failure_of(applied(&run).await);
        assert_eq!(failure.id(), FailureId::ClusterNotReady);
        let calls = run.calls("docker");
        assert!(calls.contains(&format!("{verb} {CONTROL_PLANE}")), "{calls:?}");
        assert!(!calls.iter().any(|call| call.starts_with("rm ")), "{calls:?}");
        assert_eq!(run.calls("kind"), ["get kubeconfig --name pgedge"]);
    }
}

pub(in crate::steps) fn kind_that_knows_the_kubeconfig() -> Program {
    Program::default().on("get kubeconfig *", 0, KUBECONFIG, "")
}

#[tokio::test]
async fn a_lost_or_broken_kubeconfig_is_written_again_and_the_cluster_stays() {
    for text in [None, Some(""), Some("apiVersion: v1\nclus")] {
        let run = run_with(docker(&running(), OWN), kind_that_knows_the_kubeconfig(), |_| {});
        let path = &run.context.places.kubeconfig;
        match text {
            None => {
                fs_err::remove_file(path).unwrap();
                assert_eq!(wrong(&seen(&run).await), "its kubeconfig is not here");
            }
            Some(text) => fs_err::write(path, text).unwrap(),
        }
        applied(&run).await.unwrap();
        assert_eq!(fs_err::read_to_string(path).unwrap(), KUBECONFIG);
        assert_eq!(run.calls("kind"), ["get kubeconfig --name pgedge"]);
        assert!(!run.calls("docker").iter().any(|call| call.starts_with("rm ")));
    }
}

#[tokio::test]
async fn a_node_that_was_taken_off_its_network_is_connected_and_started_anew() {
    let elsewhere = json!({"id": CONTROL_PLANE, "networks": {"bridge": {"NetworkID": "bridge"}}});
    let docker = Program::default()
        .on("inspect *", 0, &format!("{elsewhere}\n"), "")
        .before(docker(&node(CONTROL_PLANE, "running", OWN, "bridge"), OWN));
    let run = run_with(docker, kind_that_knows_the_kubeconfig(), |_| {});
    applied(&run).await.unwrap();
    let calls = run.calls("docker");
    let place = |call: &str| calls.iter().position(|found| found == call);
    let connected = place(&format!("network connect {NETWORK} {CONTROL_PLANE}"));
    let restarted = place(&format!("restart {CONTROL_PLANE}"));
    assert!(connected.is_some() && connected < restarted, "{calls:?}");
}

// ---- clusters from nothing ----

/// Whose containers are there when kind was asked for them.
fn docker_with_kind() -> Program {
    let after = When::After("kind", "create cluster");
    Program::default()
        .when(after, "ps *", 0, &running(), "")
        .when(When::After("docker", "volume create"), "volume ls *", 0, &line(NETWORK, OWN, &json!({})), "")
        .when(When::After("docker", "network create"), "network ls *", 0, &line(NETWORK, OWN, &json!({})), "")
        .before(docker("", ""))
}

fn kind_that_creates() -> Program {
    Program::default().on("create cluster *", 0, "", "").before(kind_that_knows_the_kubeconfig())
}

#[tokio::test]
async fn a_cluster_is_made_after_its_name_was_claimed_and_is_finished_only_when_it_works() {
    let run = run_with(docker_with_kind(), kind_that_creates(), |_| {});
    fs_err::remove_file(&run.context.places.kubeconfig).unwrap();
    applied(&run).await.unwrap();
    assert!(!run.context.places.unfinished.exists());
    assert_eq!(fs_err::read_to_string(&run.context.places.engine).unwrap(), "engine-1\nunix:///var/run/docker.sock\n");
    let (docker, kind) = (run.calls("docker"), run.calls("kind"));
    assert!(docker.iter().any(|call| call.starts_with("volume create") && call.contains(OWN)), "{docker:?}");
    assert!(kind[0].starts_with("create cluster --retain --name pgedge"), "{kind:?}");
    let persons = format!("--kubeconfig {}", run.context.places.kubeconfig.display());
    assert!(kind[0].contains("--kubeconfig ") && !kind[0].contains(&persons), "kind writes to a place of its own");
    assert!(seen(&run).await.is_done());
}

#[tokio::test]
async fn a_half_made_cluster_is_removed_and_made_anew() {
    let run = run_with(docker_with_kind(), kind_that_creates(), |_| {});
    run.set_docker(&docker(&running(), OWN));
    fs_err::write(&run.context.places.unfinished, "").unwrap();
    applied(&run).await.unwrap();
    let calls = run.calls("docker");
    assert!(calls.contains(&format!("rm --force --volumes {CONTROL_PLANE}")), "{calls:?}");
    assert!(!run.context.places.unfinished.exists());
}

#[tokio::test]
async fn what_kind_says_behind_its_command_is_the_evidence_and_the_marker_stays() {
    let words = "Creating cluster \"pgedge\" ...\nERROR: failed to create cluster: command \"docker run --name x\" failed \
                 with error: exit status 125\nCommand Output: docker: Error response from daemon: Conflict. The container \
                 name \"/pgedge-control-plane\" is already in use by container \"4f\".\n";
    let kind = Program::default().on("create cluster *", 1, "", words);
    let run = run_with(docker("", ""), kind, |_| {});
    // Claimed and made meanwhile.
    run.set_docker(
        &Program::default()
            .when(When::After("docker", "volume create"), "volume ls *", 0, &line(NETWORK, OWN, &json!({})), "")
            .before(docker("", "")),
    );
    let failure = failure_of(applied(&run).await);
    assert!(failure.seen().iter().any(|seen| seen.contains("is already in use")), "{failure:?}");
    assert!(run.context.places.unfinished.exists(), "the next run could not tell that it was never finished");
}

#[tokio::test]
async fn the_last_words_to_docker_do_not_outlast_the_deadline_of_the_run() {
    let run = TestRun::with(|setup| setup.docker(Program::default().slow()));
    let began = std::time::Instant::now();
    let passed = bootstrap_run::deadline::Deadline::after(std::time::Duration::ZERO);
    super::own::end_work(&run.context, Some(passed)).await;
    assert!(began.elapsed() < std::time::Duration::from_millis(1500), "{:?}", began.elapsed());
}
