#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use serde_json::{Value, json};

use super::*;

const AT: &str = "2026-11-27T05:00:00Z";
const RECEIVED_AT: &str = "2026-11-27T04:59:58.123456Z";

/// A node that answers. `subscribes_to` another one; `keeps` a slot for another one.
struct Shown<'a> {
    node: &'a str,
    subscribes_to: &'a [&'a str],
    keeps_slots_for: &'a [&'a str],
    has_tables: bool,
    received: &'a [&'a str],
}

impl Shown<'_> {
    fn before(&self) -> (String, Before) {
        let node = self.node;
        let slot = |provider: &str, node: &str| format!("spk_app_{provider}_sub_{provider}_{node}");
        let row = |provider: &&str| json!({"name": format!("sub_{provider}_{node}"), "provider": provider, "status": "replicating", "slot": slot(provider, node), "id": 7});
        let kept = |other: &&str| json!({"name": slot(node, other), "lost": false, "sending_seconds": 60.0, "behind_bytes": 0, "behind_seconds": null});
        let answer = json!({
            "registered": true,
            "subscriptions": self.subscribes_to.iter().map(row).collect::<Vec<Value>>(),
            "slots": self.keeps_slots_for.iter().map(kept).collect::<Vec<Value>>(),
            "switched_off": [], "discards": {"transactions": 0, "since": null, "changes": []},
        });
        let look = NodeLook::read(node, &answer.to_string()).unwrap();
        let asked = json!({"at": AT, "has_tables": self.has_tables, "notes_progress": true});
        let mut known = Known::read(look, &asked.to_string()).unwrap();
        let received: BTreeMap<&str, &str> = self.received.iter().map(|provider| (*provider, RECEIVED_AT)).collect();
        known.received(&json!(received).to_string()).unwrap();
        (node.to_owned(), Before::Known(Box::new(known)))
    }
}

fn n1() -> Shown<'static> {
    Shown { node: "n1", subscribes_to: &["n2"], keeps_slots_for: &["n2"], has_tables: true, received: &["n2"] }
}

fn n2() -> Shown<'static> {
    Shown { node: "n2", subscribes_to: &["n1"], keeps_slots_for: &["n1"], has_tables: true, received: &["n1"] }
}

/// The one way on which something will not be sent.
fn only(nodes: &[(String, Before)]) -> Unsent {
    match &foresee(nodes)[..] {
        [one] => one.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_every_slot_is_there_all_is_sent() {
    assert_eq!(foresee(&[n1().before(), n2().before()]), []);
}

/// The subscriber knows what it has received last: what its provider commits after that is what may be missing.
#[test]
fn a_slot_that_is_gone_is_noted_with_what_was_received_last() {
    let found = only(&[Shown { keeps_slots_for: &[], ..n1() }.before(), n2().before()]);
    assert_eq!((found.node.as_str(), found.provider.as_str(), found.made_anew), ("n2", "n1", MadeAnew::Slot));
    assert_eq!(found.slot.as_deref(), Some("spk_app_n1_sub_n1_n2"));
    assert_eq!((found.since.as_str(), found.is_since_received, found.transactions), (RECEIVED_AT, true, None));
}

/// Also where nothing was received, or Spock notes nothing of it: then the provider's tables decide.
#[test]
fn a_slot_that_is_gone_is_noted_without_what_was_received_where_there_are_tables() {
    let provider = |has_tables| Shown { keeps_slots_for: &[], has_tables, ..n1() }.before();
    let node = || Shown { received: &[], ..n2() }.before();
    let found = only(&[provider(true), node()]);
    assert_eq!((found.made_anew, found.since.as_str(), found.is_since_received), (MadeAnew::Slot, AT, false));
    assert_eq!(foresee(&[provider(false), node()]), [], "there is nothing yet that could be missing");
}

#[test]
fn a_first_wiring_that_was_interrupted_lacks_nothing() {
    let unwired =
        |node| Shown { node, subscribes_to: &[], keeps_slots_for: &[], has_tables: false, received: &[] }.before();
    assert_eq!(foresee(&[unwired("n1"), unwired("n2")]), []);
}

#[test]
fn a_subscription_that_is_gone_is_noted_where_the_provider_has_tables() {
    let node = Shown { subscribes_to: &[], received: &[], ..n2() };
    let found = only(&[n1().before(), node.before()]);
    assert_eq!((found.node.as_str(), found.made_anew), ("n2", MadeAnew::Subscription));
    assert_eq!(foresee(&[Shown { has_tables: false, ..n1() }.before(), node.before()]), []);
}

/// The others' slots for it are still there, and keep only what was written since.
#[test]
fn a_node_that_comes_back_empty_lacks_what_the_others_have_and_they_are_ahead_of_it() {
    let gone = ("n2".to_owned(), Before::Gone);
    let found = foresee(&[n1().before(), gone.clone()]);
    let found: Vec<(&str, &str, MadeAnew)> =
        found.iter().map(|way| (way.node.as_str(), way.provider.as_str(), way.made_anew)).collect();
    assert_eq!(found, [("n1", "n2", MadeAnew::Provider), ("n2", "n1", MadeAnew::Node)]);
    assert_eq!(foresee(&[("n1".to_owned(), Before::Gone), gone]), [], "what nobody has is not missing");
}

#[test]
fn of_a_node_that_does_not_answer_nothing_is_foreseen() {
    assert_eq!(foresee(&[n1().before(), ("n2".to_owned(), Before::Silent)]), []);
}

#[test]
fn what_is_not_sent_is_told_with_its_way_and_acknowledged_by_removing_the_note() {
    let mut slot = only(&[Shown { keeps_slots_for: &[], ..n1() }.before(), n2().before()]);
    slot.transactions = Some(3);
    let gone = only(&[n1().before(), Shown { subscribes_to: &[], received: &[], ..n2() }.before()]);
    let failure = unsent(&[slot, gone], "the-note", "lab", |node| format!("pgedge-{node}")).unwrap();
    assert_eq!(failure.id(), FailureId::RowsMissing);
    assert_eq!(failure.summary(), "rows may be missing on n2: they are not sent again");
    let slot = format!(
        "n2 from n1: the slot spk_app_n1_sub_n1_n2 was recreated: what is replicated of the 3 transactions that n1 committed after {RECEIVED_AT} is not sent"
    );
    let gone = format!("n2 from n1: the subscription was recreated at {AT}: what n1 wrote before is not sent");
    assert_eq!(failure.seen(), [slot, gone]);
    let hint = failure.advice(&bootstrap_run::failure::Invocation::default());
    assert!(hint.contains("`kubectl delete configmap the-note --namespace lab`"), "{hint}");
    assert!(hint.contains("for cluster in pgedge-n1 pgedge-n2; do kubectl cnpg psql"), "{hint}");
    assert!(unsent(&[], "the-note", "lab", str::to_owned).is_none());
}

/// It takes all of one other node: copying twice would bring the rows twice.
#[test]
fn a_node_that_came_back_empty_is_filled_from_one_other() {
    let gone = ("n2".to_owned(), Before::Gone);
    let third = Shown { node: "n3", subscribes_to: &["n1"], keeps_slots_for: &["n1"], has_tables: true, received: &[] };
    let first = Shown { subscribes_to: &["n2", "n3"], keeps_slots_for: &["n2", "n3"], ..n1() };
    let found = foresee(&[first.before(), gone, third.before()]);
    let hint = unsent(&found, "the-note", "lab", |node| format!("pgedge-{node}"))
        .unwrap()
        .advice(&bootstrap_run::failure::Invocation::default());
    let copy = "`kubectl cnpg psql pgedge-n2 --namespace lab -- app -c \"SELECT spock.sub_drop('sub_n1_n2')\" -c \"SELECT spock.sub_create('sub_n1_n2', \
                (SELECT if_dsn FROM spock.node_interface WHERE if_name = 'n1'), synchronize_structure := true, synchronize_data := true)\"`";
    assert!(hint.contains(copy) && !hint.contains("sub_n3_n2"), "{hint}");
}

/// Without a table there is nothing to lack; a table that was dropped meanwhile is still there on the other node.
#[test]
fn without_any_table_nothing_is_missing() {
    let provider = Shown { keeps_slots_for: &[], has_tables: false, ..n1() };
    assert_eq!(foresee(&[provider.before(), Shown { has_tables: false, ..n2() }.before()]), []);
    assert_eq!(only(&[provider.before(), n2().before()]).made_anew, MadeAnew::Slot);
}

#[test]
fn a_slot_that_is_lost_again_adds_to_what_was_not_acknowledged() {
    let lost = |since: &str, transactions| {
        let mut way = only(&[Shown { keeps_slots_for: &[], ..n1() }.before(), n2().before()]);
        (way.since, way.transactions) = (since.to_owned(), transactions);
        way
    };
    let after = |noted: &Unsent, mut way: Unsent| {
        way.follows(noted);
        (way.since, way.transactions)
    };
    assert_eq!(after(&lost("first", Some(12)), lost("second", Some(3))), ("first".to_owned(), Some(15)));
    assert_eq!(after(&lost("first", Some(12)), lost("second", Some(0))), ("first".to_owned(), Some(12)));
    assert_eq!(after(&lost("first", None), lost("second", Some(3))), ("first".to_owned(), None));
    // The same gap, counted again from its beginning.
    assert_eq!(after(&lost("first", None), lost("first", Some(0))), ("first".to_owned(), Some(0)));
}
