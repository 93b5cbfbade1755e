#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::super::state::tests::subscription;
use super::*;

/// As a pod of CloudNativePG logged it: a server that refuses Spock's plugin.
const REFUSED: &str =
    include_str!("../../../tests/fixtures/09d-initspock-ok-but-plugin-refused/pgedge-n1-1.postgres.log");

fn places() -> Places<'static> {
    let pods = ["n1", "n2"].map(|node| (node.to_owned(), format!("pgedge-{node}-1"))).to_vec();
    Places { namespace: "lab", pods, cluster_of: |node| format!("pgedge-{node}") }
}

#[test]
fn a_refused_plugin_is_found_in_the_log_and_the_hint_names_the_setting() {
    let down = subscription("n1", "n2", State::SlotMissing);
    let reasons = reasons_of(REFUSED, &[&down]);
    assert_eq!(
        reasons[0].words,
        "could not create replication slot on provider: ERROR:  library \"spock_output\" may not be used as an output plugin"
    );
    assert!(is_known_cause(&reasons));
    let failure = not_replicating(&[down], &reasons, &places(), false).unwrap();
    assert_eq!(failure.seen(), [format!("the subscription of n1 to n2 has no slot on n2: {}", reasons[0].words)]);
    let hint = failure.advice(&bootstrap_run::failure::Invocation::default());
    assert!(
        hint.contains("for cluster in pgedge-n1 pgedge-n2; do kubectl patch cluster $cluster --namespace lab"),
        "{hint}"
    );
    assert!(hint.contains("\"output_plugin_libraries\":\"pgoutput, test_decoding, spock_output\""), "{hint}");
}

#[test]
fn a_record_of_another_subscription_is_no_reason() {
    let mut other = subscription("n1", "n3", State::Down);
    other.id = Some(781_941);
    assert!(reasons_of(REFUSED, &[&other]).is_empty());
}

#[test]
fn a_subscription_is_found_by_its_name_or_slot_too_and_the_last_word_counts() {
    let line = |message: &str| {
        let record = serde_json::json!({"error_severity": "ERROR", "message": message, "backend_type": "logical replication apply worker"});
        serde_json::json!({"level": "info", "logger": "postgres", "record": record}).to_string()
    };
    let down = subscription("n2", "n1", State::Down);
    let log = [
        line("something of sub_n1_n22"),
        line("could not start WAL streaming: ERROR:  replication slot \"spk_app_n1_sub_n1_n2\" does not exist"),
        "not JSON".to_owned(),
        line("of nobody"),
    ]
    .join("\n");
    assert_eq!(
        reasons_of(&log, &[&down])[0].words,
        "could not start WAL streaming: ERROR:  replication slot \"spk_app_n1_sub_n1_n2\" does not exist"
    );
}

#[test]
fn the_same_reason_is_told_once() {
    let down = [subscription("n1", "n2", State::Down), subscription("n2", "n1", State::Down)];
    let reason =
        |node: &str, provider: &str| Reason { node: node.into(), provider: provider.into(), words: "no".into() };
    let failure = not_replicating(&down, &[reason("n1", "n2"), reason("n2", "n1")], &places(), false).unwrap();
    assert_eq!(
        failure.seen(),
        ["the subscription of n1 to n2 is down: no", "the subscription of n2 to n1 is down, for the same reason"]
    );
}

#[test]
fn without_a_known_cause_the_hint_names_the_pod() {
    let failure = not_replicating(&[subscription("n2", "n1", State::Down)], &[], &places(), false).unwrap();
    let hint = failure.advice(&bootstrap_run::failure::Invocation::default());
    assert!(hint.contains("`kubectl logs pgedge-n2-1 --container postgres --namespace lab`"), "{hint}");
}

#[test]
fn a_disabled_one_says_why_and_what_enables_it() {
    let mut disabled = subscription("n2", "n1", State::Disabled);
    disabled.switched_off = Some("Spock disabled it at 2026-11-26T18:01:02Z".to_owned());
    let first = not_replicating(&[disabled.clone()], &[], &places(), false).unwrap();
    assert_eq!(first.seen(), ["the subscription of n2 to n1 is disabled: Spock disabled it at 2026-11-26T18:01:02Z"]);
    assert!(
        first.advice(&bootstrap_run::failure::Invocation::default()).contains("wire the nodes again"),
        "{}",
        first.advice(&bootstrap_run::failure::Invocation::default())
    );
    let again = not_replicating(&[disabled], &[], &places(), true).unwrap();
    assert!(
        again.advice(&bootstrap_run::failure::Invocation::default()).contains("SELECT spock.sub_enable('sub_n1_n2')"),
        "{}",
        again.advice(&bootstrap_run::failure::Invocation::default())
    );
}

/// Running this again mends the first and not the second, and ends in the same place: what a person must do comes first, for all
/// that are alike, in one command.
#[test]
fn the_hint_is_about_what_the_charts_job_does_not_mend() {
    let down = [
        subscription("n1", "n2", State::Missing),
        subscription("n3", "n2", State::Ahead),
        subscription("n4", "n2", State::Ahead),
    ];
    let hint =
        not_replicating(&down, &[], &places(), false).unwrap().advice(&bootstrap_run::failure::Invocation::default());
    let command = "`kubectl cnpg psql pgedge-n3 --namespace lab -- app -c \"SELECT spock.sub_drop('sub_n2_n3')\"; \
                   kubectl cnpg psql pgedge-n4 --namespace lab -- app -c \"SELECT spock.sub_drop('sub_n2_n4')\"`";
    assert!(hint.contains(command), "{hint}");
    let lost = [subscription("n1", "n2", State::Disabled), subscription("n3", "n2", State::SlotLost)];
    let hint =
        not_replicating(&lost, &[], &places(), true).unwrap().advice(&bootstrap_run::failure::Invocation::default());
    let command = "`kubectl cnpg psql pgedge-n2 --namespace lab -- app -c \"SELECT pg_drop_replication_slot('spk_app_n2_sub_n2_n3')\"`";
    assert!(hint.contains(command), "{hint}");
}
