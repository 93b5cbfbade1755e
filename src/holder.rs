//! Which process does something, so that another process can tell whether it still lives: its number may have been given
//! to a new process since, and a home directory may be seen from several machines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A process of this program, as it describes itself in the files that others read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    /// The machine's (or container's) host name.
    pub(crate) host: String,
    /// When the kernel started it, in ticks since the machine's start; only Linux tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process_start: Option<u64>,
    /// `up`, `down`, …
    pub(crate) command: String,
    /// When it took what it holds.
    pub(crate) since: Timestamp,
}

/// What can be known of another process from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Alive,
    /// It has ended, or its number belongs to another process now.
    Gone,
    /// It runs on another machine: its number tells nothing here.
    Elsewhere,
}

impl Holder {
    /// This process.
    pub(crate) fn myself(command: &str) -> Self {
        let pid = std::process::id();
        let (host, process_start) = (host(), process_start(pid));
        Self { pid, host, process_start, command: command.to_owned(), since: Timestamp::now() }
    }

    pub(crate) fn presence(&self) -> Presence {
        if self.host != host() {
            return Presence::Elsewhere;
        }
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        // A process of somebody else may not be signalled, but it is there.
        let there =
            pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
        let same = self.process_start.is_none() || process_start(self.pid) == self.process_start;
        if there && same { Presence::Alive } else { Presence::Gone }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, host, command, since, .. } = self;
        write!(formatter, "process {pid} on {host} ({command}), since {since:.0}")
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Field 22 of proc_pid_stat(5); a zombie counts as ended. The name in field 2 may hold spaces and brackets, so the
/// fields are counted from behind it.
fn process_start(pid: u32) -> Option<u64> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_with_its_number_from_another_time_is_gone() {
        let myself = Holder::myself("up");
        assert_eq!(myself.presence(), Presence::Alive);
        let earlier = Holder { process_start: myself.process_start.map(|start| start + 1), ..myself.clone() };
        if myself.process_start.is_some() {
            assert_eq!(earlier.presence(), Presence::Gone);
        }
        let elsewhere = Holder { host: "another-machine".to_owned(), ..myself };
        assert_eq!(elsewhere.presence(), Presence::Elsewhere);
    }

    #[test]
    fn a_process_that_has_ended_is_gone() {
        // The kernel gives no process the highest number that fits.
        let ended = Holder { pid: i32::MAX.unsigned_abs(), process_start: None, ..Holder::myself("up") };
        assert_eq!(ended.presence(), Presence::Gone);
    }
}
