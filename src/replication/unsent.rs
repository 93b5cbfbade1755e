//! Rows that are never sent. Pure, except for the statements that query the servers.
//!
//! A replication slot keeps what its provider writes until the subscriber has received it. A slot that was lost and is
//! recreated starts at the moment of its creation, and a node that is recreated starts empty. Afterwards all subscriptions
//! replicate and the rows written in between stay missing; the servers no longer show the gap. So it is predicted before the
//! chart's job recreates anything, recorded in the cluster (`steps::unsent`), and reported until a person acknowledges it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use serde::{Deserialize, Serialize};

use super::state::{self, NodeLook, State};

/// What was made anew, so that something is never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MadeAnew {
    /// The provider had lost the slot.
    Slot,
    /// The node had no subscription to the provider, which has tables.
    Subscription,
    /// The node was gone, and comes back empty.
    Node,
    /// The provider was gone, and comes back empty. The node remembers how far it had read the old one, and is not sent what the
    /// new one writes until that has written as much.
    Provider,
}

/// What one node is never sent by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unsent {
    pub(crate) node: String,
    pub(crate) provider: String,
    pub(crate) made_anew: MadeAnew,
    /// The slot on the provider, where the node had a subscription.
    pub(crate) slot: Option<String>,
    /// When the provider committed what the node has received last; otherwise when the lack was seen (RFC 3339, UTC).
    pub(crate) since: String,
    /// Whether `since` is that commit.
    pub(crate) is_since_received: bool,
    /// How many transactions the provider has committed since, of any kind and in any database; none where that is not known.
    pub(crate) transactions: Option<u64>,
}

/// Asks a node for the moment, and whether there is anything in its database that others could lack.
pub(super) const BEFORE: &str = "SELECT json_build_object(\
 'at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
 'has_tables', EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
   AND c.relname <> 'pgedge_bootstrap_proof' \
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')), \
 'notes_progress', to_regclass('spock.progress') IS NOT NULL)";

/// Asks a node when each provider has committed what was applied here last. Before anything was, Spock notes the beginning of
/// PostgreSQL's time.
pub(super) const RECEIVED: &str = "SELECT coalesce(json_object_agg(n.node_name, \
   to_char(p.remote_commit_ts AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')), '{}') \
 FROM spock.progress p JOIN spock.local_node l ON l.node_id = p.node_id JOIN spock.node n ON n.node_id = p.remote_node_id \
 WHERE p.remote_commit_ts > '2001-01-01'";

/// How many transaction numbers are looked at; a count of more is one of at least so many.
const LOOKED_AT: u32 = 1_000_000;

/// Asks a provider how many transactions of its own it has committed since that moment. What it has received from others is not
/// its to send. A subtransaction has a number of its own, and the time of its transaction.
pub(super) fn count_statement(since: &str) -> String {
    format!(
        "SELECT count(DISTINCT t.timestamp) FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) s, \
         LATERAL (SELECT number % 4294967296 AS number FROM generate_series(greatest(s.next - {LOOKED_AT}, 3), s.next - 1) number \
           WHERE number % 4294967296 >= 3) n, \
         LATERAL pg_xact_commit_timestamp_origin(n.number::text::xid) t WHERE t.roident = 0 AND t.timestamp > '{since}'"
    )
}

/// What a node shows before the chart runs.
#[derive(Debug, Clone)]
pub(crate) enum Before {
    /// There is no such node: the chart makes it, and empty.
    Gone,
    /// It does not answer, and may have everything.
    Silent,
    Known(Box<Known>),
}

/// What a node shows that answers.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    look: NodeLook,
    asked: Asked,
    received: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Asked {
    at: String,
    has_tables: bool,
    notes_progress: bool,
}

impl Known {
    pub(super) fn read(look: NodeLook, asked: &str) -> Result<Self> {
        let asked = serde_json::from_str(asked).with_context(|| format!("not understood: {asked}"))?;
        Ok(Self { look, asked, received: BTreeMap::new() })
    }

    pub(super) fn notes_progress(&self) -> bool {
        self.asked.notes_progress
    }

    pub(super) fn received(&mut self, json: &str) -> Result<()> {
        self.received = serde_json::from_str(json).with_context(|| format!("not understood: {json}"))?;
        Ok(())
    }
}

/// What will not be sent when the chart's job has made all that is missing. What was never wired is told only where the
/// provider has tables: a first installation that was interrupted has none.
pub(crate) fn foresee(nodes: &[(String, Before)]) -> Vec<Unsent> {
    let mut found = Vec::new();
    for (node, own) in nodes {
        for (provider, other) in nodes.iter().filter(|(provider, _)| provider != node) {
            found.extend(foresee_of(node, own, provider, other));
        }
    }
    found
}

fn foresee_of(node: &str, own: &Before, provider: &str, other: &Before) -> Option<Unsent> {
    let unsent = |made_anew: MadeAnew, slot: Option<String>, at: &str| Unsent {
        node: node.to_owned(),
        provider: provider.to_owned(),
        made_anew,
        slot: slot.filter(|slot| !slot.is_empty()),
        since: at.to_owned(),
        is_since_received: false,
        transactions: None,
    };
    match (own, other) {
        (Before::Silent, _) | (_, Before::Silent) | (Before::Gone, Before::Gone) => None,
        (Before::Gone, Before::Known(other)) => {
            other.asked.has_tables.then(|| unsent(MadeAnew::Node, None, &other.asked.at))
        }
        (Before::Known(own), Before::Gone) => {
            let slot = own.look.slot_of(provider)?;
            Some(unsent(MadeAnew::Provider, Some(slot.to_owned()), &own.asked.at))
        }
        (Before::Known(own), Before::Known(other)) => {
            let way = state::way(&own.look, &other.look);
            let made_anew = match way.state {
                State::Missing | State::Unregistered => MadeAnew::Subscription,
                _ if way.slot_is_there => return None,
                _ => MadeAnew::Slot,
            };
            let mut found = unsent(made_anew, Some(way.slot), &other.asked.at);
            if let Some(received) = own.received.get(provider) {
                found.since.clone_from(received);
                found.is_since_received = true;
            }
            // A node that has received something has the provider's tables, and keeps those that are dropped there meanwhile.
            let may_lack = other.asked.has_tables || found.is_since_received && own.asked.has_tables;
            may_lack.then_some(found)
        }
    }
}

impl Unsent {
    /// Adds what was noted of the same way before and was not acknowledged: it has begun then.
    pub(crate) fn follows(&mut self, noted: &Self) {
        if noted.since == self.since {
            return;
        }
        self.transactions = noted.transactions.zip(self.transactions).map(|(before, now)| before.saturating_add(now));
        self.made_anew = noted.made_anew;
        self.since.clone_from(&noted.since);
        self.is_since_received = noted.is_since_received;
    }

    /// `n2 from n1: the slot spk_app_n1_sub_n1_n2 was made anew: what is replicated of the 3 transactions that n1 committed after … is not sent`
    pub(crate) fn in_words(&self) -> String {
        let Self { node, provider, since, .. } = self;
        let slot = self.slot.as_deref().unwrap_or_default();
        let what = match self.made_anew {
            MadeAnew::Slot => format!("the slot {slot} was recreated"),
            MadeAnew::Subscription => "the subscription was recreated".to_owned(),
            MadeAnew::Node => format!("{node} was recreated, and empty"),
            MadeAnew::Provider => format!("{provider} was recreated, and empty"),
        };
        let what = if self.is_since_received { what } else { format!("{what} at {since}") };
        let lack = match (self.made_anew, self.transactions) {
            (MadeAnew::Provider, _) => format!("what it writes before {node} subscribes to it again is not sent"),
            (_, Some(number)) => {
                let plural = if number == 1 { "" } else { "s" };
                format!(
                    "what is replicated of the {number} transaction{plural} that {provider} committed after {since} is not sent"
                )
            }
            (_, None) if self.is_since_received => {
                format!("what {provider} wrote between {since} and then is not sent")
            }
            (_, None) => format!("what {provider} wrote before is not sent"),
        };
        format!("{node} from {provider}: {what}: {lack}")
    }
}

/// The failure that says so; `None` if nothing is noted. `note`: the ConfigMap in which it is.
pub(crate) fn unsent(
    unsent: &[Unsent],
    note: &str,
    namespace: &str,
    cluster_of: fn(&str) -> String,
) -> Option<Failure> {
    let first = unsent.first()?;
    let mut nodes: Vec<&str> = unsent.iter().map(|unsent| unsent.node.as_str()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let what = format!("rows may be missing on {}: they are not sent again", nodes.join(", "));
    let evidence: Vec<String> = unsent.iter().map(Unsent::in_words).collect();
    let psql = |cluster: &str| format!("kubectl cnpg psql {cluster} --namespace {namespace} -- app");
    // An empty node takes all of one other, with what comes from it later; what the rest sends is there, or comes.
    let mut empty: Vec<&Unsent> = unsent.iter().filter(|way| way.made_anew == MadeAnew::Node).collect();
    empty.dedup_by_key(|way| &way.node);
    let copies = empty.iter().map(|way| {
        let Unsent { node, provider, .. } = way;
        let name = format!("sub_{provider}_{node}");
        format!(
            "if {node} has no tables, copy those of {provider} with `{} -c \"SELECT spock.sub_drop('{name}')\" -c \"SELECT spock.sub_create('{name}', \
             (SELECT if_dsn FROM spock.node_interface WHERE if_name = '{provider}'), synchronize_structure := true, synchronize_data := true)\"`; ",
            psql(&cluster_of(node)),
        )
    });
    let hint = format!(
        "{}compare the nodes, for example `for cluster in {} {}; do {} -c \"SELECT relid::regclass, n_live_tup FROM pg_stat_user_tables WHERE \
         schemaname <> 'spock' ORDER BY 1\"; done`, write what is missing on the nodes that lack it, then acknowledge with \
         `kubectl delete configmap {note} --namespace {namespace}`; ",
        copies.collect::<String>(),
        cluster_of(&first.provider),
        cluster_of(&first.node),
        psql("$cluster"),
    );
    Some(Failure::new(FailureId::RowsMissing, what).evidence(evidence.join("\n")).hint(hint![
        hint,
        Ours::Env,
        " prints what makes kubectl work here"
    ]))
}

#[cfg(test)]
mod tests;
