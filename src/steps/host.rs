//! The machine: docker answers, and there are enough disk and memory.
//!
//! In a dev container docker starts beside us, so `--codespace` waits for it for up to three minutes and shows what docker
//! says meanwhile. In the other modes a docker that does not answer is reported at once. One that may not be used is never
//! waited for.

use std::path::Path;

use anyhow::Result;
use bootstrap_run::event::StepReporter;
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::step::Observation;
use bootstrap_run::wait::{Patience, Polling};

use crate::context::Context;
use crate::patience;

/// Node image, container images and three small databases take about this much; with less the kubelet starts to evict.
const ROOM: u64 = 5 << 30;

const GIB: f64 = (1_u64 << 30) as f64;

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let info = match context.docker.info().await {
        Ok(info) => info,
        Err(error) => return Ok(Observation::Waiting(comes(context, &error).ok_or(error)?)),
    };
    // An engine on another machine has its directory there.
    let root = Path::new(&info.docker_root_dir);
    if let Ok(statistics) = rustix::fs::statvfs(root) {
        let free = statistics.f_bavail * statistics.f_frsize;
        // What is pulled already needs no room again.
        let pulled = context.docker.has_image(&super::node_image::reference(context).await?).await?;
        if free < ROOM && !pulled {
            let what = format!(
                "docker's disk has {:.1} GiB free and about {:.0} GiB are needed",
                free as f64 / GIB,
                ROOM as f64 / GIB
            );
            return Err(Failure::new(FailureId::DiskFull, what)
                .evidence(format!("docker root directory {}", root.display()))
                .into());
        }
    }
    Ok(Observation::Done(format!(
        "{}, {} CPUs, {:.1} GiB memory, cgroup v{}",
        info.server_version,
        info.cpus,
        info.mem_total as f64 / GIB,
        info.cgroup_version
    )))
}

/// Waits for a docker that somebody else is starting; nothing here starts an engine. Every other absence of it has ended
/// the run already, when it was looked at.
pub(super) async fn apply(context: &Context, reporter: &StepReporter) -> Result<()> {
    let patience = Patience::begin(patience::DOCKER_STARTS);
    let mut polling = Polling::every(patience::POLL_DOCKER);
    loop {
        polling.turn().await;
        let Err(error) = context.docker.info().await else { return Ok(()) };
        match comes(context, &error) {
            Some(why) if !patience.is_over() => reporter.waiting(why),
            _ => return Err(error),
        }
    }
}

/// What there is to say while docker is waited for, if it may still come.
fn comes(context: &Context, error: &anyhow::Error) -> Option<String> {
    let found = failure::of(error).filter(|found| found.id() == FailureId::DockerNotRunning)?;
    let seen = found.seen().first().map_or("", String::as_str);
    context.options.docker_comes.then(|| format!("docker does not answer yet: {seen}"))
}
