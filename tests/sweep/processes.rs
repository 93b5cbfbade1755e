//! The processes of this machine, as /proc shows them.

use std::path::Path;

use rustix::process::{Pid, Signal};

/// A process that has not ended: a zombie, which only waits to be reaped, is none.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: Pid,
    parent: i32,
    pub(crate) name: String,
}

impl Process {
    pub(crate) fn kill(&self) {
        // It may have ended by itself in the meantime, which is as good.
        let _ = rustix::process::kill_process(self.id, Signal::KILL);
    }

    /// The arguments, for a person.
    pub(crate) fn line(&self) -> String {
        let arguments = std::fs::read(file(self.id, "cmdline")).unwrap_or_default();
        format!("process {}: {}", self.id, String::from_utf8_lossy(&arguments).replace('\0', " ").trim_end())
    }
}

/// Everything below a process, parents first.
pub(crate) fn below(root: Pid) -> Vec<Process> {
    let mut rest = all();
    let mut known = vec![root.as_raw_pid()];
    let mut found = Vec::new();
    loop {
        let (children, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|process| known.contains(&process.parent));
        if children.is_empty() {
            return found;
        }
        known.extend(children.iter().map(|process| process.id.as_raw_pid()));
        found.extend(children);
        rest = others;
    }
}

/// Everything that was started with this setting in its environment, by whomever: also what has lost its parent. What
/// docker's daemon runs in containers has another environment.
pub(crate) fn with_setting(setting: &str) -> Vec<Process> {
    let has_setting = |process: &Process| {
        let environment = std::fs::read(file(process.id, "environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == setting.as_bytes())
    };
    all().into_iter().filter(has_setting).collect()
}

fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let ids = entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    // A process that ends while it is looked at has no file any more.
    ids.filter_map(|id| parse(id, &std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)).collect()
}

/// `id (name) state parent …`, where the name may hold anything, parentheses too.
fn parse(id: i32, stat: &str) -> Option<Process> {
    let (head, fields) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = fields.split(' ');
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    if matches!(state, "Z" | "X") { None } else { Some(Process { id: Pid::from_raw(id)?, parent, name }) }
}

fn file(id: Pid, name: &str) -> std::path::PathBuf {
    Path::new("/proc").join(id.to_string()).join(name)
}
