//! The only place that starts other programs.
//!
//! Every program has a deadline, its output is always kept, a status other than zero is always an error, and when the
//! caller goes away the program and its children go too.

mod attended;
mod pipe;

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{RwLock, RwLockReadGuard};

pub(crate) use attended::Input;

use crate::event::StepReporter;
use crate::failure::{Failure, FailureId};

/// How many lines of a failed program's output are shown.
const TAIL_LINES: usize = 12;

/// Held exclusively while a program is started, and shared while a program's file is written.
static STARTS: RwLock<()> = RwLock::const_new(());

/// Keeps every start waiting until the value is dropped. To be held while a file is open for writing that will be run:
/// a child that is being started at that moment has a copy of the open file until its exec, and for so long the
/// kernel refuses to run the file ("text file busy", <https://github.com/golang/go/issues/22315>).
///
/// Blocks the thread: to be called where that is allowed, as in `spawn_blocking`.
pub(crate) fn hold_starts() -> RwLockReadGuard<'static, ()> {
    STARTS.blocking_read()
}

/// A program with its arguments, not yet started.
#[derive(Debug)]
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    hidden: Vec<OsString>,
    input: Vec<u8>,
    deadline: Duration,
}

/// What a program printed, with its exit status.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: std::process::ExitStatus,
}

/// Why a program could not even be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartError {
    NotFound,
}

impl Command {
    pub(crate) fn new(program: impl AsRef<OsStr>, deadline: Duration) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            hidden: Vec::new(),
            input: Vec::new(),
            deadline,
        }
    }

    #[must_use]
    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Hides every variable of our own environment that begins like this from the program; those of [`Self::env`] stay.
    #[must_use]
    pub(crate) fn hide_env(mut self, prefix: &str) -> Self {
        let begins = |name: &OsString| name.to_string_lossy().starts_with(prefix);
        self.hidden.extend(std::env::vars_os().map(|(name, _)| name).filter(begins));
        self
    }

    /// What the program reads on its standard input; without this it reads nothing.
    #[must_use]
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// The command as one can paste it into a shell.
    pub(crate) fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Runs to the end and returns the standard output as text.
    ///
    /// # Errors
    /// [`FailureId::CommandFailed`] with the end of the output if the program cannot be started or exits with a status
    /// other than zero; [`FailureId::CommandDeadline`] if it was still running at its deadline (it is killed then).
    pub(crate) async fn stdout(self) -> Result<String> {
        let line = self.line();
        let finished = self.finish().await?.success(&line)?;
        String::from_utf8(finished.stdout).with_context(|| format!("`{line}` printed something that is not text"))
    }

    /// Runs to the end, whatever the exit status is: for callers who know what a status means.
    ///
    /// # Errors
    /// As [`Self::stdout`], but for the status.
    pub(crate) async fn finish(self) -> Result<Finished> {
        let line = self.line();
        let started = Instant::now();
        let finished = self.run_to_the_end(&line).await;
        report(&line, started, finished.as_ref());
        finished
    }

    async fn run_to_the_end(self, line: &str) -> Result<Finished> {
        let mut child = self.start(line).await?;
        let _group = ProcessGroup(child.id());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not want its input closes the pipe; its exit status tells the rest.
                let _ = stdin.write_all(&self.input).await;
            }
        };
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let all = async { tokio::join!(feed, drain(stdout, &mut output), drain(stderr, &mut errors), child.wait()) };
        let Ok(((), read, read_errors, status)) = tokio::time::timeout(self.deadline, all).await else {
            return Err(self.out_of_time(line, &tail(&output, &errors)));
        };
        read.and(read_errors)?;
        let status = status.with_context(|| format!("cannot wait for `{line}`"))?;
        Ok(Finished { stdout: output, stderr: errors, status })
    }

    /// `seen`: what it had printed.
    fn out_of_time(&self, line: &str, seen: &str) -> anyhow::Error {
        let what = format!("`{line}` was still running after {} s and was stopped", self.deadline.as_secs());
        Failure::new(FailureId::CommandDeadline, what).evidence(seen).into()
    }

    async fn start(&self, line: &str) -> Result<tokio::process::Child> {
        let mut command = self.prepare();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that the children of the program can be ended with it, and so that Ctrl-C in the
            // terminal reaches this program alone, which then decides.
            .process_group(0);
        self.spawn(command, line).await
    }

    fn prepare(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        for name in &self.hidden {
            command.env_remove(name);
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.kill_on_drop(true);
        command
    }

    async fn spawn(&self, mut command: tokio::process::Command, line: &str) -> Result<tokio::process::Child> {
        let failed =
            |what: String| Failure::new(FailureId::CommandFailed, format!("`{line}` could not be run")).evidence(what);
        let exclusive = STARTS.write().await;
        let started = command.spawn();
        drop(exclusive);
        started.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => anyhow::Error::new(StartError::NotFound).context(failed(error.to_string())),
            _ => failed(error.to_string()).into(),
        })
    }
}

/// Tells the run, if there is one, that a program has ended.
fn report(line: &str, started: Instant, ended: Result<&Finished, &anyhow::Error>) {
    let Some(reporter) = StepReporter::current() else { return };
    let (exit, output) = match ended {
        Ok(finished) => (finished.status.code(), finished.tail()),
        Err(error) => (None, format!("{error:#}")),
    };
    let output = output.lines().map(str::to_owned).collect();
    reporter.command(line.to_owned(), exit, started.elapsed().as_secs_f64(), output);
}

impl Finished {
    /// Makes a status other than zero an error, with the end of the output.
    ///
    /// # Errors
    /// [`FailureId::CommandFailed`].
    pub(crate) fn success(self, line: &str) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        let failure = Failure::new(FailureId::CommandFailed, format!("`{line}` failed: {}", self.status));
        Err(failure.evidence(self.tail()).into())
    }

    /// The last lines of the error output, or of the standard output if there is none.
    pub(crate) fn tail(&self) -> String {
        tail(&self.stdout, &self.stderr)
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("there is no such program")
    }
}

impl std::error::Error for StartError {}

/// Ends everything that the program started when the wait for it ends, however it ends.
struct ProcessGroup(Option<u32>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(leader) = leader {
            // Most often nothing is left to be ended, which is an error that tells nothing.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// Reads to the end. What was read is there also when this is given up before.
async fn drain(pipe: Option<impl tokio::io::AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> Result<()> {
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(bytes).await.context("cannot read the output of a program")?;
    }
    Ok(())
}

fn tail(stdout: &[u8], stderr: &[u8]) -> String {
    let bytes = if stderr.iter().all(u8::is_ascii_whitespace) { stdout } else { stderr };
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
