//! The processes that hold a lock whose run is gone: the programs that the run had started, and theirs. That they got
//! the lock's open file from it is the proof that they belong to it.

use std::path::Path;

use anyhow::Result;

/// A process that was given an open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Orphan {
    pid: u32,
    line: String,
}

impl std::fmt::Display for Orphan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {}: {}", self.pid, self.line)
    }
}

/// Ends these processes. Returns their command lines.
pub(super) fn end(orphans: Vec<Orphan>) -> Vec<String> {
    for orphan in &orphans {
        if let Some(pid) = i32::try_from(orphan.pid).ok().and_then(rustix::process::Pid::from_raw) {
            // One that has just ended by itself is what was wanted, and one of another person shows by the lock that it
            // still holds.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    orphans.into_iter().map(|orphan| orphan.line).collect()
}

/// The processes that were given the open file. Another run that is trying to take the lock has it open too, but of
/// itself: its copy would be closed in the programs that it starts.
#[cfg(target_os = "linux")]
pub(super) async fn of(path: &Path) -> Result<Vec<Orphan>> {
    let path = fs_err::canonicalize(path)?;
    let look = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        for entry in fs_err::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // What belongs to others, and what ends meanwhile, cannot be read.
            let Ok(files) = fs_err::read_dir(entry.path().join("fd")) else { continue };
            let given = |file: &fs_err::DirEntry| {
                fs_err::read_link(file.path()).is_ok_and(|target| target == path)
                    && !closes_on_exec(&entry.path().join("fdinfo").join(file.file_name()))
            };
            if files.flatten().any(|file| given(&file)) && pid != std::process::id() {
                let line = fs_err::read(entry.path().join("cmdline")).unwrap_or_default();
                let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
                found.push(Orphan { pid, line: words.join(" ").trim_end().to_owned() });
            }
        }
        Ok(found)
    });
    look.await?
}

/// The line `flags:` of proc_pid_fdinfo(5), octal, with `O_CLOEXEC` in it or not.
#[cfg(target_os = "linux")]
fn closes_on_exec(fdinfo: &Path) -> bool {
    const O_CLOEXEC: u32 = 0o2_000_000;
    let info = fs_err::read_to_string(fdinfo).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & O_CLOEXEC != 0)
}

/// The programs that were given the open file. Without /proc, lsof knows; macOS has it. It does not tell who was given
/// the file and who has opened it, so only programs that a run starts count.
#[cfg(not(target_os = "linux"))]
pub(super) async fn of(path: &Path) -> Result<Vec<Orphan>> {
    use crate::patience::ORPHANS_ARE_LISTED;
    use crate::process::Command;

    const STARTED_BY_US: [&str; 5] = ["kind", "helm", "kubectl", "kubectl-cnpg", "docker"];
    // Its exit status is 1 if nobody has the file open.
    let listed =
        Command::new("lsof", ORPHANS_ARE_LISTED).args([Path::new("-t"), Path::new("--"), path]).finish().await?;
    let mut found = Vec::new();
    for pid in String::from_utf8_lossy(&listed.stdout).lines().filter_map(|line| line.trim().parse::<u32>().ok()) {
        let ask = async |what: &str| -> Result<String> {
            let asked =
                Command::new("ps", ORPHANS_ARE_LISTED).args(["-o", what, "-p", &pid.to_string()]).finish().await?;
            Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
        };
        let program = ask("comm=").await?;
        if STARTED_BY_US.contains(&program.rsplit('/').next().unwrap_or_default()) {
            found.push(Orphan { pid, line: ask("command=").await? });
        }
    }
    Ok(found)
}
