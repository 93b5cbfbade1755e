//! What the proof of three nodes must say.

use std::collections::BTreeSet;

use serde_json::Value;

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Milliseconds. What takes longer has not been replicated but repaired.
const LONGEST_LAG: f64 = 10_000.0;

/// The six ordered pairs of the matrix, each once and with a lag above nothing and below the longest.
///
/// # Errors
/// What is wrong with the matrix.
pub(crate) fn check(matrix: &Value) -> Result<(), String> {
    let reads = matrix["reads"].as_array().ok_or_else(|| format!("the matrix has no reads: {matrix}"))?;
    let pairs: BTreeSet<_> = reads.iter().map(|read| (read["written_on"].as_str(), read["read_on"].as_str())).collect();
    let others = |node| NODES.into_iter().filter(move |other| *other != node);
    let wanted = NODES.into_iter().flat_map(|node| others(node).map(move |other| (Some(node), Some(other)))).collect();
    if pairs != wanted || reads.len() != wanted.len() {
        return Err(format!("the matrix does not hold each ordered pair once: {matrix}"));
    }
    let in_time = |read: &&Value| read["lag_ms"].as_f64().is_some_and(|lag| lag > 0.0 && lag < LONGEST_LAG);
    match reads.iter().find(|read| !in_time(read)) {
        Some(read) => Err(format!("a lag cannot be: {read}")),
        None => Ok(()),
    }
}
