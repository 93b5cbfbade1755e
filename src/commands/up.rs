//! `up`: everything, to the proof.

mod adopt;

use std::sync::Arc;

use anyhow::Result;
use bootstrap_cluster::adoption::Adoption;
use bootstrap_run::deadline::Deadline;
use bootstrap_run::failure::{self, FailureId, Invocation, Ours};
use bootstrap_run::lock::RunLock;
use bootstrap_run::step::Stage;
use bootstrap_run::stop::{Interrupted, Stop};
use bootstrap_screen::ui;

use super::run::Run;
use super::{Verdict, turn};
use crate::cli::{Common, Output, Up};
use crate::context::Context;
use crate::options::Provider;
use crate::plan;
use crate::steps;

pub(super) async fn run(arguments: &Up, given: &Invocation, stop: &Stop) -> Result<Verdict> {
    let common = &arguments.common;
    let deadline = arguments.deadline.map(Deadline::after);
    let page = arguments.timings.as_deref().map(ui::timeline).transpose()?;
    let (places, adoption) = adopt::places(arguments)?;
    let provider = if adoption.is_some() { Provider::Adopted } else { Provider::Kind };
    // Who is given a machine with a lesson deploys pgEdge by hand.
    let is_lesson = arguments.codespace || provider == Provider::Adopted;
    let until = arguments.until.unwrap_or(if is_lesson { Stage::Operators } else { Stage::Prove });
    let mut places = (places, adoption.clone());
    // A look leaves nothing: our kubeconfig is gone with it.
    let passing = match arguments.dry_run && adoption.is_some() {
        true => Some(tempfile::tempdir().map_err(failure::from_io)?),
        false => None,
    };
    if let Some(folder) = &passing {
        places.0.kubeconfig = folder.path().join("kubeconfig");
    }
    let context = Arc::new(super::context_of(common, Some(&arguments.shape), places, arguments.codespace, given)?);
    context.fetcher()?;
    let plan = plan::until(&context.stack, provider, until);
    if arguments.dry_run {
        let look = async {
            let adopted = match &adoption {
                Some(adoption) => adopt::look(&context, adoption, until, common.output).await?,
                None => None,
            };
            super::locate(&context).await?;
            super::dry_run::run(&context, &plan, adopted, common.output).await
        };
        return super::unless_stopped(stop, super::dry_run::within(arguments.deadline, look)).await;
    }
    let begun = begin(&context, arguments, adoption, until, deadline);
    let _lock = tokio::select! {
        lock = begun => lock?,
        () = stop.asked() => return Err(Interrupted.into()),
    };
    let reporter = super::recorded(&context, common, "up", true, page);
    let plan = if context.options.docker_comes { plan } else { plan::behind_docker(plan) };
    let run = Run { context: &context, plan, deadline, reporter, stop };
    let verdict = run.verdict().await;
    if is_claimed(&context, until) {
        steps::end_work(&context, deadline).await;
    }
    if verdict == Verdict::Good && common.output == Output::Text {
        if let Some(matrix) = context.proof.get() {
            ui::print(&matrix.table())?;
        }
        if !common.quiet {
            ui::say(&next(until, &context.invocation));
        }
    }
    Ok(verdict)
}

/// What comes before the engine: the run's turn, and what is asked before anything is downloaded. Returns the lock, which is to be held
/// for as long as the run goes on.
async fn begin(
    context: &Context,
    arguments: &Up,
    adoption: Option<Adoption>,
    until: Stage,
    deadline: Option<Deadline>,
) -> Result<RunLock> {
    let common = &arguments.common;
    let lock = turn::take(context, common, deadline).await?;
    for program in &lock.ended {
        ui::say(&format!("ended what a killed run had left: {program}\n"));
    }
    if let Some(adoption) = adoption {
        // A run that was waited for may have decided meanwhile.
        let adoption = match Adoption::read(&context.places.state)? {
            Some(now) => {
                super::decided(context, Some(&arguments.shape), Some(now.clone()));
                now
            }
            None => adoption,
        };
        let lacks = "the cluster that is to be adopted has not answered";
        Deadline::bounds(deadline, lacks, adopt::begin(context, adoption, until)).await?;
    }
    // A release that is there is gone on with, wherever it is; what does not answer yet is asked again by its step.
    Deadline::bounds(deadline, "the cluster did not say where its release is", super::locate(context)).await?;
    remember_bin(common, context)?;
    if common.stack.is_some() {
        super::memory(&context.places)?.write(&context.stack)?;
    }
    if is_claimed(context, until) {
        let lacks = "docker did not say who owns the cluster";
        let claimed = Deadline::bounds(deadline, lacks, claim(context)).await;
        claimed.map_err(|error| beside_docker(context, error))?;
    }
    Ok(lock)
}

/// Whether a run so far is about a cluster that it makes, whose name it claims.
fn is_claimed(context: &Context, until: Stage) -> bool {
    !context.is_adopted() && until > Stage::Tools
}

/// Later commands find the tools without being told.
fn remember_bin(common: &Common, context: &Context) -> Result<()> {
    if common.bin_dir.is_some() { context.places.remember_bin() } else { Ok(()) }
}

/// Claims the name of the cluster, before anything is downloaded for it. A docker that does not answer, or is none, is the business of
/// the step that waits for it; the cluster's step claims the name then.
async fn claim(context: &Context) -> Result<()> {
    match steps::claim_cluster(context).await {
        Ok(None) => Ok(()),
        Ok(Some(lost)) => {
            let name = context.options.name.as_str();
            ui::say_paragraph(&format!("the cluster {name:?} is lost, with its databases: {lost}. It is recreated."));
            Ok(())
        }
        // Docker has said what it is: the failure is of what it was asked.
        Err(error) if failure::of(&error).is_none() || context.docker.has_answered() => Err(error),
        Err(_) => Ok(()),
    }
}

/// A deadline that passes while docker says nothing is for docker's sake, and no longer one would help.
fn beside_docker(context: &Context, error: anyhow::Error) -> anyhow::Error {
    match failure::of(&error) {
        Some(late) if late.id() == FailureId::RunDeadline && !context.docker.has_answered() => {
            let hint = "`docker info` shows whether docker answers; when it does, run this again";
            late.clone().evidence("docker has not answered at all").hint(hint).into()
        }
        _ => error,
    }
}

/// What a person may want to do now.
fn next(until: Stage, run: &Invocation) -> String {
    let environment = format!("eval \"$({})\"", run.line(Ours::Env));
    let down = run.line(Ours::Down);
    match until {
        Stage::Tools => format!("\nthe tools:    {environment}\n"),
        Stage::Cluster | Stage::Operators => {
            format!("\nlook around:  {environment}\n              kubectl get pods --all-namespaces\n")
        }
        Stage::Deploy | Stage::Prove => format!(
            "\nlook around:  {environment}\n              kubectl cnpg status pgedge-n1\n              \
             kubectl cnpg psql pgedge-n1 -- -U app app\nremove it:    {down}\n"
        ),
    }
}
