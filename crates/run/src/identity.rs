//! Which process it is that does something, so that another process can tell whether it still lives: its number may have
//! been given to a new process since, and a home directory may be seen from several machines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The process that runs: enough to tell it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The number of the process (PID).
    pub pid: u32,
    /// The machine that the process runs on: see [`host`].
    pub host: String,
    /// The start of the process, in clock ticks since the boot of the machine; `None` where the kernel does not tell, as on macOS.
    pub process_start: Option<u64>,
}

impl Identity {
    /// The process that calls this.
    pub(crate) fn this_process() -> Self {
        let pid = std::process::id();
        Self { pid, host: host(), process_start: process(pid).map(|process| process.start) }
    }

    /// Whether the process runs on this machine; `None` if it is on another one.
    pub fn is_there(&self) -> Option<bool> {
        if self.host != host() {
            return None;
        }
        if let (Some(start), Some(found)) = (self.process_start, process(self.pid)) {
            return Some(found.start == start && found.runs);
        }
        Some(is_process(self.pid))
    }
}

/// A run that is at work, as it has written itself down for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process of the run. In JSON its fields stand beside the others.
    #[serde(flatten)]
    pub process: Identity,
    /// The command of the run: `up`, `down`, …
    pub command: String,
    /// When the run began, in UTC.
    pub since: Timestamp,
}

impl Holder {
    /// This process, which begins now.
    pub fn now(command: &str) -> Self {
        Self { process: Identity::this_process(), command: command.to_owned(), since: Timestamp::now() }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Identity { pid, host, .. } = &self.process;
        write!(formatter, "process {pid} on {host} ({}), since {:.0}", self.command, self.since)
    }
}

/// Whether there is a process of this number on this machine. One of somebody else may not be asked, and is there.
pub(crate) fn is_process(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// The name of this machine, as `uname -n` prints it.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The person's name here, for people to read: as the environment gives it, which nothing else of this program trusts.
pub fn user() -> String {
    let named =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

struct Process {
    start: u64,
    /// A killed process that nobody has reaped is still listed, and runs no more.
    runs: bool,
}

/// What Linux tells of a process (proc_pid_stat(5)): the state is field 3, the start field 22.
fn process(pid: u32) -> Option<Process> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, in which anything may be.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Process { start: fields.get(19)?.parse().ok()?, runs: !matches!(*fields.first()?, "Z" | "X") })
}
/// Whether this process may do what only an administrator may.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
