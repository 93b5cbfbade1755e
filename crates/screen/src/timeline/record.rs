//! Events, one after the other, become the tracks of the steps.

use std::time::Duration;

use bootstrap_run::event::{Event, PlannedStep, RunEnd, Stamped};
use bootstrap_run::step::StepName;
use jiff::Timestamp;

use super::transfer::Sample;
use super::{CommandTrack, Outcome, Seconds, Track, Wait};

/// What has been told so far.
pub(super) struct Record {
    pub(super) version: String,
    pub(super) cluster: String,
    pub(super) started: Timestamp,
    pub(super) end: Option<RunEnd>,
    /// The moment of the last event.
    pub(super) now: Seconds,
    pub(super) steps: Vec<Track>,
    /// The steps that were started, in the order in which they ended.
    pub(super) ended: Vec<StepName>,
    pub(super) commands: Vec<CommandTrack>,
    pub(super) samples: Vec<Sample>,
    /// What each step is waiting for, since when.
    waiting: Vec<(StepName, String, Seconds)>,
}

impl Record {
    pub(super) fn of(events: &[Stamped]) -> Option<Self> {
        let mut events = events.iter();
        let mut record = events.find_map(Self::start)?;
        for Stamped { time, event } in events {
            record.now = record.now.max(since(record.started, *time));
            record.take(event);
            if record.end.is_some() {
                break;
            }
        }
        record.close();
        Some(record)
    }

    fn start(first: &Stamped) -> Option<Self> {
        let Event::RunStarted { version, cluster, steps, .. } = &first.event else { return None };
        Some(Self {
            version: version.clone(),
            cluster: cluster.clone(),
            started: first.time,
            end: None,
            now: Seconds::ZERO,
            steps: steps.iter().map(planned).collect(),
            ended: Vec::new(),
            commands: Vec::new(),
            samples: Vec::new(),
            waiting: Vec::new(),
        })
    }

    fn take(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::StepStarted { step } => self.change(*step, |track| track.start = Some(now)),
            Event::StepQueued { step, behind } => {
                self.stop_waiting(*step);
                self.change(*step, |track| {
                    track.queued = Some(now);
                    track.behind.clone_from(behind);
                });
            }
            Event::StepApplying { step, found, detail } => {
                self.stop_waiting(*step);
                self.change(*step, |track| {
                    track.applying = Some(now);
                    track.found = Some(if detail.is_empty() { found.clone() } else { format!("{found}: {detail}") });
                });
            }
            Event::StepWaiting { step, reason } => {
                self.stop_waiting(*step);
                self.waiting.push((*step, reason.clone(), now));
            }
            Event::StepBytes { step, done, total } => {
                self.stop_waiting(*step);
                self.samples.push(Sample { step: *step, at: now, done: *done, total: *total });
            }
            Event::StepDone { step, detail, changed, .. } => {
                self.finish(*step, if *changed { Outcome::Changed } else { Outcome::Done }, detail, None);
            }
            Event::StepFailed { step, failure, .. } => {
                self.finish(*step, Outcome::Failed, &failure.summary, Some(&failure.id));
            }
            Event::StepCancelled { step, .. } => self.finish(*step, Outcome::Cancelled, "", None),
            Event::CommandEnded { step, command, exit, seconds, .. } => self.commands.push(CommandTrack {
                step: *step,
                command: command.clone(),
                exit: *exit,
                from: now - Seconds::from_f64(*seconds),
                to: now,
            }),
            Event::RunFinished { end, .. } => self.end = Some(*end),
            Event::RunStarted { .. }
            | Event::Proof { .. }
            | Event::ClusterAdopted { .. }
            | Event::SlotRenewed { .. }
            | Event::RunFailed { .. } => {}
        }
    }

    /// A step that nobody has told the end of ended with the run.
    fn close(&mut self) {
        let open: Vec<StepName> =
            self.steps.iter().filter(|step| step.start.is_some() && step.end.is_none()).map(|step| step.id).collect();
        for step in open {
            self.finish(step, Outcome::Cancelled, "", None);
        }
    }

    fn finish(&mut self, step: StepName, outcome: Outcome, detail: &str, failure: Option<&str>) {
        self.stop_waiting(step);
        let now = self.now;
        self.change(step, |track| {
            track.outcome = outcome;
            track.detail = detail.to_owned();
            track.failure = failure.map(str::to_owned);
            track.end = Some(now);
            track.own = track.runs().into_iter().map(|(from, to)| to - from).sum();
        });
        self.ended.push(step);
    }

    fn stop_waiting(&mut self, step: StepName) {
        let to = self.now;
        if let Some(place) = self.waiting.iter().position(|(waits, ..)| *waits == step) {
            let (_, reason, from) = self.waiting.swap_remove(place);
            self.change(step, |track| track.waits.push(Wait { reason, from, to }));
        }
    }

    /// A step that is not in the plan is told of by another version of this program, and is left out.
    fn change(&mut self, step: StepName, how: impl FnOnce(&mut Track)) {
        if let Some(track) = self.steps.iter_mut().find(|track| track.id == step) {
            how(track);
        }
    }
}

fn planned(step: &PlannedStep) -> Track {
    Track {
        id: step.id,
        title: step.title.clone(),
        stage: step.stage,
        needs: step.needs.clone(),
        yields_to: step.yields_to.clone(),
        outcome: Outcome::NeverStarted,
        detail: String::new(),
        failure: None,
        found: None,
        start: None,
        queued: None,
        behind: Vec::new(),
        applying: None,
        end: None,
        own: Seconds::ZERO,
        waits: Vec::new(),
        bytes: None,
    }
}

fn since(started: Timestamp, time: Timestamp) -> Seconds {
    // A time before the start: the clock was set.
    Seconds::new(Duration::try_from(time.duration_since(started)).unwrap_or_default())
}
