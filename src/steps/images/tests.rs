use serde_json::json;

use super::*;
use crate::stack::{ImageRole, Pins, Stack};
use crate::step_id::StepId;
use crate::steps::cluster::tests::{OWN, docker, run_with, running};
use crate::steps::test_run::{Program, TestRun, When, failure_of};

const WORKER: &str = "pgedge-worker";

fn pins() -> &'static Pins {
    &Stack::pgedge().unwrap().pins
}

/// What `crictl images` says of a node that lacks the images of these roles.
fn images_without(lacking: &[ImageRole]) -> String {
    let pins = pins();
    let there = pins.images.keys().filter(|role| !lacking.contains(role));
    let images: Vec<_> = there
        .map(|role| {
            let name = stored_name(pins.image(*role).unwrap());
            if name.contains('@') { json!({"repoDigests": [name]}) } else { json!({"repoTags": [name]}) }
        })
        .collect();
    json!({"images": images}).to_string()
}

/// A cluster of ours whose control plane has these programs.
fn with(inside: Program) -> TestRun {
    run_with(inside.before(docker(&running(), OWN)), Program::default(), |_| {})
}

fn inside(lacking: &[ImageRole]) -> Program {
    Program::default().on("exec pgedge-control-plane crictl * images *", 0, &images_without(lacking), "").on(
        "exec pgedge-control-plane crictl * info",
        0,
        "{}",
        "",
    )
}

/// As crictl says it: everything twice.
fn fatal(message: &str) -> String {
    format!(
        "E1127 remote_image.go:180] \"PullImage failed\" err=\"{message}\"\ntime=\"x\" level=fatal msg=\"{message}\"\n"
    )
}

async fn seen(run: &TestRun) -> Observation {
    observe(&run.context).await.unwrap()
}

async fn applied(run: &TestRun) -> Result<()> {
    run.context.settle_nodes(1);
    run.within(StepId::Images, apply).await
}

fn pulls(run: &TestRun) -> Vec<String> {
    run.calls("docker").into_iter().filter(|call| call.contains(" pull ")).collect()
}

#[tokio::test]
async fn nothing_is_pulled_where_everything_is() {
    let run = with(inside(&[]));
    assert_eq!(seen(&run).await, Observation::Done(format!("{} images", pins().images.len())));
    applied(&run).await.unwrap();
    assert_eq!(pulls(&run), Vec::<String>::new());
    assert!(!run.recorder.waits().iter().any(|why| why.contains("pull")), "{:?}", run.recorder.waits());
}

#[tokio::test]
async fn what_is_missing_is_counted_and_pulled_by_its_digest() {
    let run = with(inside(&[ImageRole::CLOUDNATIVE_PG]).on("exec * crictl pull *", 0, "", ""));
    let found = seen(&run).await;
    assert!(matches!(&found, Observation::Missing(words) if words.starts_with("1 of 6 to pull, ")), "{found:?}");
    assert_eq!(pulls(&run), Vec::<String>::new(), "a look pulls nothing");
    applied(&run).await.unwrap();
    let reference = stored_name(pins().image(ImageRole::CLOUDNATIVE_PG).unwrap());
    assert_eq!(pulls(&run), [format!("exec pgedge-control-plane crictl pull {reference}")]);
}

#[tokio::test]
async fn an_image_of_another_digest_does_not_count() {
    let of_another = images_without(&[]).replace("sha256:", "sha256:0");
    let run = with(Program::default().on("exec pgedge-control-plane crictl * images *", 0, &of_another, ""));
    assert!(matches!(seen(&run).await, Observation::Missing(_)));
}

#[tokio::test]
async fn a_cluster_that_is_away_or_may_be_removed_is_not_asked() {
    let run = run_with(docker("", ""), Program::default(), |_| {});
    assert_eq!(seen(&run).await, Observation::Missing("there is no cluster".to_owned()));
    let run = with(inside(&[]));
    fs_err::write(&run.context.places.unfinished, "").unwrap();
    assert_eq!(seen(&run).await, Observation::Missing("the cluster was never finished".to_owned()));
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_waited_for() {
    let words = "Error response from daemon: container 4f is not running\n";
    let run = with(Program::default().on("exec *", 1, "", words));
    let found = seen(&run).await;
    assert!(matches!(&found, Observation::Waiting(why) if why.contains("is not running")), "{found:?}");
}

#[tokio::test]
async fn a_pull_that_no_second_try_changes_is_tried_once() {
    for (message, id) in [
        ("failed to resolve reference: unexpected status: 401 Unauthorized", FailureId::ImagePullFailed),
        ("rpc error: code = NotFound desc = ghcr.io/x: not found", FailureId::ImagePullFailed),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            FailureId::ImagePullFailed,
        ),
        ("write /var/lib/containerd/x: no space left on device", FailureId::DiskFull),
    ] {
        let run = with(inside(&[ImageRole::POSTGRES]).on("exec * crictl pull *", 1, "", &fatal(message)));
        let failure = failure_of(applied(&run).await);
        assert_eq!((failure.id(), pulls(&run).len()), (id, 1), "{message}");
        assert_eq!(failure.seen(), [message], "said once, without crictl's own words");
    }
}

#[tokio::test]
async fn a_registry_that_is_busy_is_asked_again_and_that_is_said() {
    let busy = fatal("unexpected status from HEAD request: 503 Service Unavailable");
    let inside = inside(&[ImageRole::POSTGRES])
        .when(When::First(1, "crictl pull"), "exec * crictl pull *", 1, "", &busy)
        .on("exec * crictl pull *", 0, "", "");
    let run = with(inside);
    applied(&run).await.unwrap();
    assert_eq!(pulls(&run).len(), 2);
    let said = run.recorder.waits();
    assert!(said.iter().any(|why| why.contains("503 Service Unavailable; trying again in")), "{said:?}");
}

#[tokio::test]
async fn the_network_brings_an_image_once_and_the_other_nodes_get_it_from_there() {
    let worker = running().replace("pgedge-control-plane", WORKER);
    let lacking = images_without(&[ImageRole::INIT_SPOCK]);
    let docker = Program::default()
        .on("exec * crictl * images *", 0, &lacking, "")
        .on("exec * crictl * info", 0, "{}", "")
        .on("exec pgedge-control-plane ctr * images pull *", 0, "", "")
        .on("exec pgedge-control-plane ctr * images export *", 0, "the image", "")
        .on("exec --interactive pgedge-worker ctr * images import *", 0, "", "")
        .before(docker(&(running() + &worker), OWN));
    let run = run_with(docker, Program::default(), |_| {});
    run.context.settle_nodes(2);
    run.within(StepId::Images, apply).await.unwrap();
    assert_eq!(pulls(&run).len(), 1);
    let imports = run.calls("docker").into_iter().filter(|call| call.contains("images import")).count();
    assert_eq!(imports, 1);
}
