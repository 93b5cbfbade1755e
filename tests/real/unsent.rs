//! Facts about what is never sent to a node: where a slot was lost, or another server has taken the place of one.

use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::replication::{assert_becomes, commands_of, failed_with, object, paste, state_of};

/// Of the person's, in the one schema in which these facts make any.
const HAS_TABLES: &str = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')";

/// Spock makes no slot anew, the chart's job does. Meanwhile the worker is tried again every few seconds and Spock calls
/// the subscription replicating for a moment each time: that never counts. What is written while there is no slot is never
/// sent, and that is told until a person acknowledges it.
pub(crate) fn what_is_written_without_a_slot_is_told_until_it_is_acknowledged(lab: &Lab) {
    let slot = "spk_app_n1_sub_n1_n2";
    lab.sql("n1", "CREATE TABLE unsent (id int PRIMARY KEY)");
    assert_becomes(lab, "n2", "SELECT to_regclass('unsent') IS NOT NULL");
    lab.sql("n1", &without_its_reader(slot, &format!("PERFORM pg_drop_replication_slot('{slot}')")));
    // Two starts of the worker are looked at, whatever it is called at the moment.
    let end = Instant::now() + Duration::from_secs(7);
    while Instant::now() < end {
        let status = object(&lab.run(&["status", "--output", "json"]).stdout);
        assert_eq!((&status["ok"], state_of(&status, "n2", "n1")), (&false.into(), "slot-missing"), "{status}");
    }
    let verify = object(&lab.run(&["verify", "replication", "--output", "json"]).stdout);
    let (failure, detail) = (&verify["steps"][0]["failure"], verify["steps"][0]["detail"].as_str().unwrap());
    assert_eq!(failure, "replication-down");
    assert!(detail.contains("does not exist"), "the server's own words are missing: {detail}");
    lab.sql("n1", "INSERT INTO unsent VALUES (1)");

    let started = Instant::now();
    let up = lab.run(&["--local", "--output", "json"]);
    assert!(started.elapsed() < Duration::from_secs(40), "it took {:?}", started.elapsed());
    let renewed = up.stdout.lines().map(object).find(|event| event["event"] == "slot-renewed");
    assert_eq!(renewed.as_ref().map(|event| &event["slot"]), Some(&slot.into()), "the new slot is hidden");
    assert_eq!((up.code, failed_with(&up.stdout).as_deref()), (1, Some("rows-missing")), "{}", up.told());

    let status = lab.run(&["status", "--output", "json"]);
    let seen = object(&status.stdout);
    assert_eq!((status.code, state_of(&seen, "n2", "n1")), (1, "replicating"), "{seen}");
    let way = &seen["unsent"][0];
    let told = (&way["node"], &way["provider"], &way["made_anew"], &way["slot"]);
    assert_eq!(told, (&"n2".into(), &"n1".into(), &"slot".into(), &slot.into()), "{seen}");
    assert_eq!(lab.sql("n2", "SELECT count(*) FROM unsent"), "0", "the row is not missing at all");
    let verify = lab.run(&["verify", "replication", "--output", "json"]);
    assert_eq!((verify.code, &object(&verify.stdout)["steps"][0]["failure"]), (1, &"rows-missing".into()));
    let prove = lab.run(&["prove"]);
    assert!(prove.code == 1 && prove.stderr.contains("(rows-missing)"), "{}", prove.stderr);
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!((up.code, failed_with(&up.stdout).as_deref()), (1, Some("rows-missing")), "{}", up.told());

    // A row that is there already is not inserted twice.
    lab.sql("n2", "INSERT INTO unsent VALUES (1)");
    let hint = seen["failure"]["hint"].as_str().unwrap();
    for (command, begins) in
        commands_of(hint).zip(["for cluster in pgedge-n1 pgedge-n2; do", "kubectl delete configmap"])
    {
        assert!(command.starts_with(begins), "{hint}");
        paste(lab, command);
    }
    lab.sql("n1", "DROP TABLE unsent");
    assert_becomes(lab, "n2", "SELECT to_regclass('unsent') IS NULL");
    let verify = lab.run(&["verify", "replication"]);
    assert_eq!(verify.code, 0, "{}", verify.stdout);
}

/// A provider that was made anew, or put back, has written less than its subscribers remember. Nothing of it is sent until it has
/// written as much. Two subscribers remember too much, and one command of the hint is for both.
pub(crate) fn subscriptions_that_are_ahead_of_their_provider_are_made_anew_by_the_hint(lab: &Lab) {
    for node in ["n1", "n3"] {
        let name = format!("sub_n2_{node}");
        lab.sql(node, &format!("SELECT spock.sub_disable('{name}')"));
        lab.sql("n2", &without_its_reader(&format!("spk_app_n2_{name}"), "NULL"));
        let origin = format!("(SELECT 'pg_' || oid FROM pg_subscription WHERE subname = '{name}')");
        // The worker has ended, and its origin is free, some moments later.
        let advance = format!(
            "DO $do$ BEGIN FOR i IN 1..500 LOOP BEGIN PERFORM pg_replication_origin_advance({origin}, '7F/0'); RETURN; \
             EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.01); END; END LOOP; RAISE 'the origin stays in use'; END $do$"
        );
        lab.sql(node, &advance);
        lab.sql(node, &format!("SELECT spock.sub_enable('{name}')"));
        assert_becomes(
            lab,
            "n2",
            &format!(
                "SELECT confirmed_flush_lsn > pg_current_wal_lsn() FROM pg_replication_slots WHERE slot_name = 'spk_app_n2_{name}'"
            ),
        );
    }
    let status = object(&lab.run(&["status", "--output", "json"]).stdout);
    assert_eq!((state_of(&status, "n1", "n2"), state_of(&status, "n3", "n2")), ("ahead", "ahead"), "{status}");
    let hint = status["failure"]["hint"].as_str().unwrap();
    paste(lab, commands_of(hint).next().unwrap());
    let up = lab.run(&["--local", "--output", "json"]);
    let status = object(&lab.run(&["status", "--output", "json"]).stdout);
    assert_eq!((state_of(&status, "n1", "n2"), state_of(&status, "n3", "n2")), ("replicating", "replicating"));
    // Where there are tables, what was not sent before is told.
    if lab.sql("n2", HAS_TABLES) == "t" {
        assert_eq!(failed_with(&up.stdout).as_deref(), Some("rows-missing"), "{}", up.stdout);
        paste(lab, commands_of(status["failure"]["hint"].as_str().unwrap()).nth(1).unwrap());
    } else {
        assert_eq!(up.code, 0, "{}", up.stdout);
    }
    let verify = lab.run(&["verify", "replication"]);
    assert_eq!(verify.code, 0, "{}", verify.stdout);
}

/// A statement that does something with a slot as soon as nobody reads from it.
fn without_its_reader(slot: &str, what: &str) -> String {
    format!(
        "DO $do$ BEGIN FOR i IN 1..500 LOOP BEGIN \
           PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active; \
           {what}; RETURN; \
         EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.01); END; END LOOP; RAISE 'the slot stays in use'; END $do$"
    )
}
