//! How many pgEdge nodes a cluster can hold: what its Kubernetes nodes can give, less what was promised already.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Node, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::adoption::Fit;

const MIB: u64 = 1 << 20;

/// What a pgEdge node requests, which the scheduler counts.
const REQUEST: u64 = 128 * MIB;

/// What a pgEdge node may use, and does under load: it idles at 70 MiB and was measured at 130 MiB while 40 000 rows came in.
const LIMIT: u64 = 256 * MIB;

/// For all that runs without having requested it: an API server alone takes 300 MiB.
const RESERVE: u64 = 1024 * MIB;

/// Thousandths of a CPU that a pgEdge node requests where there is enough.
const CPU: u64 = 100;

/// The chart's job and the jobs of `initdb` come on top, and no request of zero is made: the scheduler takes that for no
/// request at all.
const LEAST_CPU: u64 = 10;

/// What is left for new pods on one Kubernetes node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Thousandths of a CPU.
    cpu: u64,
    /// Bytes.
    memory: u64,
}

impl Room {
    /// The room on the roomiest of these nodes, by memory; `None` if there is no node. `pods`: those that keep what they requested.
    pub fn of(nodes: &[Node], pods: &[Pod]) -> Option<Self> {
        nodes.iter().map(|node| Self::on(node, pods)).max_by_key(|room| room.memory)
    }

    fn on(node: &Node, pods: &[Pod]) -> Self {
        let name = node.metadata.name.as_deref();
        let given = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let running = |pod: &&Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == name
                && !matches!(phase, Some("Succeeded" | "Failed"))
        };
        let left = |resource: &str| {
            let promised: u64 = pods.iter().filter(running).map(|pod| request(pod, resource)).sum();
            amount(given, resource).saturating_sub(promised)
        };
        Self { cpu: left("cpu"), memory: left("memory") / 1000 }
    }

    /// `2.3 GiB of memory and 1.05 CPUs`
    pub fn in_words(self) -> String {
        format!(
            "{:.1} GiB of memory and {:.2} CPUs",
            self.memory as f64 / 1024.0 / MIB as f64,
            self.cpu as f64 / 1000.0
        )
    }
}

/// As many nodes as were asked for if they fit with all that they may use; two if at least what two request is there;
/// `None` if not even that.
pub fn fit(wanted: u8, room: Room) -> Option<Fit> {
    let comfortable = room.memory >= RESERVE + LIMIT * u64::from(wanted);
    let nodes = if comfortable { wanted } else { 2 };
    if room.memory < REQUEST * u64::from(nodes) {
        return None;
    }
    // A tenth of a CPU each, or what the control plane of a small machine has left: it has promised most of it.
    let share = room.cpu / (u64::from(nodes) + 1);
    let cpu = share.min(CPU) / LEAST_CPU * LEAST_CPU;
    let cpu = u32::try_from(cpu).ok().filter(|cpu| *cpu > 0)?;
    let instead = if nodes < wanted { format!(" and not {wanted}") } else { String::new() };
    let because = format!("{nodes} nodes{instead}: {} are left", room.in_words());
    Some(Fit { nodes, cpu, because })
}

/// What a pod has requested, in thousandths: its containers together, or its greediest init container if that is more.
fn request(pod: &Pod, resource: &str) -> u64 {
    let Some(spec) = &pod.spec else { return 0 };
    let of = |container: &Container| requested(container.resources.as_ref(), resource);
    let together: u64 = spec.containers.iter().map(of).sum();
    let first = spec.init_containers.iter().flatten().map(of).max().unwrap_or(0);
    together.max(first)
}

fn requested(resources: Option<&ResourceRequirements>, resource: &str) -> u64 {
    amount(resources.and_then(|resources| resources.requests.as_ref()), resource)
}

/// In thousandths; nothing is 0.
fn amount(amounts: Option<&BTreeMap<String, Quantity>>, resource: &str) -> u64 {
    amounts.and_then(|amounts| amounts.get(resource)).and_then(|quantity| thousandths(&quantity.0)).unwrap_or(0)
}

/// A quantity as Kubernetes writes it (`950m`, `2`, `1.5`, `128Mi`, `4029320Ki`, `1e3`), in thousandths.
fn thousandths(quantity: &str) -> Option<u64> {
    let number_ends =
        quantity.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(quantity.len());
    let (number, suffix) = quantity.split_at(number_ends);
    let factor = match suffix {
        "m" => 1.0,
        "" => 1e3,
        "k" => 1e6,
        "M" => 1e9,
        "G" => 1e12,
        "T" => 1e15,
        "Ki" => 1e3 * 1024.0,
        "Mi" => 1e3 * MIB as f64,
        "Gi" => 1e3 * 1024.0 * MIB as f64,
        "Ti" => 1e3 * 1024.0 * 1024.0 * MIB as f64,
        exponent => 1e3 * 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    let amount = number.parse::<f64>().ok()? * factor;
    (amount.is_finite() && amount >= 0.0).then_some(amount as u64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(cpu: &str, memory: &str) -> Node {
        let node = json!({"metadata": {"name": "one"}, "status": {"allocatable": {"cpu": cpu, "memory": memory}}});
        serde_json::from_value(node).unwrap()
    }

    fn pod(node: &str, phase: &str, cpu: &str, memory: &str) -> Pod {
        let container = json!({"name": "a", "resources": {"requests": {"cpu": cpu, "memory": memory}}});
        let spec = json!({"nodeName": node, "containers": [container]});
        serde_json::from_value(json!({"spec": spec, "status": {"phase": phase}})).unwrap()
    }

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, amount) in [
            ("950m", Some(950)),
            ("2", Some(2000)),
            ("1.5", Some(1500)),
            ("128Mi", Some(134_217_728_000)),
            ("4029320Ki", Some(4_126_023_680_000)),
            ("1e3", Some(1_000_000)),
            ("128M", Some(128_000_000_000)),
            ("", None),
            ("some", None),
        ] {
            assert_eq!(thousandths(text), amount, "{text}");
        }
    }

    #[test]
    fn what_was_promised_is_not_left_and_what_has_ended_promises_nothing() {
        let pods = [
            pod("one", "Running", "250m", "100Mi"),
            pod("one", "Succeeded", "500m", "1Gi"),
            pod("other", "Running", "500m", "1Gi"),
        ];
        let room = Room::of(&[node("2", "4Gi")], &pods).unwrap();
        assert_eq!(room, Room { cpu: 1750, memory: 4096 * MIB - 100 * MIB });
        assert_eq!(room.in_words(), "3.9 GiB of memory and 1.75 CPUs");
        assert_eq!(Room::of(&[], &pods), None);
    }

    #[test]
    fn three_nodes_where_they_fit_and_two_where_they_do_not() {
        let fits = |memory: u64, cpu: u64| fit(3, Room { memory: memory * MIB, cpu }).map(|fit| (fit.nodes, fit.cpu));
        assert_eq!(fits(3500, 1000), Some((3, 100)));
        assert_eq!(fits(1792, 1000), Some((3, 100)));
        assert_eq!(fits(1791, 1000), Some((2, 100)));
        assert_eq!(fits(255, 1000), None);
        // One CPU of which kubeadm and the operators have promised 950 thousandths.
        assert_eq!(fits(3500, 50), Some((3, 10)));
        assert_eq!(fits(3500, 39), None);
        let fit = fit(3, Room { memory: 700 * MIB, cpu: 500 }).unwrap();
        let because = "2 nodes and not 3: 0.7 GiB of memory and 0.50 CPUs are left";
        assert_eq!(fit.because, because);
    }
}
