//! CloudNativePG Clusters: is a pgEdge node healthy?

use bootstrap_run::failure::{Failure, FailureId};
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;

use super::Verdict;

/// CloudNativePG's own words for the state that is waited for. A phase is a display string, but there is no other
/// field that tells it: the condition Ready stays True with no database running.
const HEALTHY: &str = "Cluster in healthy state";
const UNRECOVERABLE: &str = "Cluster is unrecoverable and needs manual intervention";

/// No single field tells the truth, so all of them must: phase, condition Ready, and as many ready instances as wanted.
///
/// All of them stay as they were when the operator that writes them is down: who needs to be sure asks for its
/// Deployment too.
pub fn cluster(cluster: &DynamicObject) -> Verdict {
    let status = &cluster.data["status"];
    let phase = status["phase"].as_str().unwrap_or("not seen by the operator yet");
    let wanted = cluster.data["spec"]["instances"].as_u64().unwrap_or(1);
    let ready = status["readyInstances"].as_u64().unwrap_or(0);
    if phase == UNRECOVERABLE {
        let failure = Failure::new(FailureId::NodeBroken, format!("{} cannot be recovered", cluster.name_any()));
        return Verdict::Broken(failure.evidence(status["phaseReason"].as_str().unwrap_or(phase)));
    }
    if phase == HEALTHY && ready == wanted && condition_is_true(status, "Ready") {
        return Verdict::Ready(format!("{ready} of {wanted} instances"));
    }
    if phase == HEALTHY {
        return Verdict::Waiting(format!("{ready} of {wanted} instances ready"));
    }
    Verdict::Waiting(first_lower(phase))
}

fn condition_is_true(status: &Value, wanted: &str) -> bool {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == wanted && condition["status"] == "True")
}

fn first_lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
