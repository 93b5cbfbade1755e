//! The proof: a row is written on every node and read on every other one.
//!
//! Nodes keep an order for what comes from one node, none for what comes from two. So a table that is dropped while a
//! row of it is still on its way from another node is gone when the row arrives, and Spock throws the row away, or
//! disables the subscription. Three rules keep that from happening, whoever was killed when, and whoever else proves:
//!
//! - the table is dropped only after a proof that held: then every stream has brought this run's row to every node;
//! - a run writes on a node only while its own is the newest run that is known there, under a lock that keeps a newer one
//!   from becoming known meanwhile. So whatever an earlier run wrote stands in each stream before this run's row;
//! - it is dropped on the first node only, where every run begins, and only if no newer run has begun there.
//!
//! After a failure the table stays. Its name is fixed: the next proof uses it, and removes it when it holds.

use std::time::Duration;

use anyhow::Result;
use bootstrap_cluster::sql::{Database, Role};
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::matrix::{Matrix, Read};
use tokio::time::Instant;

use super::reason::Reason;
use super::state::Subscription;
use crate::patience;

/// How often is begun anew because another run has begun.
const TRIES: usize = 3;

const TABLE: &str = "public.pgedge_bootstrap_proof";

/// Who writes the row that says that a run has begun. No node is called so.
const RUN_BEGINS: &str = "table";

/// How a proof ended that could be tried.
#[derive(Debug)]
pub(crate) enum Proven {
    Holds(Matrix),
    /// What did not arrive in time.
    Late(Late),
}

/// What did not arrive in time, and where.
#[derive(Debug, Clone)]
pub(crate) struct Late {
    what: String,
    /// Written on the first and not seen on the second.
    pairs: Vec<(String, String)>,
}

/// Writes a row of its own on every node and reads it on every other one. The table is removed after a proof that held.
///
/// # Errors
/// Of a server that does not do what it is told.
pub(crate) async fn prove(databases: &[Database]) -> Result<Proven> {
    let end = Instant::now() + patience::ROWS_ARRIVE;
    let mut tries = 1;
    loop {
        match try_to_prove(databases, &unique_key(), end).await? {
            Some(proven) => return Ok(proven),
            // What a killed run has left at work may begin after we did; the next try is newer.
            None if tries < TRIES => tries += 1,
            None => {
                let what = "another proof began each time that this one did";
                return Err(Failure::new(FailureId::ProofFailed, what).into());
            }
        }
    }
}

/// One try; `None` if another run has begun meanwhile.
async fn try_to_prove(databases: &[Database], run: &str, end: Instant) -> Result<Option<Proven>> {
    let without = make_table(databases, run, end).await?;
    if !without.is_empty() {
        let what =
            format!("the table of the proof did not reach every node within {} s", patience::ROWS_ARRIVE.as_secs());
        return Ok(Some(Proven::Late(Late { what, pairs: without })));
    }
    let matrix = match write_and_read(databases, run, end).await {
        Ok(matrix) => matrix,
        Err(error) if error.is::<NewerRun>() => return Ok(None),
        Err(error) => return Err(error),
    };
    let unread = unread(&matrix);
    if unread.is_empty() {
        remove_table(databases, run).await?;
        return Ok(Some(Proven::Holds(matrix)));
    }
    let pairs = matrix.nodes.len() * matrix.nodes.len().saturating_sub(1);
    let what = format!("{} of {pairs} writes were not read within {} s", unread.len(), patience::ROWS_ARRIVE.as_secs());
    Ok(Some(Proven::Late(Late { what, pairs: unread })))
}

type Pair = (String, String);

async fn write_and_read(databases: &[Database], run: &str, end: Instant) -> Result<Matrix> {
    let nodes: Vec<String> = databases.iter().map(|database| database.node.clone()).collect();
    let write = async |database: &Database| write(database, run).await;
    let read = async |database: &Database| {
        let writers: Vec<&str> = nodes.iter().filter(|node| **node != database.node).map(String::as_str).collect();
        read(database, run, &writers, end).await
    };
    // The readers look before there is anything to see: a lag shorter than starting a session would be invisible.
    let (reads, _) = tokio::try_join!(
        futures::future::try_join_all(databases.iter().map(read)),
        futures::future::try_join_all(databases.iter().map(write)),
    )?;
    Ok(Matrix { run: run.to_owned(), nodes, reads: reads.into_iter().flatten().collect() })
}

/// Makes the table on the first node, from which replication brings it to the others, and returns when all have it and know
/// of this run: nobody writes before. Those that do not have it by the end are returned.
async fn make_table(databases: &[Database], run: &str, end: Instant) -> Result<Vec<Pair>> {
    let Some((first, others)) = databases.split_first() else { return Ok(Vec::new()) };
    let make = async {
        first.run(Role::Application, &create_statement(), patience::STATEMENT).await?;
        match first.run(Role::Application, &begin_statement(run), patience::STATEMENT).await {
            // Another run that held may have removed the table in between.
            Err(_) => {
                first.run(Role::Application, &create_statement(), patience::STATEMENT).await?;
                first.run(Role::Application, &begin_statement(run), patience::STATEMENT).await
            }
            begun => begun,
        }
    };
    let seen = futures::future::try_join_all(others.iter().map(|other| read(other, run, &[RUN_BEGINS], end)));
    let (_, seen) = tokio::try_join!(make, seen)?;
    let without = others.iter().zip(seen).filter(|(_, seen)| seen.is_empty());
    Ok(without.map(|(other, _)| (first.node.clone(), other.node.clone())).collect())
}

/// A node knows of a newer run, so nothing was written there.
#[derive(Debug)]
struct NewerRun;

impl std::fmt::Display for NewerRun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("another proof has begun meanwhile")
    }
}

impl std::error::Error for NewerRun {}

async fn write(database: &Database, run: &str) -> Result<()> {
    let written = database.run(Role::Application, &write_statement(run, &database.node), patience::STATEMENT).await?;
    if written.is_empty() { Err(NewerRun.into()) } else { Ok(()) }
}

/// What one node sees of the rows of the writers by the end.
async fn read(database: &Database, run: &str, writers: &[&str], end: Instant) -> Result<Vec<Read>> {
    let left = end.saturating_duration_since(Instant::now());
    let rows =
        database.run(Role::Application, &read_statements(run, writers, left), left + patience::SESSION_OPENS).await?;
    let arrived = rows.into_iter().filter_map(|fields| {
        let [writer, lag] = <[String; 2]>::try_from(fields).ok()?;
        Some(Read { written_on: writer, read_on: database.node.clone(), lag_ms: lag.parse().ok()? })
    });
    Ok(arrived.collect())
}

fn unread(matrix: &Matrix) -> Vec<Pair> {
    let mut unread = Vec::new();
    for writer in &matrix.nodes {
        for reader in matrix.nodes.iter().filter(|reader| *reader != writer) {
            if !matrix.reads.iter().any(|read| read.written_on == *writer && read.read_on == *reader) {
                unread.push((writer.clone(), reader.clone()));
            }
        }
    }
    unread
}

impl Late {
    /// The failure, with what each way looks like now: one that is behind is told from one that is broken.
    pub(crate) fn failure(&self, subscriptions: &[Subscription], reasons: &[Reason]) -> Failure {
        let mut failure = Failure::new(FailureId::ProofFailed, self.what.as_str());
        let mut all_lag = true;
        for (writer, reader) in &self.pairs {
            let way = subscriptions.iter().find(|way| way.node == *reader && way.provider == *writer);
            all_lag &= way.is_some_and(Subscription::replicates);
            let way = way.map(|way| format!(": {}", in_words(way, reasons))).unwrap_or_default();
            failure = failure.evidence(format!("written on {writer}, not read on {reader}{way}"));
        }
        failure = failure.evidence(format!(
            "the table {TABLE} stays, for a late row must find it; the next proof that holds removes it"
        ));
        if !all_lag {
            return failure;
        }
        failure.hint(hint![
            "replication works and is behind: ",
            Ours::Status,
            " shows by how much, and ",
            Ours::Prove,
            " proves it when it has caught up"
        ])
    }
}

fn in_words(way: &Subscription, reasons: &[Reason]) -> String {
    if !way.replicates() {
        let why = super::reason::why(way, reasons).map(|why| format!(": {why}")).unwrap_or_default();
        return format!("{}{why}", way.in_words());
    }
    let bytes = way.behind_bytes.map(|bytes| format!(", {} of WAL behind", in_megabytes(bytes))).unwrap_or_default();
    let seconds = way.behind_seconds.map(|seconds| format!(", {seconds:.0} s late")).unwrap_or_default();
    format!("{}{bytes}{seconds}", way.in_words())
}

/// `0.1 MB`, `812.4 MB`
pub(crate) fn in_megabytes(bytes: i64) -> String {
    let tenths = bytes.max(0).saturating_add(50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn create_statement() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (run text, writer text, written_at timestamptz NOT NULL DEFAULT clock_timestamp(), \
         PRIMARY KEY (run, writer))"
    )
}

/// Readers are not kept out, rows of other nodes are: they wait until this is committed.
fn locked(statement: &str) -> String {
    format!("BEGIN; LOCK TABLE {TABLE} IN SHARE ROW EXCLUSIVE MODE; {statement}; COMMIT")
}

/// The run that has begun last, as far as a node knows. Its time is the first node's, which may be set back: a run is
/// always later than those before it.
fn newest_run() -> String {
    format!("(SELECT run FROM {TABLE} WHERE writer = '{RUN_BEGINS}' ORDER BY written_at DESC, run DESC LIMIT 1)")
}

fn begin_statement(run: &str) -> String {
    locked(&format!(
        "INSERT INTO {TABLE} (run, writer, written_at) SELECT '{run}', '{RUN_BEGINS}', \
         greatest(clock_timestamp(), max(written_at) + interval '1 microsecond') FROM {TABLE} WHERE writer = '{RUN_BEGINS}'"
    ))
}

fn write_statement(run: &str, writer: &str) -> String {
    locked(&format!(
        "INSERT INTO {TABLE} (run, writer) SELECT '{run}', '{writer}' WHERE '{run}' = {} RETURNING writer",
        newest_run()
    ))
}

/// Looks for the rows of the writers every few milliseconds, inside the server, and returns when each was first seen. Each
/// look is left by an exception, which gives its lock back: what a killed run has left must not be kept from being dropped.
fn read_statements(run: &str, writers: &[&str], patience: Duration) -> String {
    let writers = writers.iter().map(|writer| format!("'{writer}'")).collect::<Vec<_>>().join(", ");
    let patience = patience.as_millis();
    format!(
        "DO $$ DECLARE patience timestamptz := clock_timestamp() + interval '{patience} ms'; \
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

/// Removes the table on the first node, from which replication tells the others, unless a newer run uses it.
async fn remove_table(databases: &[Database], run: &str) -> Result<()> {
    let Some(first) = databases.first() else { return Ok(()) };
    first.run(Role::Application, &remove_statement(run), patience::STATEMENT).await.map(drop).or_else(|error| {
        let newer = bootstrap_run::failure::of(&error)
            .is_some_and(|found| found.seen().iter().any(|line| line.contains(A_NEWER_RUN_USES_IT)));
        if newer { Ok(()) } else { Err(error) }
    })
}

const A_NEWER_RUN_USES_IT: &str = "a newer proof uses the table";

fn remove_statement(run: &str) -> String {
    format!(
        "BEGIN; LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE; \
         DO $$ BEGIN IF '{run}' <> {} THEN RAISE EXCEPTION '{A_NEWER_RUN_USES_IT}'; END IF; END $$; \
         DROP TABLE {TABLE}; COMMIT",
        newest_run()
    )
}

/// Different for any two runs on this machine, and unlikely to be the same for two machines.
fn unique_key() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

#[cfg(test)]
mod tests;
