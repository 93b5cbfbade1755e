//! The state of a subscription, from what both of its ends show. Pure, but for the statement that asks.
//!
//! Spock calls a subscription `replicating` when its worker runs. One that cannot connect is started again every five
//! seconds and runs for some milliseconds each time, so that word alone is no proof. What the provider shows is: a
//! sender that has streamed into this subscription's slot for a second has been asked for the slot, has loaded the
//! plugin, and was not left again. Its age is as good as two looks a second apart, and costs no second.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::discards::{Discarded, RawDiscards};

/// A sender that is younger may be gone at the next look.
const SETTLED_SECONDS: f64 = 1.0;

/// Everything that one node knows of its subscriptions, of the slots that others read from it, and of what it has
/// thrown away; one JSON object. A server without a node of its own refuses `sub_show_status()`, so it is not asked.
pub(super) const LOOK: &str = "SELECT json_build_object(\
 'registered', EXISTS (SELECT FROM spock.local_node), \
 'subscriptions', (SELECT coalesce(json_agg(json_build_object('name', s.subscription_name, 'provider', s.provider_node, \
   'status', s.status, 'slot', s.slot_name, 'id', c.sub_id::bigint)), '[]') \
   FROM spock.sub_show_status() s JOIN spock.subscription c ON c.sub_name = s.subscription_name \
   WHERE EXISTS (SELECT FROM spock.local_node)), \
 'slots', (SELECT coalesce(json_agg(json_build_object('name', l.slot_name, 'lost', l.wal_status IS NOT DISTINCT FROM 'lost', \
   'sending_seconds', CASE WHEN r.state IN ('streaming', 'catchup') THEN extract(epoch FROM clock_timestamp() - r.backend_start) END, \
   'behind_bytes', pg_wal_lsn_diff(pg_current_wal_lsn(), l.confirmed_flush_lsn)::bigint, \
   'behind_seconds', extract(epoch FROM r.replay_lag))), '[]') \
   FROM pg_replication_slots l LEFT JOIN pg_stat_replication r ON r.pid = l.active_pid WHERE l.database = current_database()), \
 'switched_off', (SELECT coalesce(json_agg(json_build_object('words', d.error_message, \
   'at', to_char(d.retry_errored_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
   'operations', (SELECT string_agg(DISTINCT concat_ws(' on ', e.operation, nullif(concat_ws('.', nullif(e.table_schema, ''), nullif(e.table_name, '')), '')), ', ') \
      FROM spock.exception_log e WHERE e.remote_commit_ts = d.remote_commit_ts AND e.operation <> 'SUB_DISABLE')) \
   ORDER BY d.retry_errored_at), '[]') FROM spock.exception_log d WHERE d.operation = 'SUB_DISABLE'), \
 'discards', (SELECT json_build_object(\
   'transactions', (SELECT count(DISTINCT (e.remote_origin, e.remote_commit_ts, e.remote_xid)) FROM spock.exception_log e), \
   'since', (SELECT to_char(min(e.retry_errored_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM spock.exception_log e), \
   'changes', (SELECT coalesce(json_agg(g), '[]') FROM (SELECT nullif(e.table_schema, '') AS schema, nullif(e.table_name, '') AS table, \
      coalesce(e.operation, '') AS operation, count(*) AS times FROM spock.exception_log e GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT 20) g))))";

/// Whether the extension has been taken away: its tables cannot even be named then.
pub(super) const IS_WITHOUT_SPOCK: &str = "SELECT to_regclass('spock.local_node') IS NULL";

#[derive(Debug, Clone, Default, Deserialize)]
struct Answer {
    registered: bool,
    subscriptions: Vec<Row>,
    slots: Vec<Slot>,
    switched_off: Vec<SwitchedOff>,
    discards: RawDiscards,
}

#[derive(Debug, Clone, Deserialize)]
struct Row {
    name: String,
    provider: String,
    status: String,
    slot: String,
    id: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Slot {
    name: String,
    lost: bool,
    /// How long somebody has been sent something out of it without a break; none if nobody is.
    sending_seconds: Option<f64>,
    behind_bytes: Option<i64>,
    behind_seconds: Option<f64>,
}

/// What Spock notes when it disables a subscription by itself.
#[derive(Debug, Clone, Deserialize)]
struct SwitchedOff {
    words: String,
    at: String,
    /// `INSERT on public.demo`: what could not be applied.
    operations: Option<String>,
}

/// What one node shows.
#[derive(Debug, Clone)]
pub(super) struct NodeLook {
    node: String,
    answer: Answer,
}

impl NodeLook {
    pub(super) fn read(node: &str, json: &str) -> Result<Self> {
        let answer = serde_json::from_str(json)
            .with_context(|| format!("{node} answers something that is not understood: {json}"))?;
        Ok(Self { node: node.to_owned(), answer })
    }

    pub(super) fn without_spock(node: &str) -> Self {
        Self { node: node.to_owned(), answer: Answer::default() }
    }

    /// The slot from which this node's subscription to that provider reads; `None` without a subscription.
    pub(super) fn slot_of(&self, provider: &str) -> Option<&str> {
        self.answer.subscriptions.iter().find(|row| row.provider == provider).map(|row| row.slot.as_str())
    }

    pub(super) fn discarded(&self) -> Option<Discarded> {
        Discarded::of(&self.node, &self.answer.discards)
    }
}

/// What is to be thought of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Replicating,
    /// It has begun to replicate within the last second.
    Starting,
    /// Spock copies what was there before.
    Initializing,
    /// Nothing comes from the provider; the worker is tried again every few seconds.
    Down,
    /// A person, or Spock after an exception, has switched it off.
    Disabled,
    /// The provider has no slot for it, and Spock makes none by itself.
    SlotMissing,
    /// The provider has thrown away what the slot stands for.
    SlotLost,
    /// It has confirmed more than the provider has ever written: another server has taken the provider's place, and nothing of it
    /// is sent until it has written as much.
    Ahead,
    /// There is no such subscription.
    Missing,
    /// The database of the node is no node of Spock's.
    Unregistered,
}

/// The way of one ordered pair of nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Subscription {
    pub(crate) node: String,
    pub(crate) provider: String,
    /// Spock's own word; `missing` where there is no subscription.
    pub(crate) status: String,
    pub(crate) state: State,
    /// What the provider has written and the node has not confirmed yet.
    pub(crate) behind_bytes: Option<i64>,
    pub(crate) behind_seconds: Option<f64>,
    #[serde(skip)]
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) slot: String,
    #[serde(skip)]
    pub(crate) slot_is_there: bool,
    /// Spock's number of it, by which its worker is called.
    #[serde(skip)]
    pub(crate) id: Option<i64>,
    /// When and after what Spock has disabled it.
    #[serde(skip)]
    pub(crate) switched_off: Option<String>,
}

impl Subscription {
    pub(crate) fn replicates(&self) -> bool {
        self.state == State::Replicating
    }

    /// Whether it stays so for ever if nobody does anything.
    pub(crate) fn is_final(&self) -> bool {
        use State::{Ahead, Disabled, Missing, SlotLost, SlotMissing, Unregistered};
        matches!(self.state, Ahead | Disabled | Missing | SlotLost | SlotMissing | Unregistered)
    }

    /// Whether the chart's job, run again, mends it.
    pub(super) fn is_mended_by_the_chart(&self) -> bool {
        self.is_final() && !matches!(self.state, State::SlotLost | State::Ahead)
    }

    pub(crate) fn in_words(&self) -> String {
        let Self { node, provider, .. } = self;
        match self.state {
            State::Replicating => format!("the subscription of {node} to {provider} replicates"),
            State::Starting => format!("the subscription of {node} to {provider} has only just started"),
            State::Initializing => format!("the subscription of {node} to {provider} is initializing"),
            State::Down => format!("the subscription of {node} to {provider} is down"),
            State::Disabled => format!("the subscription of {node} to {provider} is disabled"),
            State::SlotMissing => format!("the subscription of {node} to {provider} has no slot on {provider}"),
            State::SlotLost => {
                format!("the slot of {node} on {provider} is lost: what it stood for was removed there")
            }
            State::Ahead => {
                format!(
                    "the subscription of {node} to {provider} is ahead of {provider}, which was recreated or restored"
                )
            }
            State::Missing => format!("{node} does not subscribe to {provider}"),
            State::Unregistered => format!("{node} is not registered as a node of Spock"),
        }
    }
}

/// Every ordered pair.
pub(super) fn subscriptions(looks: &[NodeLook]) -> Vec<Subscription> {
    let slots: BTreeMap<&str, &[Slot]> =
        looks.iter().map(|look| (look.node.as_str(), look.answer.slots.as_slice())).collect();
    let mut found = Vec::new();
    for look in looks {
        for (provider, slots) in slots.iter().filter(|(provider, _)| **provider != look.node) {
            found.push(judge(look, provider, slots));
        }
    }
    found
}

/// The way from one node to another.
pub(super) fn way(look: &NodeLook, provider: &NodeLook) -> Subscription {
    judge(look, &provider.node, &provider.answer.slots)
}

fn judge(look: &NodeLook, provider: &str, slots: &[Slot]) -> Subscription {
    let answer = &look.answer;
    let Some(row) = answer.subscriptions.iter().find(|row| row.provider == provider) else {
        let state = if answer.registered { State::Missing } else { State::Unregistered };
        return Subscription {
            node: look.node.clone(),
            provider: provider.to_owned(),
            status: "missing".to_owned(),
            state,
            behind_bytes: None,
            behind_seconds: None,
            name: String::new(),
            slot: String::new(),
            slot_is_there: false,
            id: None,
            switched_off: None,
        };
    };
    let slot = slots.iter().find(|slot| slot.name == row.slot);
    let word = format!("disabling subscription {} ", row.name);
    let switched_off = answer.switched_off.iter().rev().find(|entry| entry.words.starts_with(&word));
    let switched_off = switched_off.map(|entry| {
        let operations = entry.operations.as_deref().map(|what| format!(" ({what})")).unwrap_or_default();
        format!("Spock disabled it at {} after a change could not be applied{operations}", entry.at)
    });
    Subscription {
        node: look.node.clone(),
        provider: provider.to_owned(),
        status: row.status.clone(),
        state: state_of(&row.status, slot),
        behind_bytes: slot.and_then(|slot| slot.behind_bytes),
        behind_seconds: slot.and_then(|slot| slot.behind_seconds),
        name: row.name.clone(),
        slot: row.slot.clone(),
        slot_is_there: slot.is_some(),
        id: Some(row.id),
        switched_off,
    }
}

fn state_of(status: &str, slot: Option<&Slot>) -> State {
    match (status, slot) {
        ("disabled", _) => State::Disabled,
        ("initializing", _) => State::Initializing,
        (_, None) => State::SlotMissing,
        (_, Some(Slot { lost: true, .. })) => State::SlotLost,
        (_, Some(Slot { behind_bytes: Some(behind), .. })) if *behind < 0 => State::Ahead,
        ("replicating", Some(Slot { sending_seconds: Some(seconds), .. })) if *seconds >= SETTLED_SECONDS => {
            State::Replicating
        }
        ("replicating", Some(Slot { sending_seconds: Some(_), .. })) => State::Starting,
        // Also a worker that runs and is sent nothing: it is being started again and again.
        _ => State::Down,
    }
}

#[cfg(test)]
pub(super) mod tests;
