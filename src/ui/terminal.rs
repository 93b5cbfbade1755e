//! A terminal: one moving line for each running step, and a line that stays for each finished one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::event::{Event, Reporter};
use crate::step::StepId;

const REDRAW: Duration = Duration::from_millis(120);

pub(super) struct Terminal {
    lines: MultiProgress,
    running: Mutex<BTreeMap<StepId, ProgressBar>>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self { lines: MultiProgress::new(), running: Mutex::default() }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<StepId, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that stays, above the moving ones.
    fn line(&self, text: &str) {
        // A terminal that went away loses nothing: the run goes on.
        let _ = self.lines.println(text);
    }

    fn remove(&self, step: StepId) {
        if let Some(bar) = self.running().remove(&step) {
            bar.finish_and_clear();
        }
    }
}

impl Reporter for Terminal {
    fn report(&self, event: &Event) {
        match event {
            Event::RunStarted { version, cluster, .. } => {
                self.line(&format!("pgedge-bootstrap {version}, cluster {cluster:?}"));
            }
            Event::StepStarted { step } => {
                let bar = self.lines.add(ProgressBar::no_length());
                bar.set_style(spinner());
                bar.set_message(step.title());
                bar.enable_steady_tick(REDRAW);
                self.running().insert(*step, bar);
            }
            Event::StepWaiting { step, reason } => {
                if let Some(bar) = self.running().get(step) {
                    bar.set_style(spinner());
                    bar.set_message(format!("{step}: {reason}"));
                }
            }
            Event::StepBytes { step, done, total } => {
                if let Some(bar) = self.running().get(step) {
                    if let Some(total) = total
                        && bar.length() != Some(*total)
                    {
                        bar.set_length(*total);
                        bar.set_style(bytes());
                        bar.set_message(step.to_string());
                    }
                    bar.set_position(*done);
                }
            }
            Event::StepDone { step, detail, changed, seconds } => {
                self.remove(*step);
                let took =
                    if *changed { format!(" {}", style(format!("{seconds:.1} s")).dim()) } else { String::new() };
                self.line(&format!(
                    "{} {}: {}",
                    style("✓").green(),
                    step.title(),
                    style(format!("{detail}{took}")).dim()
                ));
            }
            Event::StepFailed { step, id, summary, evidence, hint, seconds } => {
                self.remove(*step);
                self.line(&format!("{} {} {}", style("✗").red(), step.title(), style(format!("{seconds:.1} s")).dim()));
                self.line(super::failure::lines(id, summary, evidence, hint).trim_end());
            }
            Event::StepCancelled { step, .. } => {
                self.remove(*step);
                self.line(&format!("{} stopped: {}", style("-").yellow(), step.title()));
            }
            Event::StepQueued { .. }
            | Event::StepApplying { .. }
            | Event::CommandEnded { .. }
            | Event::Proof { .. } => {}
            Event::RunFinished { ok, changed, seconds, .. } => self.line(&closing(*ok, *changed, *seconds)),
        }
    }
}

/// The last line of a run.
pub(super) fn closing(ok: bool, changed: usize, seconds: f64) -> String {
    match (ok, changed) {
        (true, 0) => format!("everything was there already ({seconds:.1} s)"),
        (true, 1) => format!("done, 1 step was made true ({seconds:.1} s)"),
        (true, _) => format!("done, {changed} steps were made true ({seconds:.1} s)"),
        (false, _) => format!("stopped after {seconds:.1} s; running this again continues from here"),
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes() -> ProgressStyle {
    ProgressStyle::with_template("{spinner:.cyan} {msg:<24} {bar:24.cyan/dim} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta:.dim}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
