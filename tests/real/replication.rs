//! Facts about replication that is broken, lags, or has thrown something away.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::proof;
use crate::lab::Lab;

const TABLE_IS_GONE: &str = "SELECT to_regclass('pgedge_bootstrap_proof') IS NULL";

pub(crate) fn object(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

/// Stops or continues the worker with which n2 hears from n3.
fn signal_n2_from_n3(lab: &Lab, name: &str) {
    let worker = "SELECT pid FROM pg_stat_subscription WHERE subname = 'sub_n3_n2' AND pid IS NOT NULL";
    let statement = format!(
        "DO $do$ DECLARE worker int := ({worker}); BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat > /dev/null; kill -{name} ' || worker); END $do$"
    );
    lab.sql("n2", &statement);
}

pub(crate) fn assert_becomes(lab: &Lab, node: &str, statement: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    while lab.sql(node, statement) != "t" {
        assert!(Instant::now() < end, "not true within 30 s on {node}: {statement}");
    }
}

/// A row of the proof that comes late must find its table: a receiver that had dropped it would throw the row away, or be
/// disabled.
pub(crate) fn a_proof_that_fails_leaves_replication_as_it_was(lab: &Lab) {
    signal_n2_from_n3(lab, "STOP");
    let started = Instant::now();
    let prove = lab.run(&["prove"]);
    let took = started.elapsed();
    signal_n2_from_n3(lab, "CONT");
    assert_eq!(prove.code, 1, "{}", prove.stderr);
    assert!(
        prove.stderr.contains("(proof-failed)") && prove.stderr.contains("written on n3, not read on n2"),
        "{}",
        prove.stderr
    );
    assert!(took < Duration::from_secs(34), "30 s are said, and it took {took:?}");
    assert_becomes(lab, "n2", "SELECT EXISTS (SELECT FROM pgedge_bootstrap_proof WHERE writer = 'n3')");
    assert_becomes(lab, "n2", "SELECT status = 'replicating' FROM spock.sub_show_status('sub_n3_n2')");
    for node in ["n1", "n2", "n3"] {
        assert_eq!(lab.sql(node, "SELECT count(*) FROM spock.exception_log"), "0", "{node} has thrown something away");
    }
    let again = lab.run(&["--local"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    for node in ["n1", "n2", "n3"] {
        assert_becomes(lab, node, TABLE_IS_GONE);
        assert_eq!(lab.sql(node, "SELECT count(*) FROM spock.exception_log"), "0", "{node} has thrown something away");
    }
}

/// What is thrown away on n2 is told with node, table and operation, by every command that says whether all is well. Three changes of
/// one transaction are one transaction.
pub(crate) fn a_discarded_transaction_is_told_until_it_is_acknowledged(lab: &Lab) {
    for table in ["accounts", "ledger"] {
        lab.sql("n1", &format!("CREATE TABLE {table} (id int PRIMARY KEY, owner text)"));
        assert_becomes(lab, "n2", &format!("SELECT to_regclass('{table}') IS NOT NULL"));
    }
    lab.sql("n2", "SET spock.enable_ddl_replication = off; DROP TABLE accounts");
    lab.sql("n1", "BEGIN; INSERT INTO ledger VALUES (1, 'Ada'); INSERT INTO accounts VALUES (1, 'Ada'); INSERT INTO ledger VALUES (2, 'Ada'); COMMIT");
    assert_becomes(lab, "n2", "SELECT count(*) = 3 FROM spock.exception_log");
    let status = lab.run(&["status", "--output", "json"]);
    let verify = lab.run(&["verify", "replication", "--output", "json"]);
    let prove = lab.run(&["prove"]);
    let up = lab.run(&["--local"]);
    lab.sql("n2", "DELETE FROM spock.exception_log");
    lab.sql("n2", "SET spock.enable_ddl_replication = off; CREATE TABLE accounts (id int PRIMARY KEY, owner text)");
    lab.sql("n1", "DROP TABLE accounts, ledger");
    assert_becomes(lab, "n2", "SELECT to_regclass('accounts') IS NULL");
    let discarded = &object(&status.stdout)["discarded"];
    assert_eq!((status.code, discarded.as_array().map(Vec::len)), (1, Some(1)), "{}", status.stdout);
    assert_eq!((&discarded[0]["node"], &discarded[0]["transactions"]), (&"n2".into(), &1.into()));
    let change = &discarded[0]["changes"][0];
    let told = (&change["table"], &change["operation"], &change["times"]);
    assert_eq!(told, (&"ledger".into(), &"INSERT".into(), &2.into()), "{}", status.stdout);
    let step = &object(&verify.stdout)["steps"][0];
    assert_eq!((verify.code, &step["failure"]), (1, &"transactions-discarded".into()), "{}", verify.stdout);
    for ran in [&prove, &up] {
        assert!(ran.code == 1 && ran.stderr.contains("(transactions-discarded)"), "{}", ran.stderr);
    }
    for ran in [status, verify, prove, up] {
        assert!(!ran.stdout.contains("Ada") && !ran.stderr.contains("Ada"), "a row is shown");
    }
    let again = lab.run(&["verify", "replication"]);
    assert_eq!(again.code, 0, "{}", again.stdout);
}

/// What the chart's job mends is not waited for. The job enables what is disabled.
pub(crate) fn a_disabled_subscription_is_enabled_by_the_next_up(lab: &Lab) {
    lab.sql("n2", "SELECT spock.sub_disable('sub_n1_n2')");
    let started = Instant::now();
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    assert!(started.elapsed() < Duration::from_secs(40), "it took {:?}", started.elapsed());
    assert_proof(&up.stdout);
}

/// Under `sub_disable` Spock disables the subscription itself, and again as soon as the chart's job has enabled it: what cannot be applied
/// is told, and both commands of the hint do what they say.
pub(crate) fn what_spock_has_disabled_is_told_with_its_reason_and_the_hint_enables_it(lab: &Lab) {
    lab.sql("n1", "CREATE TABLE off (id int PRIMARY KEY)");
    assert_becomes(lab, "n2", "SELECT to_regclass('off') IS NOT NULL");
    lab.sql("n2", "SET spock.enable_ddl_replication = off; DROP TABLE off");
    let before = lab.sql("n2", "SHOW spock.exception_behaviour");
    set_parameter(lab, "n2", "spock.exception_behaviour", r#""sub_disable""#);
    assert_becomes(lab, "n2", "SELECT current_setting('spock.exception_behaviour') = 'sub_disable'");
    lab.sql("n1", "INSERT INTO off VALUES (1)");
    assert_becomes(lab, "n2", "SELECT status = 'disabled' FROM spock.sub_show_status('sub_n1_n2')");
    let status = object(&lab.run(&["status", "--output", "json"]).stdout);
    let up = lab.run(&["--local", "--output", "json"]);
    lab.sql("n2", "SET spock.enable_ddl_replication = off; CREATE TABLE off (id int PRIMARY KEY)");
    let failed = up.stdout.lines().map(object).find(|event| event["event"] == "step-failed").unwrap();
    for command in commands_of(failed["hint"].as_str().unwrap()).take(2) {
        paste(lab, command);
    }
    assert_becomes(lab, "n2", "SELECT count(*) = 1 FROM off");
    set_parameter(lab, "n2", "spock.exception_behaviour", "null");
    assert_becomes(lab, "n2", &format!("SELECT current_setting('spock.exception_behaviour') = '{before}'"));
    let again = lab.run(&["verify", "replication", "--output", "json"]);
    lab.sql("n2", "DELETE FROM spock.exception_log");
    lab.sql("n1", "DROP TABLE off");
    assert_becomes(lab, "n2", "SELECT to_regclass('off') IS NULL");

    assert_eq!(state_of(&status, "n2", "n1"), "disabled", "{status}");
    let reason = "the subscription of n2 to n1 is disabled: Spock disabled it at ";
    for evidence in [&status["failure"]["evidence"], &failed["evidence"]] {
        let line = evidence[0].as_str().unwrap();
        assert!(line.starts_with(reason) && line.ends_with("after a change could not be applied (INSERT)"), "{line}");
    }
    assert_eq!((up.code, &failed["id"]), (1, &"replication-down".into()), "{}", up.told());
    // The rows are there; the log of what was not applied is a person's to empty.
    assert_eq!(object(&again.stdout)["steps"][0]["failure"], "transactions-discarded", "{}", again.stdout);
}

/// Spock calls a new subscription so while it copies what was there before. That ends by itself.
pub(crate) fn a_subscription_that_is_initializing_is_waited_for(lab: &Lab) {
    let began = "UPDATE spock.subscription SET sub_created_at = clock_timestamp() + interval '8 s' WHERE sub_name = 'sub_n1_n2'";
    lab.sql("n2", began);
    let status = lab.run(&["status", "--output", "json"]);
    assert_eq!((status.code, state_of(&object(&status.stdout), "n2", "n1")), (1, "initializing"));
    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 0, "{}", up.told());
    let waits = |event: &Value| event["reason"] == "the subscription of n2 to n1 is initializing";
    assert!(up.stdout.lines().map(object).any(|event| waits(&event)), "{}", up.stdout);
    assert_proof(&up.stdout);
}

/// Sets a parameter of one server as a person does, or takes it away with `null`.
fn set_parameter(lab: &Lab, node: &str, name: &str, value: &str) {
    let patch = format!(r#"{{"spec":{{"postgresql":{{"parameters":{{"{name}":{value}}}}}}}}}"#);
    let cluster = format!("pgedge-{node}");
    let ran = lab.tool(&["kubectl", "patch", "cluster", &cluster, "--type", "merge", "--patch", &patch]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

pub(crate) fn state_of<'a>(status: &'a Value, node: &str, provider: &str) -> &'a str {
    let ways = status["subscriptions"].as_array().unwrap();
    let way = ways.iter().find(|way| way["node"] == node && way["provider"] == provider);
    way.unwrap()["state"].as_str().unwrap()
}

pub(crate) fn failed_with(stdout: &str) -> Option<String> {
    let failed = stdout.lines().map(object).find(|event| event["event"] == "step-failed")?;
    failed["id"].as_str().map(str::to_owned)
}

/// The commands that stand in a hint.
pub(crate) fn commands_of(hint: &str) -> impl Iterator<Item = &str> {
    hint.split('`').skip(1).step_by(2)
}

/// Runs a command of a hint as a person does, who has evaluated what `env` prints.
pub(crate) fn paste(lab: &Lab, command: &str) {
    let own = lab.home().join(".local/state/pgedge-bootstrap").join(crate::lab::NAME).join("kubeconfig");
    let mut shell = lab.command_of(std::path::Path::new("/bin/sh"));
    let path = format!("{}:/usr/bin:/bin", lab.bin().display());
    let ran = shell.args(["-c", command]).env("KUBECONFIG", own).env("PATH", path).output().unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A server whose configuration does not name Spock's plugin refuses it, and the chart's job knows nothing of that. The reason
/// is the server's, and the command of the hint mends it.
pub(crate) fn a_refused_output_plugin_is_told_and_the_hint_mends_it(lab: &Lab) {
    let libraries = |value: &str| {
        for node in ["n1", "n2", "n3"] {
            set_parameter(lab, node, "output_plugin_libraries", value);
        }
    };
    libraries(r#""pgoutput""#);
    assert_becomes(lab, "n1", "SELECT current_setting('output_plugin_libraries') = 'pgoutput'");
    lab.sql("n1", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
    assert_becomes(lab, "n2", "SELECT status = 'down' FROM spock.sub_show_status('sub_n1_n2')");

    let up = lab.run(&["--local", "--output", "json"]);
    assert_eq!(up.code, 1, "{}", up.stdout);
    let failed = up.stdout.lines().map(object).find(|event| event["event"] == "step-failed").unwrap();
    assert_eq!(failed["id"], "replication-down", "{failed}");
    let words = r#"library "spock_output" may not be used as an output plugin"#;
    let seen = failed["evidence"].as_array().unwrap().iter().filter_map(Value::as_str);
    assert!(seen.into_iter().any(|line| line.contains(words)), "{failed}");

    let hint = failed["hint"].as_str().unwrap();
    paste(lab, commands_of(hint).next().unwrap());
    assert_becomes(lab, "n2", "SELECT status = 'replicating' FROM spock.sub_show_status('sub_n1_n2')");
    let again = lab.run(&["--local", "--output", "json"]);
    libraries("null");
    assert_eq!(again.code, 0, "{}", again.stdout);
    assert_proof(&again.stdout);
}

fn assert_proof(stdout: &str) {
    let mut events = stdout.lines().map(object);
    let proven = events.rfind(|event| event["event"] == "proof").unwrap();
    assert_eq!(proof::check(&proven["matrix"]), Ok(()));
}
