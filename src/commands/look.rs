//! How long a look waits, and who is silent when it has no answer.

use anyhow::Result;
use bootstrap_engine::World as _;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::step::Observation;

use crate::context::Context;
use crate::patience;
use crate::step_id::StepId;

/// Looks at a step for at most [`patience::LOOK_OF_A_COMMAND`].
pub(super) async fn look(context: &Context, step: StepId) -> Result<Observation> {
    match tokio::time::timeout(patience::LOOK_OF_A_COMMAND, context.observe(step)).await {
        Ok(observation) => observation,
        Err(_) => silence(context, step),
    }
}

/// What a look finds that had no answer after [`patience::LOOK_OF_A_COMMAND`]: who is silent. A docker that is expected to come is waited for.
///
/// # Errors
/// The failure of the one who is silent.
pub(super) fn silence(context: &Context, step: StepId) -> Result<Observation> {
    let seen = no_answer();
    let begins_at_docker = matches!(step, StepId::Docker | StepId::NodeImage) || is_in_docker(step);
    if begins_at_docker && !context.is_adopted() && !context.docker.has_answered() {
        return if context.options.docker_comes { Ok(Observation::Waiting(seen)) } else { Err(silent_docker().into()) };
    }
    if !is_in_docker(step) {
        let failure = Failure::new(FailureId::StepDeadline, format!("{step} could not be looked at")).evidence(seen);
        return Err(failure.hint("the machine, or its disk, may be overloaded: run this again").into());
    }
    if let Some(silent) = context.credentials.silent() {
        return Err(silent.into());
    }
    let what = match context.kind_is_silent() {
        true => "kind does not answer, which is asked whether the kubeconfig leads to the cluster",
        false => "the Kubernetes API does not answer",
    };
    Err(Failure::new(FailureId::KubernetesAway, what).evidence(seen).into())
}

fn no_answer() -> String {
    format!("no answer after {} s", patience::LOOK_OF_A_COMMAND.as_secs())
}

pub(super) fn silent_docker() -> Failure {
    Failure::new(FailureId::DockerNotRunning, "docker does not answer").evidence(no_answer())
}

/// Whether a step is about the cluster, or about what is in it and says that there is none where there is no kubeconfig: docker may know
/// better, or may not be able to tell.
pub(super) fn is_in_docker(step: StepId) -> bool {
    matches!(
        step,
        StepId::Cluster
            | StepId::Api
            | StepId::Images
            | StepId::Operator(_)
            | StepId::Release
            | StepId::Nodes
            | StepId::Replication
    )
}
