use super::super::state::State;
use super::super::state::tests::subscription;
use super::*;

#[test]
fn a_read_that_is_missing_is_named() {
    let read = Read { written_on: "n1".into(), read_on: "n2".into(), lag_ms: 1.0 };
    let matrix = Matrix { run: "1".into(), nodes: vec!["n1".into(), "n2".into()], reads: vec![read] };
    assert_eq!(unread(&matrix), [("n2".to_owned(), "n1".to_owned())]);
}

fn late(pair: Pair) -> Late {
    Late { what: "1 of 6 writes were not read within 30 s".to_owned(), pairs: vec![pair] }
}

#[test]
fn a_proof_that_lags_says_that_it_replicates_and_how_far_behind_it_is() {
    let mut way = subscription("n2", "n1", State::Replicating);
    (way.behind_bytes, way.behind_seconds) = (Some(812_440_000), Some(31.4));
    let pair = ("n1".to_owned(), "n2".to_owned());
    let failure = late(pair).failure(&[way], &[]);
    assert_eq!(
        failure.seen()[0],
        "written on n1, not read on n2: the subscription of n2 to n1 replicates, 812.4 MB of WAL behind, 31 s late"
    );
    assert!(
        failure.advice(&bootstrap_run::failure::Invocation::default()).contains("is behind"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
}

#[test]
fn a_way_that_is_broken_is_not_called_behind() {
    let way = subscription("n2", "n1", State::Down);
    let pair = ("n1".to_owned(), "n2".to_owned());
    let reason = Reason { node: "n2".into(), provider: "n1".into(), words: "connection refused".into() };
    let failure = late(pair).failure(&[way], &[reason]);
    assert_eq!(
        failure.seen()[0],
        "written on n1, not read on n2: the subscription of n2 to n1 is down: connection refused"
    );
    assert!(
        !failure.advice(&bootstrap_run::failure::Invocation::default()).contains("is behind"),
        "{}",
        failure.advice(&bootstrap_run::failure::Invocation::default())
    );
}

#[test]
fn bytes_are_told_in_megabytes() {
    for (bytes, words) in
        [(-1, "0.0 MB"), (0, "0.0 MB"), (49_999, "0.0 MB"), (50_000, "0.1 MB"), (12_345_678, "12.3 MB")]
    {
        assert_eq!(in_megabytes(bytes), words);
    }
}

/// Only the first node's DROP is replicated in an order that is known, and only where nobody writes any more.
#[test]
fn the_table_is_only_dropped_under_a_lock_and_by_the_newest_run() {
    let statement = remove_statement("7");
    let at = |part: &str| statement.find(part).unwrap_or(usize::MAX);
    assert!(at("ACCESS EXCLUSIVE") < at("'7' <> ") && at("'7' <> ") < at("DROP TABLE"), "{statement}");
}
