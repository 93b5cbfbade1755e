//! The refusal of a cluster that this program has made for another owner.

use std::path::Path;

use bootstrap_run::failure::{Failure, FailureId};

use crate::options::ClusterName;
use crate::owner::Maker;
use crate::tools::docker::{Container, Mark, Work};

/// Who made it, since when, and what there is of it, for whoever was about to use or to change it. `owner`: the file that says who is
/// asking.
pub(crate) fn made_by_another(
    name: &ClusterName,
    maker: &Maker,
    containers: &[Container],
    mark: Option<&Mark>,
    owner: &Path,
) -> Failure {
    let work = Work::of(mark).in_words();
    let what = format!("the cluster {:?} was made by another owner, {maker}", name.as_str());
    let since = if maker.since.is_empty() { String::new() } else { format!("since {}: ", maker.since) };
    let nodes = match containers.len() {
        0 if work.is_some() => "it has no Kubernetes node yet".to_owned(),
        0 => "`up` was ended before it had made a Kubernetes node, or is making it at this moment".to_owned(),
        number => {
            let running = containers.iter().filter(|container| container.is_running()).count();
            format!("{number} Kubernetes node{}, {running} running", if number == 1 { "" } else { "s" })
        }
    };
    let failure = Failure::new(FailureId::ClusterForeign, what).evidence(format!("{since}{nodes}"));
    let failure = failure.evidence(work.unwrap_or_default());
    if maker.looks_like_this_one() {
        let here = owner.display();
        return failure
            .evidence(format!("that is you, on this machine, from a HOME whose owner is not that of {here}"));
    }
    failure
}
