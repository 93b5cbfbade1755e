//! What `status` says of the run that goes on, or of the last one.

use bootstrap_run::run_state::{Liveness, Phase, RunState, StepPhase, liveness};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) struct LastRun {
    run: RunState,
    /// Seconds since the last sign of life, or since the end.
    unheard: u64,
    alive: Liveness,
}

impl LastRun {
    pub(super) fn new(run: RunState) -> Self {
        let now = Timestamp::now();
        Self { unheard: run.unheard_for(now), alive: liveness(&run, now), run }
    }

    /// `in-progress`, `killed`, `silent`, `done`, `failed` or `interrupted`.
    fn word(&self) -> &'static str {
        match (self.run.state, self.alive) {
            (Phase::Done, _) => "done",
            (Phase::Failed, _) => "failed",
            (Phase::Interrupted, _) => "interrupted",
            (Phase::Running, Liveness::Gone) => "killed",
            (Phase::Running, alive) if alive.is_alive() => "in-progress",
            (Phase::Running, _) => "silent",
        }
    }

    /// Lines for a person; none after a run that succeeded.
    pub(super) fn text(&self) -> Option<String> {
        let (run, ago) = (&self.run, super::ago(self.unheard));
        let (name, at) = (run.name(), run.at());
        let words = match self.word() {
            "done" => return None,
            "in-progress" => format!("in progress: {name}, since {:.0}, at: {at}", run.started),
            "killed" => format!("killed: {name} is gone, last heard {ago}, at: {at}"),
            "silent" => format!("silent: {name} is stopped or hangs, last heard {ago}, at: {at}"),
            word => match &run.failure {
                Some(failure) => format!("{word} {ago}: {} ({})", failure.report.summary, failure.report.id),
                None => format!("{word} {ago}: {name}"),
            },
        };
        let log = run.log.as_ref().map(|log| format!("log             {}\n", log.display())).unwrap_or_default();
        Some(format!("run             {words}\n{log}"))
    }

    pub(super) fn json(&self) -> Value {
        let run = &self.run;
        let running = run.steps.iter().filter(|step| step.state == StepPhase::Running);
        json!({
            "state": self.word(), "command": run.command, "pid": run.writer.pid, "host": run.writer.host,
            "started": run.started, "heartbeat": run.heartbeat, "log": run.log, "at": run.at(),
            "running": running.collect::<Vec<_>>(), "failure": run.failure, "changed": run.changed,
            "seconds": run.seconds,
        })
    }
}
