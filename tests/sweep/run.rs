//! One run of the program: followed while it goes on by the events that it prints, and kept in files.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::common::proof;

/// What the program printed last is here at once when it has ended, unless somebody else holds its output open.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How much of the error output is told; all of it is in the file.
const ERROR_LINES: usize = 5;

pub(crate) struct Run {
    pub(crate) process: Pid,
    pub(crate) started: Instant,
    pub(crate) ended: Option<Ended>,
    events: Vec<Value>,
    /// Lines that are no events: nothing, or the last one of a run that was killed.
    unreadable: Vec<String>,
    messages: Receiver<Message>,
    errors: PathBuf,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) after: Duration,
}

enum Message {
    Line(String),
    Ended(ExitStatus, Instant),
}

impl Run {
    /// Starts the program in a process group of its own, with its output in `<folder>/<name>.jsonl` and `.stderr`.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str) -> Self {
        let output = File::create(folder.join(format!("{name}.jsonl"))).unwrap();
        let errors = folder.join(format!("{name}.stderr"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors).unwrap()).process_group(0);
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let process = Pid::from_child(&child);
        let (sender, messages) = channel();
        let printed = child.stdout.take().unwrap();
        let line_sender = sender.clone();
        std::thread::spawn(move || keep_lines(printed, output, &line_sender));
        std::thread::spawn(move || {
            let status = child.wait().unwrap();
            // Nobody listens any more if the run was given up.
            let _ = sender.send(Message::Ended(status, Instant::now()));
        });
        Self { process, started, ended: None, events: Vec::new(), unreadable: Vec::new(), messages, errors }
    }

    /// Follows the run until this instant, or until it has ended.
    pub(crate) fn follow(&mut self, until: Instant) {
        while self.ended.is_none() && self.take_message(until) {}
    }

    /// Follows the run until the first bytes of a download arrive, for at most so long.
    ///
    /// # Errors
    /// None came.
    pub(crate) fn follow_to_first_bytes(&mut self, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        while self.events("step-bytes").next().is_none() {
            if self.ended.is_some() || !self.take_message(end) {
                return Err(format!("nothing was downloaded within {} s", limit.as_secs()));
            }
        }
        Ok(())
    }

    /// Waits until the run has ended, for at most so long. A run that goes on then is killed.
    ///
    /// # Errors
    /// It went on.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Ended, String> {
        self.follow(Instant::now() + limit);
        let Some(ended) = self.ended else {
            let running = self.running_steps().join(", ");
            self.kill_group();
            return Err(format!("still running after {} s, in {running}", limit.as_secs()));
        };
        let end = Instant::now() + LAST_WORDS;
        while self.take_message(end) {}
        Ok(ended)
    }

    pub(crate) fn kill_group(&self) {
        // A group that has ended by itself in the meantime is as good as killed.
        let _ = rustix::process::kill_process_group(self.process, Signal::KILL);
    }

    /// The steps that have been started and have not ended, in the order in which they were started.
    pub(crate) fn running_steps(&self) -> Vec<String> {
        let mut running = Vec::new();
        for event in &self.events {
            let step = event["step"].as_str().unwrap_or_default();
            match event["event"].as_str() {
                Some("step-started") => running.push(step.to_owned()),
                Some("step-done" | "step-failed" | "step-cancelled") => running.retain(|other| other != step),
                _ => {}
            }
        }
        running
    }

    /// The stages of the steps that are running, in the order of the plan.
    pub(crate) fn running_stages(&self) -> Vec<String> {
        let running = self.running_steps();
        let planned = self.events("run-started").flat_map(|event| event["steps"].as_array().into_iter().flatten());
        let mut stages: Vec<String> = Vec::new();
        for step in planned.filter(|step| running.contains(&text(&step["id"]))) {
            let stage = text(&step["stage"]);
            if !stages.contains(&stage) {
                stages.push(stage);
            }
        }
        stages
    }

    /// It came to its end with exit code 0 and a whole proof.
    ///
    /// # Errors
    /// What it did instead.
    pub(crate) fn check_proven(&self) -> Result<(), String> {
        self.check_end(0)?;
        let proof = self.events("proof").next().ok_or("there is no proof")?;
        proof::check(&proof["matrix"])
    }

    /// It gave up in good order: with exit code 1, and an event that tells why.
    ///
    /// # Errors
    /// What it did instead.
    pub(crate) fn check_failed_in_order(&self) -> Result<(), String> {
        self.check_end(1)?;
        self.events("step-failed").next().map(drop).ok_or_else(|| "no event tells the failure".to_owned())
    }

    /// It was told to stop, and says so.
    ///
    /// # Errors
    /// What it did instead.
    pub(crate) fn check_interrupted(&self) -> Result<(), String> {
        self.check_end(130)?;
        let end = self.events.last().map(|event| text(&event["end"])).unwrap_or_default();
        if end == "interrupted" { Ok(()) } else { Err(format!("the end of an interrupted run is told as {end:?}")) }
    }

    /// It ended with this exit code.
    ///
    /// # Errors
    /// What it did instead, and what it said.
    pub(crate) fn check_code(&self, code: i32) -> Result<(), String> {
        let status = self.ended.ok_or("it has not ended")?.status;
        if status.code() == Some(code) { Ok(()) } else { Err(format!("{}{}", describe(status), self.words())) }
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.ended.and_then(|ended| ended.status.code())
    }

    fn check_end(&self, code: i32) -> Result<(), String> {
        self.check_code(code)?;
        if let Some(line) = self.unreadable.first() {
            return Err(format!("it printed a line that is no event: {line}"));
        }
        let last = self.events.last().ok_or("it printed no event")?;
        if last["event"] == "run-finished" && last["ok"] == (code == 0) {
            Ok(())
        } else {
            Err(format!("it ended with exit code {code}, but the last event is {last}"))
        }
    }

    /// What it said of failures, for a person.
    fn words(&self) -> String {
        let told =
            |event: &Value| format!("\n{} ({}): {}", text(&event["step"]), text(&event["id"]), text(&event["summary"]));
        let errors = std::fs::read_to_string(&self.errors).unwrap_or_default();
        let errors = errors.lines().take(ERROR_LINES).map(|line| format!("\n{line}"));
        self.events("step-failed").map(told).chain(errors).collect()
    }

    fn events(&self, name: &'static str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }

    /// Takes in what the run does next; false if it did nothing until then, or will do nothing more.
    fn take_message(&mut self, until: Instant) -> bool {
        let Ok(message) = self.messages.recv_timeout(until.saturating_duration_since(Instant::now())) else {
            return false;
        };
        match message {
            Message::Line(line) => match serde_json::from_str(&line) {
                Ok(event) => self.events.push(event),
                Err(_) => self.unreadable.push(line),
            },
            Message::Ended(status, at) => self.ended = Some(Ended { status, after: at - self.started }),
        }
        true
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill_group();
        }
    }
}

fn keep_lines(printed: impl std::io::Read, mut output: File, sender: &Sender<Message>) {
    for line in BufReader::new(printed).lines() {
        let line = line.unwrap();
        writeln!(output, "{line}").unwrap();
        // Nobody listens any more if the run was given up; the file is still written.
        let _ = sender.send(Message::Line(line));
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, signal) => format!("it ended by signal {}", signal.unwrap_or_default()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
