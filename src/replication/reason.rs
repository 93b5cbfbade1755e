//! Why a subscription does not replicate: what its server has logged last, and what to do about causes that are known.

use bootstrap_run::failure::{Failure, FailureId, Hint, Ours, hint};
use serde::Deserialize;

use super::state::{State, Subscription};

/// Why one subscription does not replicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) node: String,
    pub(crate) provider: String,
    /// The server's words, on one line.
    pub(crate) words: String,
}

/// A line of a CloudNativePG pod that holds a record of PostgreSQL.
#[derive(Debug, Deserialize)]
struct Line {
    record: Record,
}

#[derive(Debug, Deserialize)]
struct Record {
    #[serde(default)]
    error_severity: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    application_name: String,
    #[serde(default)]
    backend_type: String,
}

/// The last error about each of these subscriptions in the log of their own node's pod. Only messages are read, never
/// the details below them: those may quote rows.
pub(super) fn reasons_of(log: &str, subscriptions: &[&Subscription]) -> Vec<Reason> {
    let records: Vec<Record> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
        .map(|line| line.record)
        .filter(|record| matches!(record.error_severity.as_str(), "ERROR" | "FATAL" | "PANIC"))
        .collect();
    let reason = |subscription: &&Subscription| {
        let found = records.iter().rev().find(|record| is_about(record, subscription))?;
        let words = in_one_line(&found.message);
        Some(Reason { node: subscription.node.clone(), provider: subscription.provider.clone(), words })
    };
    subscriptions.iter().filter_map(reason).collect()
}

/// Spock calls a worker by the number of its subscription; other records name the subscription or its slot.
fn is_about(record: &Record, subscription: &Subscription) -> bool {
    let worker = subscription.id.map(|id| format!(":{id}")).unwrap_or_default();
    let by_worker = |name: &str| name.starts_with("spock apply ") && !worker.is_empty() && name.ends_with(&worker);
    let by_name = |name: &str| !name.is_empty() && has_word(&record.message, name);
    by_worker(&record.application_name)
        || by_worker(&record.backend_type)
        || by_name(&subscription.name)
        || by_name(&subscription.slot)
}

fn has_word(text: &str, word: &str) -> bool {
    let inside = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(inside) && !text[at + word.len()..].starts_with(inside))
}

/// The first line and what follows `ERROR:` in it or below: libpq repeats the other server's words over several lines.
fn in_one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("query:"));
    lines.take_while(|line| !line.starts_with("HINT:")).collect::<Vec<_>>().join(" ")
}

/// What is known of a cause: words of the server, and what to do.
const KNOWN: &[(&str, Remedy)] = &[
    ("may not be used as an output plugin", Remedy::NameThePlugin),
    ("all replication slots are in use", Remedy::Say("raise `max_replication_slots` of the nodes")),
    ("number of requested standby connections exceeds", Remedy::Say("raise `max_wal_senders` of the nodes")),
    (
        "could not translate host name",
        Remedy::Say(
            "the name of the other node's Service is not resolved: `kubectl get services`, and CoreDNS, show why",
        ),
    ),
    (
        "no pg_hba.conf entry",
        Remedy::Say("the other node does not let this one in: its `pg_hba` must have the chart's lines"),
    ),
    (
        "certificate",
        Remedy::Say("the nodes do not trust each other's certificates: `kubectl get certificates` shows their state"),
    ),
];

#[derive(Debug, Clone, Copy)]
enum Remedy {
    NameThePlugin,
    Say(&'static str),
}

/// A cause that the chart's job does not mend, whatever else is missing because of it.
pub(crate) fn is_known_cause(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| remedy(&reason.words).is_some())
}

fn remedy(words: &str) -> Option<Remedy> {
    KNOWN.iter().find(|(part, _)| words.contains(part)).map(|(_, remedy)| *remedy)
}

/// `library "spock_output" may not …` → `spock_output`
fn plugin_of(words: &str) -> &str {
    words.split_once("library \"").and_then(|(_, rest)| rest.split_once('"')).map_or("spock_output", |(name, _)| name)
}

/// Where the servers are, for the commands of hints.
#[derive(Debug, Clone)]
pub(crate) struct Places<'a> {
    pub(crate) namespace: &'a str,
    /// Every node with the pod of its primary.
    pub(crate) pods: Vec<(String, String)>,
    /// The CloudNativePG Cluster of a node.
    pub(crate) cluster_of: fn(&str) -> String,
}

/// The failure that says which subscriptions do not replicate, why, and what to do. `chart_has_run`: this run has let the
/// chart's job mend what it can already. `None` if all replicate.
pub(crate) fn not_replicating(
    subscriptions: &[Subscription],
    reasons: &[Reason],
    places: &Places<'_>,
    chart_has_run: bool,
) -> Option<Failure> {
    let down: Vec<&Subscription> = subscriptions.iter().filter(|found| !found.replicates()).collect();
    let first = down.first()?;
    let plural = if subscriptions.len() == 1 { "" } else { "s" };
    let what = format!("{} of {} subscription{plural} do not replicate", down.len(), subscriptions.len());
    let mut failure = Failure::new(FailureId::ReplicationDown, what);
    let mut told: Vec<String> = Vec::new();
    for subscription in &down {
        let fact = subscription.in_words();
        failure = failure.evidence(match why(subscription, reasons) {
            // Six times the same long line says less than one.
            Some(why) if told.contains(&why) => format!("{fact}, for the same reason"),
            Some(why) => {
                told.push(why.clone());
                format!("{fact}: {why}")
            }
            None => fact,
        });
    }
    let known = reasons.iter().find_map(|reason| Some((reason, remedy(&reason.words)?)));
    let hint = match known {
        Some((reason, Remedy::NameThePlugin)) => name_the_plugin(plugin_of(&reason.words), places),
        Some((_, Remedy::Say(advice))) => hint![format!("{advice}; "), look_at_the_log(first, places)],
        None => advice(&down, places, chart_has_run),
    };
    Some(failure.hint(hint))
}

/// What is known of why it does not replicate.
pub(super) fn why(subscription: &Subscription, reasons: &[Reason]) -> Option<String> {
    match subscription.state {
        State::Disabled => subscription.switched_off.clone(),
        State::Missing | State::Unregistered | State::Initializing | State::Replicating | State::Ahead => None,
        State::Starting | State::Down | State::SlotMissing | State::SlotLost => reasons
            .iter()
            .find(|reason| reason.node == subscription.node && reason.provider == subscription.provider)
            .map(|reason| reason.words.clone()),
    }
}

/// What the chart's job does not mend goes first: as long as there is any of it, running this again ends in the same place.
fn advice(down: &[&Subscription], places: &Places<'_>, chart_has_run: bool) -> Hint {
    let is_for_a_person = |found: &&&Subscription| found.is_final() && !found.is_mended_by_the_chart();
    let Some(first) = down.iter().find(is_for_a_person).or(down.first()) else { return Hint::default() };
    let log = look_at_the_log(first, places);
    let psql = |node: &str, statement: &str| {
        let cluster = (places.cluster_of)(node);
        format!("kubectl cnpg psql {cluster} --namespace {} -- app -c \"{statement}\"", places.namespace)
    };
    let of_each = |statement: fn(&Subscription) -> (&str, String)| {
        let alike = down.iter().filter(|found| found.state == first.state).map(|found| statement(found));
        alike.map(|(node, statement)| psql(node, &statement)).collect::<Vec<_>>().join("; ")
    };
    let entries = "SELECT retry_errored_at, table_name, operation, error_message FROM spock.exception_log";
    match first.state {
        State::Disabled if chart_has_run => hint![
            format!(
                "it is disabled although the chart's job has run: `{}` shows what cannot be applied, and `{}` enables it; ",
                psql(&first.node, entries),
                psql(&first.node, &format!("SELECT spock.sub_enable('{}')", first.name)),
            ),
            log
        ],
        State::SlotLost => hint![
            format!(
                "what {} wrote since cannot be sent any more: `{}` removes such slots, then ",
                first.provider,
                of_each(|found| (&found.provider, format!("SELECT pg_drop_replication_slot('{}')", found.slot))),
            ),
            Ours::Up,
            " makes new ones"
        ],
        State::Ahead => hint![
            format!(
                "what {} writes is not sent until it has written as much as the server before it: `{}` removes such subscriptions, then ",
                first.provider,
                of_each(|found| (&found.node, format!("SELECT spock.sub_drop('{}')", found.name))),
            ),
            Ours::Up,
            " makes new ones; rows that nodes lack of each other stay missing until somebody writes them"
        ],
        State::SlotMissing if !chart_has_run => {
            hint![Ours::Up, " recreates the slot; what was written since it was lost is not sent"]
        }
        State::Disabled | State::Missing | State::Unregistered if !chart_has_run => {
            hint![Ours::Up, " lets the chart's job wire the nodes again"]
        }
        _ => log,
    }
}

fn look_at_the_log(first: &Subscription, places: &Places<'_>) -> Hint {
    let pod = places.pods.iter().find(|(node, _)| *node == first.node).map_or("", |(_, pod)| pod);
    let command = format!("kubectl logs {pod} --container postgres --namespace {}", places.namespace);
    hint![format!("the log of the server shows more: `{command}`; "), Ours::Env, " prints what makes kubectl work here"]
}

fn name_the_plugin(plugin: &str, places: &Places<'_>) -> Hint {
    let clusters: Vec<String> = places.pods.iter().map(|(node, _)| (places.cluster_of)(node)).collect();
    let mend = format!(
        "this PostgreSQL wants the plugin to be named: `for cluster in {}; do kubectl patch cluster $cluster --namespace {} --type merge --patch \
         '{{\"spec\":{{\"postgresql\":{{\"parameters\":{{\"output_plugin_libraries\":\"pgoutput, test_decoding, {plugin}\"}}}}}}}}'; done`, \
         then run this again; ",
        clusters.join(" "),
        places.namespace
    );
    hint![mend, Ours::Env, " prints what makes kubectl work here"]
}

#[cfg(test)]
mod tests;
