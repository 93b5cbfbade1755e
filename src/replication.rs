//! Is replication wired, and does it work? Reading Spock's state is one question; writing on every node and reading
//! on every other is the answer.

mod discards;
mod proof;
mod reason;
mod state;
mod unsent;
mod waiting;

use anyhow::{Context as _, Result};
use bootstrap_cluster::sql::{Database, Role};

pub(crate) use discards::{Discarded, discarded};
pub(crate) use proof::{Late, Proven, in_megabytes, prove};
pub(crate) use reason::{Places, Reason, is_known_cause, not_replicating};
pub(crate) use state::Subscription;
pub(crate) use unsent::{Before, MadeAnew, Unsent, foresee, unsent};
pub(crate) use waiting::{Next, Waiting};

use crate::patience;
use reason::reasons_of;
use state::NodeLook;
use unsent::Known;

/// How much of a server's log is read for the reason, and how old it may be: workers that fail are tried every five seconds.
const LOG_LINES: i64 = 500;
const LOG_SECONDS: i64 = 60;

/// What one look at all nodes shows.
#[derive(Debug, Clone)]
pub(crate) struct Mesh {
    /// Every ordered pair of nodes, whether there is a subscription or not.
    pub(crate) subscriptions: Vec<Subscription>,
    /// What each node has thrown away; the nodes that have thrown away nothing are not named.
    pub(crate) discarded: Vec<Discarded>,
    /// What is never sent, as it is noted in the cluster; a look at the nodes alone does not know it.
    pub(crate) unsent: Vec<Unsent>,
}

/// Looks at all nodes at once.
///
/// # Errors
/// [`bootstrap_run::failure::FailureId::SqlFailed`] of a server that does not answer.
pub(crate) async fn look(databases: &[Database]) -> Result<Mesh> {
    let looks = futures::future::try_join_all(databases.iter().map(look_at)).await?;
    let discarded = looks.iter().filter_map(NodeLook::discarded).collect();
    Ok(Mesh { subscriptions: state::subscriptions(&looks), discarded, unsent: Vec::new() })
}

async fn look_at(database: &Database) -> Result<NodeLook> {
    match database.run(Role::Superuser, state::LOOK, patience::STATEMENT).await {
        Ok(rows) => NodeLook::read(&database.node, &rows.concat().concat()),
        Err(error) => match database.run(Role::Superuser, state::IS_WITHOUT_SPOCK, patience::STATEMENT).await {
            Ok(rows) if rows.concat() == ["t"] => Ok(NodeLook::without_spock(&database.node)),
            _ => Err(error),
        },
    }
}

/// What a node shows of what it has and has received, before the chart runs.
///
/// # Errors
/// As [`look`].
pub(crate) async fn before_the_chart(database: &Database) -> Result<Before> {
    let ask = async |statement: &str| -> Result<String> {
        Ok(database.run(Role::Superuser, statement, patience::STATEMENT).await?.concat().concat())
    };
    let mut known = Known::read(look_at(database).await?, &ask(unsent::BEFORE).await?)?;
    if known.notes_progress() {
        known.received(&ask(unsent::RECEIVED).await?)?;
    }
    Ok(Before::Known(Box::new(known)))
}

/// How many transactions of its own a node has committed since a moment that a server gave.
///
/// # Errors
/// As [`look`], and where the server keeps no times of commits.
pub(crate) async fn committed_since(database: &Database, since: &str) -> Result<u64> {
    let counted =
        database.run(Role::Superuser, &unsent::count_statement(since), patience::STATEMENT).await?.concat().concat();
    counted.parse().with_context(|| format!("not a number: {counted}"))
}

/// Why each of these subscriptions does not replicate, as far as its own server's log tells.
pub(crate) async fn reasons(databases: &[Database], down: &[Subscription]) -> Vec<Reason> {
    let of_one = async |database: &Database| -> Vec<Reason> {
        let own: Vec<&Subscription> = down.iter().filter(|found| found.node == database.node).collect();
        if own.is_empty() {
            return Vec::new();
        }
        // A log that cannot be read gives no reason; the failure itself is told without one.
        let log = database.log(LOG_LINES, LOG_SECONDS).await.unwrap_or_default();
        reasons_of(&log, &own)
    };
    futures::future::join_all(databases.iter().map(of_one)).await.concat()
}
