//! Two volumes by which HOMEs that share one docker engine exclude each other: one claims the name of a cluster, the other
//! marks the run that is changing it.
//!
//! The lock file of a run is in its own HOME, where no other HOME sees it. Docker creates a volume of a name only once and
//! keeps the labels of whoever was first, so a volume can serve as the claim. The mark says process, command and start time.
//! A mark whose process is gone does not count; one from another machine is reported and decides nothing, because its
//! process cannot be looked up.

use anyhow::Result;
use bootstrap_run::identity::{Holder, Identity};

use super::Docker;
use super::owned::{COMMAND, PROCESS, Row, Thing};

/// Behind the name of the claim. No cluster can be called so: its name has no dot.
const RUN: &str = ".run";

/// The mark of a run. One that was killed has left its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// `None` if the mark does not tell.
    pub(crate) holder: Option<Holder>,
}

impl Mark {
    fn of(row: &Row) -> Self {
        let mut words = row.process.split(' ');
        let pid = words.next().and_then(|pid| pid.parse().ok());
        let process_start = words.next().and_then(|start| start.parse().ok());
        let holder = pid.zip(row.since.parse().ok()).map(|(pid, since)| {
            let process = Identity { pid, host: row.host.clone(), process_start };
            Holder { process, command: row.command.clone(), since }
        });
        Self { holder }
    }
}

/// The run that is changing a cluster, as far as its mark tells from here.
#[derive(Debug)]
pub(crate) enum Work {
    None,
    /// Its process is on this machine.
    Here(Holder),
    /// It said on another machine that it had begun, and not yet that it has ended.
    Elsewhere(Holder),
}

impl Work {
    pub(crate) fn of(mark: Option<&Mark>) -> Self {
        let Some(holder) = mark.and_then(|mark| mark.holder.clone()) else { return Self::None };
        match holder.process.is_there() {
            Some(true) => Self::Here(holder),
            Some(false) => Self::None,
            None => Self::Elsewhere(holder),
        }
    }

    pub(crate) fn in_words(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Here(holder) => Some(format!("a run is changing it at this moment: {holder}")),
            Self::Elsewhere(holder) => Some(format!("a run on another machine may be changing it: {holder}")),
        }
    }
}

impl Docker {
    /// The volume of this name, and the mark of a run beside it.
    pub(crate) async fn claim(&self, name: &str) -> Result<(Option<Thing>, Option<Mark>)> {
        let filter = format!("name=^{name}([.]run)?$");
        let question = format!("list the volumes that are called {name:?}");
        let rows = self.list(&question, &["volume", "ls", "--filter", &filter], &[("ID", "Name")]).await?;
        let mark = rows.iter().find(|row| row.id == mark_of(name)).map(Mark::of);
        Ok((rows.into_iter().map(Row::into_thing).find(|volume| volume.id == name), mark))
    }

    /// Marks that this run is at work. `labels`: as of everything that we make.
    pub(crate) async fn mark(&self, name: &str, mut labels: Vec<String>, run: &Holder) -> Result<()> {
        let Identity { pid, process_start, .. } = &run.process;
        let start = process_start.map(|start| format!(" {start}")).unwrap_or_default();
        labels.extend([format!("{PROCESS}={pid}{start}"), format!("{COMMAND}={}", run.command)]);
        self.create_volume(&mark_of(name), &labels).await
    }

    /// Takes the mark of a run away.
    pub(crate) async fn unmark(&self, name: &str) -> Result<()> {
        self.remove_volumes(&[Thing { id: mark_of(name), cluster: None, maker: None }]).await
    }
}

fn mark_of(name: &str) -> String {
    format!("{name}{RUN}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_who_is_at_work_or_that_it_does_not_tell() {
        let mark = |process: &str, since: &str| {
            let row =
                serde_json::json!({"ID": "a.run", "Host": "desk", "Since": since, "Process": process, "Command": "up"});
            Mark::of(&serde_json::from_value(row).unwrap()).holder
        };
        let holder = mark("12 345", "2026-01-02T03:04:05Z").unwrap();
        assert_eq!(holder.to_string(), "process 12 on desk (up), since 2026-01-02T03:04:05Z");
        assert_eq!(holder.process.process_start, Some(345));
        assert_eq!(mark("12", "2026-01-02T03:04:05Z").unwrap().process.process_start, None);
        for (process, since) in [("", "2026-01-02T03:04:05Z"), ("x 1", "2026-01-02T03:04:05Z"), ("12 345", "")] {
            assert_eq!(mark(process, since), None, "{process:?} {since:?}");
        }
    }
}
