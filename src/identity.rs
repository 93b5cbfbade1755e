//! Which process it is that does something, so that another process can tell whether it still lives: its number may have
//! been given to a new process since, and a home directory may be seen from several machines.

use serde::{Deserialize, Serialize};

/// The process that runs: enough to tell it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) host: String,
    /// In ticks since the machine's boot; only where the kernel tells (Linux).
    pub(crate) process_start: Option<u64>,
}

impl Identity {
    pub(crate) fn this_process() -> Self {
        let pid = std::process::id();
        Self { pid, host: host(), process_start: process(pid).map(|process| process.start) }
    }

    /// Whether the process runs on this machine; `None` if it is on another one.
    pub(crate) fn is_there(&self) -> Option<bool> {
        if self.host != host() {
            return None;
        }
        if let (Some(start), Some(found)) = (self.process_start, process(self.pid)) {
            return Some(found.start == start && found.runs);
        }
        Some(is_process(self.pid))
    }
}

/// Whether there is a process of this number on this machine. One of somebody else may not be asked, and is there.
pub(crate) fn is_process(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
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
