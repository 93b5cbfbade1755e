#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};

use super::*;

/// A way between two nodes, for tests.
pub(in super::super) fn subscription(node: &str, provider: &str, state: State) -> Subscription {
    Subscription {
        node: node.into(),
        provider: provider.into(),
        status: "replicating".into(),
        state,
        behind_bytes: None,
        behind_seconds: None,
        name: format!("sub_{provider}_{node}"),
        slot: format!("spk_app_{provider}_sub_{provider}_{node}"),
        slot_is_there: true,
        id: Some(1_248_781_941),
        switched_off: None,
    }
}

fn look(node: &str, subscriptions: &Value, slots: &Value) -> NodeLook {
    let discards = json!({"transactions": 0, "since": null, "changes": []});
    let answer = json!({"registered": true, "subscriptions": subscriptions, "slots": slots, "switched_off": [], "discards": discards});
    NodeLook::read(node, &answer.to_string()).unwrap()
}

/// The state of the subscription of n2 to n1, of which n1 shows this slot.
fn state(status: &str, slot: Option<Value>) -> State {
    let row = json!([{"name": "sub_n1_n2", "provider": "n1", "status": status, "slot": "s", "id": 7}]);
    let looks = [look("n1", &json!([]), &slot.map_or(json!([]), |slot| json!([slot]))), look("n2", &row, &json!([]))];
    let found = subscriptions(&looks);
    found.iter().find(|found| found.node == "n2").unwrap().state
}

fn slot(sending_seconds: Option<f64>, lost: bool) -> Option<Value> {
    Some(
        json!({"name": "s", "lost": lost, "sending_seconds": sending_seconds, "behind_bytes": 56, "behind_seconds": null}),
    )
}

#[test]
fn a_subscription_replicates_when_it_has_been_sent_something_for_a_second() {
    assert_eq!(state("replicating", slot(Some(3.5), false)), State::Replicating);
    assert_eq!(state("replicating", slot(Some(0.2), false)), State::Starting);
}

/// A worker that cannot connect runs for 20 ms every five seconds, and Spock calls it replicating.
#[test]
fn a_worker_that_is_sent_nothing_does_not_replicate() {
    assert_eq!(state("replicating", slot(None, false)), State::Down);
    assert_eq!(state("down", slot(Some(3.5), false)), State::Down);
    assert_eq!(state("unknown", slot(Some(3.5), false)), State::Down);
}

#[test]
fn a_slot_that_is_gone_or_lost_is_told_whatever_spock_says() {
    for status in ["replicating", "down"] {
        assert_eq!(state(status, None), State::SlotMissing, "{status}");
        assert_eq!(state(status, slot(None, true)), State::SlotLost, "{status}");
    }
    assert_eq!(state("disabled", None), State::Disabled);
    assert_eq!(state("initializing", None), State::Initializing);
}

/// A node that was removed and made anew begins its WAL from the start, and others remember that of the old one.
#[test]
fn a_subscription_that_is_ahead_of_its_provider_does_not_replicate() {
    let mut ahead = slot(Some(60.0), false).unwrap();
    ahead["behind_bytes"] = (-33_243_504).into();
    assert_eq!(state("replicating", Some(ahead)), State::Ahead);
}

#[test]
fn every_ordered_pair_must_replicate() {
    let found = subscriptions(&[look("n1", &json!([]), &json!([])), look("n2", &json!([]), &json!([]))]);
    let words: Vec<String> = found.iter().map(Subscription::in_words).collect();
    assert_eq!(words, ["n1 does not subscribe to n2", "n2 does not subscribe to n1"]);
    assert!(found.iter().all(|found| found.is_final() && found.is_mended_by_the_chart()));
}

#[test]
fn a_database_without_a_node_is_told() {
    let mut unregistered = look("n1", &json!([]), &json!([]));
    unregistered.answer.registered = false;
    let found = subscriptions(&[unregistered, look("n2", &json!([]), &json!([]))]);
    assert_eq!(found[0].in_words(), "n1 is not registered as a node of Spock");
}

#[test]
fn what_spock_disabled_is_told_with_the_time_and_the_operation() {
    let row = json!([{"name": "sub_n1_n2", "provider": "n1", "status": "disabled", "slot": "s", "id": 7}]);
    let mut looks = [look("n1", &json!([]), &json!([])), look("n2", &row, &json!([]))];
    looks[1].answer.switched_off = serde_json::from_value(json!([
        {"words": "disabling subscription sub_n1_n22 due to exception(s)", "at": "later", "operations": null},
        {"words": "disabling subscription sub_n1_n2 due to exception(s) - skip_lsn = 0/0", "at": "2026-11-26T18:01:02Z", "operations": "INSERT on public.demo"},
    ]))
    .unwrap();
    let found = subscriptions(&looks);
    let words = found.iter().find(|found| found.node == "n2").unwrap().switched_off.as_deref();
    assert_eq!(
        words,
        Some("Spock disabled it at 2026-11-26T18:01:02Z after a change could not be applied (INSERT on public.demo)")
    );
}
