//! One image into one Kubernetes node, by its container runtime.

use std::time::Duration;

use anyhow::Result;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::wait::Retry;

use super::copy::CTR;
use super::runtime::Runtime;
use super::stored_name;
use crate::context::Context;
use crate::stack::ImagePin;
use crate::step_id::StepId;
use crate::steps::registries::FOLDER as REGISTRIES;

/// Attempts at one image. A registry that limits its rate, or a node that has just started, is there a moment later.
const ATTEMPTS: usize = 5;

/// What is to be done with an image apart from running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Here,
    /// Other nodes get it from this one, as it came: compressed. What the kubelet's way of pulling brings is thrown away in
    /// that form when it is unpacked (`discard_unpacked_layers` in kind's settings of containerd), and containerd's own is not.
    HandOn,
}

/// # Errors
/// [`FailureId::ImagePullFailed`] with the words of the container runtime, and [`FailureId::DiskFull`].
pub(super) async fn pull(
    context: &Context,
    runtime: &Runtime,
    pin: &ImagePin,
    purpose: Use,
    reporter: &StepReporter,
) -> Result<()> {
    let reference = stored_name(pin);
    let command = match purpose {
        Use::Here => vec!["crictl", "pull", &reference],
        Use::HandOn => [&CTR[..], &["pull", "--hosts-dir", REGISTRIES, &reference]].concat(),
    };
    let mut retry = Retry::of(ATTEMPTS);
    loop {
        let deadline = StepId::Images.deadline();
        let pulled = runtime.finish(context, &command, deadline).await?;
        if pulled.status.success() {
            return Ok(());
        }
        let words = words_of_crictl(&pulled.tail());
        let tell = |pause: Duration| {
            reporter.waiting(format!("{}: {words}; trying again in {:.1} s", pin.image, pause.as_secs_f64()));
        };
        if is_final(&words) || !retry.again(None, tell).await {
            let id = if words.contains(NO_SPACE) { FailureId::DiskFull } else { FailureId::ImagePullFailed };
            let what = format!("Kubernetes node {} cannot pull {reference}", runtime.node());
            return Err(Failure::new(id, what).evidence(words).into());
        }
    }
}

const NO_SPACE: &str = "no space left on device";

/// What no second attempt can change. The container runtime passes on the registry's status in words only; those of its
/// distribution client are here.
fn is_final(words: &str) -> bool {
    let refusals = [
        ": not found",
        "code = NotFound",
        "manifest unknown",
        "401 Unauthorized",
        "403 Forbidden",
        "authorization failed",
        "insufficient_scope",
        "no match for platform",
        "unexpected media type",
        "x509: ",
        NO_SPACE,
    ];
    refusals.iter().any(|refusal| words.contains(refusal))
}

/// crictl says everything twice, as two kinds of log line; the words are in the message of the last.
fn words_of_crictl(output: &str) -> String {
    let last = output.lines().last().unwrap_or_default();
    let message = last.split_once("msg=\"").and_then(|(_, rest)| rest.strip_suffix('"'));
    message.unwrap_or(output).replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_crictl_are_its_last_message() {
        let output = "E1121 09:07:39 log.go:32] \"PullImage failed\" err=\"…\"\ntime=\"2026-11-21T09:07:39Z\" level=fatal msg=\"pulling image: \\\"a\\\": not found\"";
        assert_eq!(words_of_crictl(output), "pulling image: \"a\": not found");
        assert_eq!(words_of_crictl("no such container"), "no such container");
    }

    #[test]
    fn what_a_moment_can_mend_is_tried_again() {
        assert!(is_final(
            "pulling image: failed to resolve reference \"ghcr.io/a/b@sha256:0\": ghcr.io/a/b@sha256:0: not found"
        ));
        assert!(is_final("unexpected status from HEAD request to https://ghcr.io/v2/a/b: 403 Forbidden"));
        assert!(!is_final("unexpected status from HEAD request to https://ghcr.io/v2/a/b: 429 Too Many Requests"));
        assert!(!is_final("dial tcp 172.18.0.1:443: connect: connection refused"));
        assert!(!is_final("unexpected EOF"));
    }
}
