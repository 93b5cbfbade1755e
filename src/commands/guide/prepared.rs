//! Whether a lesson can begin: what must hold before its first command works.

use anyhow::Result;
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::step::Stage;

use crate::commands::finding::Finding;
use crate::context::Context;
use crate::lesson::Lesson;
use crate::pins::Tool;
use crate::step_id::{Operator, StepId};

/// # Errors
/// [`FailureId::LessonNotPrepared`] with what is missing.
pub(super) async fn check(context: &Context, lesson: &Lesson) -> Result<()> {
    let look = async |step: StepId| -> Result<(StepId, Finding)> { Ok((step, Finding::of(context, step).await?)) };
    let looks = needs(lesson.begins).into_iter().map(look);
    let looks: Vec<(StepId, Finding)> = futures::future::try_join_all(looks).await?;
    let missing: Vec<String> = looks
        .iter()
        .filter(|(_, finding)| !finding.holds())
        .map(|(step, finding)| format!("{step}: {}", finding.detail()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("the lesson {:?} cannot begin: its cluster is not prepared", lesson.title);
    let failure = Failure::new(FailureId::LessonNotPrepared, what).evidence(missing.join("\n"));
    let advice = hint![Ours::UpUntil(lesson.begins.as_str()), " prepares a cluster for it"];
    Err(failure.hint(advice).into())
}

/// How the cluster came to be is its own business: kind and docker are not among them.
fn needs(begins: Stage) -> Vec<StepId> {
    let mut needs =
        vec![StepId::Tool(Tool::Helm), StepId::Tool(Tool::Kubectl), StepId::Tool(Tool::KubectlCnpg), StepId::Chart];
    if begins >= Stage::Cluster {
        needs.push(StepId::Api);
    }
    if begins >= Stage::Operators {
        needs.extend([Operator::CertManager, Operator::CloudnativePg].map(StepId::Operator));
    }
    if begins >= Stage::Deploy {
        needs.extend([StepId::Nodes, StepId::Replication]);
    }
    needs
}
