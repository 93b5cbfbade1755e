//! The machine: docker answers, and there is room.

use std::path::Path;

use anyhow::Result;

use crate::context::Context;
use crate::failure::{Failure, FailureId};
use crate::step::Observation;

/// Node image, container images and three small databases take about this much; with less the kubelet starts to evict.
const ROOM: u64 = 5 << 30;

const GIB: f64 = (1_u64 << 30) as f64;

pub(super) async fn observe(context: &Context) -> Result<Observation> {
    let info = context.docker.info().await?;
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
