//! How a node's memory limit is shared out: what Postgres may take at the same time must fit, with nine nodes, too.

use serde_json::{Value, json};

/// The limit of a node's pod, in MiB.
pub(super) const LIMIT: u64 = 256;

/// MiB that are there from the start.
const SHARED_BUFFERS: u64 = 32;

/// MiB of one that builds an index or vacuums by hand.
const MAINTENANCE: u64 = 16;

/// MiB of each of the three that vacuum by themselves, as after a bulk load.
const AUTOVACUUM: u64 = 8;

/// MiB that all senders of a node may take for transactions that they have not sent yet; what is more goes to the disk. A
/// node has a sender for every other node, and each has the whole of a bulk load.
const SENDERS: u64 = 16;

/// MiB of one sender: with few of them more would only be memory that the page cache does better with.
const SENDER: u64 = 4;

/// The settings of Postgres in a mesh of so many nodes.
pub(super) fn parameters(nodes: u8) -> Value {
    json!({
        "shared_buffers": format!("{SHARED_BUFFERS}MB"),
        "maintenance_work_mem": format!("{MAINTENANCE}MB"),
        "autovacuum_work_mem": format!("{AUTOVACUUM}MB"),
        "logical_decoding_work_mem": format!("{}MB", sender(nodes)),
    })
}

fn sender(nodes: u8) -> u64 {
    (SENDERS / u64::from(nodes.saturating_sub(1)).max(1)).clamp(1, SENDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MiB of CloudNativePG's instance manager, and of a process of Postgres beside what is counted by itself: as measured.
    const INSTANCE_MANAGER: u64 = 40;
    const PROCESS: u64 = 4;

    /// Those that Postgres always has, and a few sessions.
    const PROCESSES: u64 = 12;

    #[test]
    fn what_a_node_may_take_at_once_fits_its_limit_with_two_to_nine_nodes() {
        for nodes in 2..=9 {
            let others = u64::from(nodes) - 1;
            // A sender and a worker that applies, for every other node.
            let processes = (PROCESSES + 2 * others) * PROCESS;
            let maintenance = MAINTENANCE + 3 * AUTOVACUUM;
            let taken = SHARED_BUFFERS + maintenance + others * sender(nodes) + processes + INSTANCE_MANAGER;
            assert!(taken <= LIMIT, "{nodes} nodes: {taken} MiB of {LIMIT}");
            assert!(sender(nodes) >= 1);
        }
        assert_eq!((sender(2), sender(3), sender(5), sender(9)), (4, 4, 4, 2));
    }
}
