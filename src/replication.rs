//! Is replication wired, and does it work? Reading Spock's state is one question; writing on every node and reading
//! on every other is the answer.

use std::time::Duration;

use anyhow::Result;

use crate::failure::{Failure, FailureId};
use crate::matrix::{Matrix, Read};
use crate::sql::{Database, Role};

/// Between two looks at the subscriptions: Spock shows its state in a function, which cannot be watched.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// Subscriptions that are not up by now have a reason: a server that refuses Spock's plugin tries every five seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A statement that waits for nothing.
const STATEMENT: Duration = Duration::from_secs(30);

/// How long a row may take to arrive. Measured lags are below 100 ms.
const ARRIVAL_SECONDS: u32 = 30;

/// The table of the proof. Its name is fixed, so that what a killed run leaves behind is used and removed by the next.
const TABLE: &str = "public.pgedge_bootstrap_proof";

/// Who writes the row that says that the table has arrived. No node is called so.
const TABLE_IS_HERE: &str = "table";

/// A subscription as its own node shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Subscription {
    pub(crate) node: String,
    pub(crate) provider: String,
    pub(crate) status: String,
}

/// The subscriptions of all nodes.
pub(crate) async fn subscriptions(databases: &[Database]) -> Result<Vec<Subscription>> {
    let of_one = async |database: &Database| -> Result<Vec<Subscription>> {
        let sql = "SELECT provider_node, status FROM spock.sub_show_status() ORDER BY provider_node";
        let rows = database.run(Role::Superuser, sql, STATEMENT).await?;
        let row = |fields: Vec<String>| {
            let mut fields = fields.into_iter();
            let (provider, status) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            Subscription { node: database.node.clone(), provider, status }
        };
        Ok(rows.into_iter().map(row).collect())
    };
    Ok(futures::future::try_join_all(databases.iter().map(of_one)).await?.into_iter().flatten().collect())
}

/// What keeps every node from replicating from every other, one line for each ordered pair that does not.
pub(crate) fn down(nodes: &[String], subscriptions: &[Subscription]) -> Vec<String> {
    let mut down = Vec::new();
    for node in nodes {
        for provider in nodes.iter().filter(|provider| *provider != node) {
            let found = subscriptions
                .iter()
                .find(|subscription| subscription.node == *node && subscription.provider == *provider);
            match found.map(|subscription| subscription.status.as_str()) {
                Some("replicating") => {}
                Some(status) => down.push(format!("the subscription of {node} to {provider} is {status}")),
                None => down.push(format!("{node} does not subscribe to {provider}")),
            }
        }
    }
    down
}

/// Writes a row of its own on every node and reads it on every other one. The table is removed again, whatever happens.
///
/// # Errors
/// [`FailureId::ProofFailed`] naming each pair for which the row did not arrive.
pub(crate) async fn prove(databases: &[Database]) -> Result<Matrix> {
    let run = unique_key();
    let proven = write_and_read(databases, &run).await;
    clean_up(databases, proven.is_ok()).await?;
    proven
}

async fn write_and_read(databases: &[Database], run: &str) -> Result<Matrix> {
    let nodes: Vec<String> = databases.iter().map(|database| database.node.clone()).collect();
    make_table(databases, run).await?;
    let write = async |database: &Database| {
        database.run(Role::Application, &write_statement(run, &database.node), STATEMENT).await
    };
    let read = async |database: &Database| {
        let writers: Vec<&str> = nodes.iter().filter(|node| **node != database.node).map(String::as_str).collect();
        read(database, run, &writers).await
    };
    // The readers look before there is anything to see: a lag shorter than starting a session would be invisible.
    let (reads, _) = tokio::try_join!(
        futures::future::try_join_all(databases.iter().map(read)),
        futures::future::try_join_all(databases.iter().map(write)),
    )?;
    let matrix = Matrix { run: run.to_owned(), nodes, reads: reads.into_iter().flatten().collect() };
    let unread = unread(&matrix);
    if unread.is_empty() {
        return Ok(matrix);
    }
    let what = format!("{} of the writes were not read within {ARRIVAL_SECONDS} s", unread.len());
    Err(Failure::new(FailureId::ProofFailed, what).evidence(unread.join("\n")).into())
}

/// Makes the table on the first node, from which replication brings it to the others, and returns when all have it.
///
/// Nobody writes before: nodes keep an order for what comes from one node, none for what comes from two. A row of n3
/// that reaches n2 before the table of n1 does cannot be stored there, and Spock does not try it a second time.
async fn make_table(databases: &[Database], run: &str) -> Result<()> {
    let Some((first, others)) = databases.split_first() else { return Ok(()) };
    let make = async {
        first.run(Role::Application, &create_statement(), STATEMENT).await?;
        // A table alone could be that of a killed run, whose end is still on its way here. A row of this run comes after.
        first.run(Role::Application, &write_statement(run, TABLE_IS_HERE), STATEMENT).await
    };
    let seen = futures::future::try_join_all(others.iter().map(|other| read(other, run, &[TABLE_IS_HERE])));
    let (_, seen) = tokio::try_join!(make, seen)?;
    let without = others.iter().zip(seen).filter(|(_, seen)| seen.is_empty());
    let without: Vec<String> =
        without.map(|(other, _)| format!("made on {}, not there on {}", first.node, other.node)).collect();
    if without.is_empty() {
        return Ok(());
    }
    let what = format!("the table of the proof did not reach every node within {ARRIVAL_SECONDS} s");
    Err(Failure::new(FailureId::ProofFailed, what).evidence(without.join("\n")).into())
}

/// What one node sees of the rows of the writers, at the latest when they had [`ARRIVAL_SECONDS`] to arrive.
async fn read(database: &Database, run: &str, writers: &[&str]) -> Result<Vec<Read>> {
    let deadline = Duration::from_secs(u64::from(ARRIVAL_SECONDS)) + STATEMENT;
    let rows = database.run(Role::Application, &read_statements(run, writers), deadline).await?;
    let arrived = rows.into_iter().filter_map(|fields| {
        let [writer, lag] = <[String; 2]>::try_from(fields).ok()?;
        Some(Read { written_on: writer, read_on: database.node.clone(), lag_ms: lag.parse().ok()? })
    });
    Ok(arrived.collect())
}

fn unread(matrix: &Matrix) -> Vec<String> {
    let mut unread = Vec::new();
    for writer in &matrix.nodes {
        for reader in matrix.nodes.iter().filter(|reader| *reader != writer) {
            if !matrix.reads.iter().any(|read| read.written_on == *writer && read.read_on == *reader) {
                unread.push(format!("written on {writer}, not read on {reader}"));
            }
        }
    }
    unread
}

fn create_statement() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (run text, writer text, written_at timestamptz NOT NULL DEFAULT clock_timestamp(), \
         PRIMARY KEY (run, writer))"
    )
}

fn write_statement(run: &str, writer: &str) -> String {
    format!("INSERT INTO {TABLE} (run, writer) VALUES ('{run}', '{writer}')")
}

/// Looks for the rows of the writers every few milliseconds, inside the server, and returns when each was first seen. Each
/// look is left by an exception, which gives its lock back: what a killed run has left must not be kept from being dropped.
fn read_statements(run: &str, writers: &[&str]) -> String {
    let writers = writers.iter().map(|writer| format!("'{writer}'")).collect::<Vec<_>>().join(", ");
    format!(
        "DO $$ DECLARE patience timestamptz := clock_timestamp() + interval '{ARRIVAL_SECONDS} s'; \
           awaited text[] := ARRAY[{writers}]; sought text; lag numeric; seen text[] := '{{}}'; \
         BEGIN LOOP \
           BEGIN FOREACH sought IN ARRAY awaited LOOP \
             EXECUTE 'SELECT extract(epoch FROM clock_timestamp() - written_at) * 1000 FROM {TABLE} WHERE run = $1 AND writer = $2' \
               INTO lag USING '{run}', sought; \
             IF lag IS NOT NULL THEN seen := seen || (sought || ' ' || round(lag, 3)); awaited := array_remove(awaited, sought); END IF; \
           END LOOP; RAISE EXCEPTION 'look again'; EXCEPTION WHEN undefined_table OR raise_exception THEN NULL; END; \
           EXIT WHEN awaited = '{{}}' OR clock_timestamp() > patience; \
           PERFORM pg_sleep(0.002); \
         END LOOP; PERFORM set_config('pgedge_bootstrap.seen', array_to_string(seen, ','), false); END $$; \
         SELECT split_part(row, ' ', 1), split_part(row, ' ', 2) \
           FROM unnest(string_to_array(current_setting('pgedge_bootstrap.seen'), ',')) AS row WHERE row <> ''"
    )
}

/// Dropping on the first node is enough where replication works; where it does not, every node has its own remains.
async fn clean_up(databases: &[Database], replicates: bool) -> Result<()> {
    let drop_table = format!("DROP TABLE IF EXISTS {TABLE}");
    let places = if replicates { databases.get(..1).unwrap_or_default() } else { databases };
    let mut dropped = Ok(Vec::new());
    for database in places {
        dropped = database.run(Role::Application, &drop_table, STATEMENT).await;
    }
    // After a failure the failure is what counts.
    if replicates { dropped.map(drop) } else { Ok(()) }
}

/// Different for any two runs on this machine, and unlikely to be the same for two machines.
fn unique_key() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(node: &str, provider: &str, status: &str) -> Subscription {
        Subscription { node: node.into(), provider: provider.into(), status: status.into() }
    }

    #[test]
    fn every_ordered_pair_must_replicate() {
        let nodes = ["n1".to_owned(), "n2".to_owned()];
        let both = [subscription("n1", "n2", "replicating"), subscription("n2", "n1", "replicating")];
        assert!(down(&nodes, &both).is_empty());
        assert_eq!(down(&nodes, &both[..1]), ["n2 does not subscribe to n1"]);
        let one_down = [both[0].clone(), subscription("n2", "n1", "down")];
        assert_eq!(down(&nodes, &one_down), ["the subscription of n2 to n1 is down"]);
    }

    #[test]
    fn a_read_that_is_missing_is_named() {
        let read = Read { written_on: "n1".into(), read_on: "n2".into(), lag_ms: 1.0 };
        let matrix = Matrix { run: "1".into(), nodes: vec!["n1".into(), "n2".into()], reads: vec![read] };
        assert_eq!(unread(&matrix), ["written on n2, not read on n1"]);
    }
}
