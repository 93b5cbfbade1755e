//! An image from one Kubernetes node to another: the network has brought it once, and that is enough.

use anyhow::Result;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId};

use super::stored_name;
use crate::context::Context;
use crate::stack::ImagePin;
use crate::step_id::StepId;

/// containerd's own client, in the namespace of the kubelet's images.
pub(super) const CTR: [&str; 4] = ["ctr", "--namespace", "k8s.io", "images"];

/// # Errors
/// [`FailureId::ImagePullFailed`] with the words of containerd.
pub(super) async fn copy(
    context: &Context,
    (from, to): (&str, &str),
    pin: &ImagePin,
    reporter: &StepReporter,
) -> Result<()> {
    let image = stored_name(pin);
    let export = [&CTR[..], &["export", "-", &image]].concat();
    let import = [&CTR[..], &["import", "-"]].concat();
    reporter.waiting(format!("copying {} from {from} to {to}", pin.image));
    let deadline = StepId::Images.deadline();
    let copied = context.docker.pipe((from, &export), (to, &import), deadline, |bytes| reporter.bytes(bytes, None));
    copied.await.map_err(|error| {
        let what = format!("{} could not be copied from Kubernetes node {from} to {to}", pin.image);
        let failed = Failure::new(FailureId::ImagePullFailed, what);
        match failure::of(&error) {
            Some(found) => failed.evidence(found.summary()).evidence(found.seen().join("\n")).into(),
            None => error.context(failed),
        }
    })
}
