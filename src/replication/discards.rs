//! What Spock has thrown away. By default it discards a transaction that it cannot apply, notes that in
//! `spock.exception_log`, and goes on, so that nodes differ while all subscriptions replicate. Every entry counts: one that
//! was dealt with is for a person to delete.

use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use serde::{Deserialize, Serialize};

/// The log of one node as its server counts it. The rows themselves are never read: they are the person's data.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RawDiscards {
    transactions: u64,
    since: Option<String>,
    changes: Vec<Change>,
}

/// A kind of change that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// None of a table that is not there, and of a statement.
    pub(crate) schema: Option<String>,
    pub(crate) table: Option<String>,
    /// `INSERT`, `UPDATE`, `DELETE`, `DDL`, `SUB_DISABLE`, …
    pub(crate) operation: String,
    pub(crate) times: u64,
}

/// What one node has not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Discarded {
    pub(crate) node: String,
    pub(crate) transactions: u64,
    /// When the first of them was given up (RFC 3339, UTC).
    pub(crate) since: String,
    pub(crate) changes: Vec<Change>,
}

/// How many kinds of changes are told of a node; the log has the rest.
const TOLD: usize = 5;

impl Discarded {
    pub(super) fn of(node: &str, raw: &RawDiscards) -> Option<Self> {
        (raw.transactions > 0).then(|| Self {
            node: node.to_owned(),
            transactions: raw.transactions,
            since: raw.since.clone().unwrap_or_default(),
            changes: raw.changes.clone(),
        })
    }

    /// `n2: 3 transactions since 2026-11-26T18:01:02Z: INSERT on public.demo (2 times), DDL`
    pub(crate) fn in_words(&self) -> String {
        let mut changes: Vec<String> = self.changes.iter().take(TOLD).map(Change::in_words).collect();
        if self.changes.len() > TOLD {
            changes.push("and more".to_owned());
        }
        let plural = if self.transactions == 1 { "" } else { "s" };
        let Self { node, transactions, since, .. } = self;
        format!("{node}: {transactions} transaction{plural} since {since}: {}", changes.join(", "))
    }
}

impl Change {
    fn in_words(&self) -> String {
        let table = match (&self.schema, &self.table) {
            (Some(schema), Some(table)) => format!(" on {schema}.{table}"),
            (None, Some(table)) => format!(" on {table}"),
            _ => String::new(),
        };
        let times = if self.times == 1 { String::new() } else { format!(" ({} times)", self.times) };
        format!("{}{table}{times}", self.operation)
    }
}

/// The failure that says so; `None` if nothing was thrown away.
pub(crate) fn discarded(discarded: &[Discarded], namespace: &str, cluster_of: fn(&str) -> String) -> Option<Failure> {
    let first = discarded.first()?;
    let transactions: u64 = discarded.iter().map(|node| node.transactions).sum();
    let plural = if transactions == 1 { " was" } else { "s were" };
    let what = format!("{transactions} transaction{plural} discarded: the nodes may differ");
    let evidence: Vec<String> = discarded.iter().map(Discarded::in_words).collect();
    let psql = format!("kubectl cnpg psql {} --namespace {namespace} -- app -c", cluster_of(&first.node));
    let hint = format!(
        "look with `{psql} \"SELECT retry_errored_at, table_schema, table_name, operation, remote_new_tup, ddl_statement, error_message FROM spock.exception_log\"`, \
         remove the cause, write what is missing on the nodes that lack it, then acknowledge with `{psql} \"DELETE FROM spock.exception_log\"` on each node that is \
         named; "
    );
    Some(Failure::new(FailureId::TransactionsDiscarded, what).evidence(evidence.join("\n")).hint(hint![
        hint,
        Ours::Env,
        " prints what makes kubectl work here"
    ]))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn raw(transactions: u64, changes: &serde_json::Value) -> RawDiscards {
        let since = "2026-11-26T18:01:02Z";
        serde_json::from_value(serde_json::json!({"transactions": transactions, "since": since, "changes": changes}))
            .unwrap()
    }

    #[test]
    fn an_empty_log_is_no_failure() {
        assert_eq!(Discarded::of("n1", &raw(0, &serde_json::json!([]))), None);
        assert!(discarded(&[], "default", str::to_owned).is_none());
    }

    #[test]
    fn what_was_discarded_is_counted_and_named_without_its_rows() {
        let changes = serde_json::json!([
            {"schema": "public", "table": "demo", "operation": "INSERT", "times": 2},
            {"schema": null, "table": null, "operation": "DDL", "times": 1},
        ]);
        let node = Discarded::of("n2", &raw(3, &changes)).unwrap();
        let failure = discarded(&[node], "lab", |node| format!("pgedge-{node}")).unwrap();
        assert_eq!(failure.id(), FailureId::TransactionsDiscarded);
        assert_eq!(failure.summary(), "3 transactions were discarded: the nodes may differ");
        assert_eq!(
            failure.seen(),
            ["n2: 3 transactions since 2026-11-26T18:01:02Z: INSERT on public.demo (2 times), DDL"]
        );
        assert!(
            failure
                .advice(&bootstrap_run::failure::Invocation::default())
                .contains("kubectl cnpg psql pgedge-n2 --namespace lab -- app -c")
        );
    }
}
