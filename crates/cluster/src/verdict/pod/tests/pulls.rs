//! Image pulls that fail: those that will fail again, and those that a moment may mend.

use super::*;

/// The advice that a failed pull ends with, the same at the first failure and in the back-off after it; `None` if the
/// pull is waited for.
fn advice_on_pull(situation: &str) -> Option<String> {
    let [first, later] = ["pod-at-first", "pod-later"].map(|name| {
        let pod: Pod = recorded::object(&format!("{situation}/{name}"));
        let image =
            pod.status.as_ref().and_then(|status| status.container_statuses.as_ref()?.first()).map(|c| &c.image);
        let what = image.map(|image| format!("the image {image} cannot be pulled"));
        found(&pod).map(|(id, summary, advice)| {
            assert_eq!((id, Some(summary)), (FailureId::ImagePullFailed, what), "{situation}/{name}");
            advice
        })
    });
    assert_eq!(first, later, "{situation}");
    first
}

fn assert_pull_is_broken(situation: &str, wanted: &str) {
    let advice = advice_on_pull(situation);
    assert!(advice.as_deref().is_some_and(|advice| advice.contains(wanted)), "{situation}: {advice:?}");
}

#[test]
fn a_pull_that_answers_401_is_broken_at_once() {
    assert_pull_is_broken("03a-image-401", "private or was withdrawn");
}

#[test]
fn a_pull_that_answers_403_is_broken_at_once() {
    assert_pull_is_broken("03b-image-403-token", "private or was withdrawn");
    assert_pull_is_broken("03c-image-403-manifest", "private or was withdrawn");
}

#[test]
fn a_pull_that_answers_404_is_broken_at_once() {
    assert_pull_is_broken("03d-image-404", "does not have this image");
}

#[test]
fn a_registry_that_says_429_is_waited_for() {
    assert_eq!(advice_on_pull("03e-image-429"), None);
}

#[test]
fn a_registry_that_fails_is_waited_for() {
    assert_eq!(advice_on_pull("03f-image-500"), None);
    assert_eq!(advice_on_pull("03g-image-503"), None);
}

#[test]
fn a_registry_that_cannot_be_reached_is_waited_for() {
    assert_eq!(advice_on_pull("03h-image-connection-refused"), None);
    assert_eq!(advice_on_pull("03j-image-dns-failure"), None);
    assert_eq!(advice_on_pull("03o-image-no-route"), None);
}

#[test]
fn a_registry_with_a_certificate_of_strangers_is_broken_at_once() {
    assert_pull_is_broken("03i-image-tls-unknown-authority", "--ca-file FILE");
}

#[test]
fn an_image_for_another_processor_is_broken_at_once() {
    assert_pull_is_broken("03k-image-wrong-platform", "this machine's processor");
}

#[test]
fn a_page_in_the_place_of_a_manifest_is_broken_at_once() {
    assert_pull_is_broken("03m-image-html-instead-of-manifest", "a proxy or a login page");
}

#[test]
fn a_layer_with_wrong_bytes_is_waited_for() {
    assert_eq!(advice_on_pull("03n-image-layer-checksum-mismatch"), None);
}

#[test]
fn a_mirror_that_does_not_speak_tls_is_broken_at_once() {
    assert_pull_is_broken("03p-image-https-to-plain-http", "http://");
}

#[test]
fn a_registry_that_hangs_up_is_waited_for() {
    let message = "failed to resolve reference \"ghcr.io/a/b:1\": failed to do request: Head \"https://ghcr.io/v2/a/b/manifests/1\": EOF";
    assert_eq!(lasting(message), None);
}

#[test]
fn an_absent_image_under_cloudnativepg_is_broken_at_once() {
    let pod: Pod = recorded::object("03q-image-notfound-under-cnpg/pod-initdb");
    assert!(found(&pod).is_some_and(|(id, summary, _)| {
        id == FailureId::ImagePullFailed && summary.contains("broken404.example/pgedge/pgedge-postgres:18.9")
    }));
}

#[test]
fn a_name_that_no_image_can_have_is_broken_at_once() {
    let pod: Pod = recorded::object("03r-image-never-and-invalid-name/pod-badname");
    let what = "the image ghcr.io/pgEdge/UPPER:1 cannot be pulled".to_owned();
    assert_eq!(found(&pod), Some((FailureId::ImagePullFailed, what, "correct the name of the image".to_owned())));
    let seen = broken(&pod).map(|failure| failure.seen().join(" ")).unwrap_or_default();
    assert!(seen.contains("repository name (pgEdge/UPPER) must be lowercase"), "{seen}");
}

#[test]
fn an_absent_image_that_must_not_be_pulled_is_broken_at_once() {
    let pod: Pod = recorded::object("03r-image-never-and-invalid-name/pod-never");
    assert!(found(&pod).is_some_and(|(id, _, advice)| {
        id == FailureId::ImagePullFailed && advice.contains("load the image into the Kubernetes nodes")
    }));
}
