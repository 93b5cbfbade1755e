//! The only place that starts other programs.
//!
//! Every program has a deadline, its output is always kept, a status other than zero is always an error, and when the caller
//! goes away the program and its children are ended too. No program is started while the file of a program is being written
//! (`hold_starts`): a child that is being started has a copy of the open file, and the kernel refuses to run such a file.

mod asked;
mod attended;
mod limits;
mod obstacle;
mod pipe;
mod reasons;
mod unanswered;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{RwLock, RwLockReadGuard};

use asked::Asked;
pub use attended::Input;
pub use limits::raise_open_files;
pub use reasons::{excerpt, reasons};
pub use unanswered::{Rubbish, StartError};

use crate::event::StepReporter;
use crate::given;

/// Held exclusively while a program is started, and shared while a program's file is written.
static STARTS: RwLock<()> = RwLock::const_new(());

/// Keeps every start waiting until the value is dropped. To be held while a file is open for writing that will be run:
/// a child that is being started at that moment has a copy of the open file until its exec, and for so long the
/// kernel refuses to run the file ("text file busy", <https://github.com/golang/go/issues/22315>).
///
/// Blocks the thread: to be called where that is allowed, as in `spawn_blocking`.
pub fn hold_starts() -> RwLockReadGuard<'static, ()> {
    STARTS.blocking_read()
}

/// A program with its arguments, not yet started.
#[derive(Debug)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    hidden: Vec<OsString>,
    input: Vec<u8>,
    deadline: Duration,
    purpose: Option<Purpose>,
    is_secret: bool,
}

/// What a program is run for, for people: in the place of a command that nobody would type.
#[derive(Debug, Clone)]
struct Purpose {
    /// `list the containers of cluster "pgedge"`
    words: String,
    /// What shows the same, as a person would ask it.
    by_hand: String,
}

/// The most that is kept of what a program prints: far more than any that is run here prints, and less than a machine has.
const MOST_OUTPUT: u64 = 16 << 20;

/// What a program printed, with its exit status.
#[derive(Debug)]
pub struct Finished {
    /// The standard output, at most 16 MiB.
    pub stdout: Vec<u8>,
    /// The error output, at most 16 MiB.
    pub stderr: Vec<u8>,
    /// How it ended: an exit code, or a signal.
    pub status: std::process::ExitStatus,
}

/// The file that is started for a name without a path, if there is one.
pub fn on_path(program: &str) -> Option<PathBuf> {
    obstacle::runs(OsStr::new(program), std::env::var_os("PATH").as_deref())
}

impl Command {
    /// A program by its name, which is looked for on the `PATH`, or by its path. It is killed when it has run for as long as `deadline`.
    pub fn new(program: impl AsRef<OsStr>, deadline: Duration) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            hidden: Vec::new(),
            input: Vec::new(),
            deadline,
            purpose: None,
            is_secret: false,
        }
    }

    /// What this is for, in words that complete "docker could not …", and the command by which a person sees the same. Failures
    /// tell this in the place of the command.
    #[must_use]
    pub fn purpose(mut self, words: impl Into<String>, by_hand: impl Into<String>) -> Self {
        self.purpose = Some(Purpose { words: words.into(), by_hand: by_hand.into() });
        self
    }

    /// What the program prints on its standard output is a secret: neither failures nor the log of the run show it, or the command.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Adds arguments. They reach the program as they are; no shell reads them.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the program's environment, which is ours otherwise.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Hides every variable of our own environment that begins like this from the program; those of [`Self::env`] stay.
    #[must_use]
    pub fn hide_env(mut self, prefix: &str) -> Self {
        let begins = |name: &OsString| name.to_string_lossy().starts_with(prefix);
        self.hidden.extend(std::env::vars_os().map(|(name, _)| name).filter(begins));
        self
    }

    /// What the program reads on its standard input; without this it reads nothing.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// The command as one can paste it into a shell.
    /// Without the variables, and without the input.
    pub(crate) fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| given::word(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    fn asked(&self) -> Asked {
        let name = std::path::Path::new(&self.program).file_name().unwrap_or(&self.program);
        Asked { line: self.line(), program: name.to_string_lossy().into_owned(), purpose: self.purpose.clone() }
    }

    /// Runs to the end and returns the standard output as text.
    ///
    /// # Errors
    /// [`CommandFailed`](crate::failure::FailureId::CommandFailed) with the end of the output if the program cannot be started (with a
    /// [`StartError`]), exits with a status other than zero, or prints no text (with [`Rubbish`]);
    /// [`CommandDeadline`](crate::failure::FailureId::CommandDeadline) if it was still running at its deadline (it is killed then).
    pub async fn stdout(self) -> Result<String> {
        let asked = self.asked();
        String::from_utf8(self.succeed().await?.stdout)
            .map_err(|error| asked.rubbish("something that is not text", error.as_bytes()))
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// As [`Self::stdout`], but for what is not text.
    pub async fn succeed(self) -> Result<Finished> {
        let asked = self.asked();
        let finished = self.finish().await?;
        if finished.status.success() { Ok(finished) } else { Err(asked.failed(&finished).into()) }
    }

    /// Runs to the end, whatever the exit status is: for callers who know what a status means.
    ///
    /// # Errors
    /// As [`Self::stdout`], but for the status and for what is not text.
    pub async fn finish(self) -> Result<Finished> {
        let asked = self.asked();
        let (started, is_secret) = (Instant::now(), self.is_secret);
        let mut finished = self.run_to_the_end(&asked).await;
        match &mut finished {
            // What it gives counts only if it says that it has succeeded.
            Ok(finished) if is_secret && !finished.status.success() => finished.stdout.clear(),
            _ if is_secret => {}
            _ => report(&asked.line, started, finished.as_ref()),
        }
        finished
    }

    async fn run_to_the_end(self, asked: &Asked) -> Result<Finished> {
        let mut child = self.start(asked).await?;
        let _group = ProcessGroup(child.id());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not want its input closes the pipe; its exit status tells the rest.
                let _ = stdin.write_all(&self.input).await;
            }
            Ok(())
        };
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let all = async {
            let ended = async { child.wait().await.with_context(|| format!("cannot wait for `{}`", asked.line)) };
            // What floods ends the wait at once: it would write for ever.
            tokio::try_join!(feed, drain(stdout, &mut output), drain(stderr, &mut errors), ended)
        };
        match tokio::time::timeout(self.deadline, all).await {
            Ok(Ok(((), (), (), status))) => Ok(Finished { stdout: output, stderr: errors, status }),
            Ok(Err(error)) => {
                let shown = if self.is_secret { &[][..] } else { &output };
                Err(asked.flooded(error, if output.len() > errors.len() { shown } else { &errors }))
            }
            Err(_) => {
                let shown = if self.is_secret { &[][..] } else { &output };
                Err(asked.out_of_time(self.deadline, &tail(shown, &errors)).into())
            }
        }
    }

    async fn start(&self, asked: &Asked) -> Result<tokio::process::Child> {
        let mut command = self.prepare();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that the children of the program can be ended with it, and so that Ctrl-C in the
            // terminal reaches this program alone, which then decides.
            .process_group(0);
        self.spawn(command, asked).await
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

    async fn spawn(&self, mut command: tokio::process::Command, asked: &Asked) -> Result<tokio::process::Child> {
        let exclusive = STARTS.write().await;
        let started = command.spawn();
        drop(exclusive);
        started.map_err(|error| {
            let own = self.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
            let path = own.or_else(|| std::env::var_os("PATH"));
            let in_the_way = obstacle::in_the_way(&self.program, path.as_deref(), &error);
            asked.not_started(&error, &in_the_way)
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
    /// [`CommandFailed`](crate::failure::FailureId::CommandFailed).
    pub fn success(self, line: &str) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        Err(Asked { line: line.to_owned(), program: String::new(), purpose: None }.failed(&self).into())
    }

    /// Of the error output, or of the standard output if there is none: the lines that say why the program failed, or the
    /// last ones if it did not.
    pub fn tail(&self) -> String {
        let bytes = if self.stderr.iter().all(u8::is_ascii_whitespace) { &self.stdout } else { &self.stderr };
        let text = String::from_utf8_lossy(bytes);
        if self.status.success() { reasons::last_lines(&text) } else { reasons(&text) }
    }
}

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
///
/// # Errors
/// [`Rubbish`] where there is more than [`MOST_OUTPUT`].
async fn drain(pipe: Option<impl tokio::io::AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> Result<()> {
    if let Some(pipe) = pipe {
        let read = pipe.take(MOST_OUTPUT + 1).read_to_end(bytes).await;
        let read = read.context("cannot read the output of a program")?;
        anyhow::ensure!(read as u64 <= MOST_OUTPUT, Rubbish);
    }
    Ok(())
}

fn tail(stdout: &[u8], stderr: &[u8]) -> String {
    let bytes = if stderr.iter().all(u8::is_ascii_whitespace) { stdout } else { stderr };
    reasons::last_lines(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
