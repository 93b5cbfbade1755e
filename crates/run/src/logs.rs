//! The logs of runs: what they are called, which there are, and which may go. `record::journal` writes them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::Timestamp;

use crate::failure;

/// The name of a log: `<cluster>-<UTC yyyymmddThhmmssZ>-<process>.ndjson`.
pub(crate) fn name(cluster: &str, began: Timestamp, process: u32) -> String {
    format!("{cluster}-{}-{process}.ndjson", began.strftime("%Y%m%dT%H%M%SZ"))
}

/// The logs of a cluster, oldest first. A folder that is not there holds none.
///
/// # Errors
/// Those of reading the folder.
pub fn of_cluster(folder: &Path, cluster: &str) -> Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure::from_io(error)),
    };
    let mut logs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failure::from_io)?;
        if let Some(began) = entry.file_name().to_str().and_then(|name| began(name, cluster)) {
            logs.push((began.to_owned(), entry.path()));
        }
    }
    logs.sort();
    Ok(logs.into_iter().map(|(_, log)| log).collect())
}

/// Removes the oldest logs of a cluster until `keep` are left, but none of a run that goes on. Returns how many went.
///
/// # Errors
/// Those of reading the folder and of removing.
pub fn remove_all_but(keep: usize, folder: &Path, cluster: &str) -> Result<usize> {
    let logs = of_cluster(folder, cluster)?;
    let old = &logs[..logs.len().saturating_sub(keep)];
    let mut removed = 0;
    for log in old {
        if !is_being_written(log) {
            failure::ignore_missing(fs_err::remove_file(log))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// When the log of this name began, if it is one of the cluster. What is called otherwise is not ours.
fn began<'name>(name: &'name str, cluster: &str) -> Option<&'name str> {
    let rest = name.strip_prefix(cluster)?.strip_prefix('-')?.strip_suffix(".ndjson")?;
    let (began, process) = rest.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (day, time) = began.strip_suffix('Z')?.split_once('T')?;
    (day.len() == 8 && time.len() == 6 && digits(day) && digits(time) && digits(process)).then_some(began)
}

/// A run holds the lock of its log, which goes with the process however it ends.
fn is_being_written(log: &Path) -> bool {
    // For writing, because NFS locks nothing exclusively for those who only read.
    let log = fs_err::OpenOptions::new().append(true).open(log);
    log.is_ok_and(|log| matches!(log.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_called_by_cluster_time_and_process() {
        let began = "2026-11-21T11:10:32.5Z".parse().unwrap();
        assert_eq!(name("lab-1", began, 42), "lab-1-20261121T111032Z-42.ndjson");
    }

    #[test]
    fn only_logs_of_the_cluster_are_its() {
        let folder = tempfile::tempdir().unwrap();
        let ours = ["pgedge-20261121T111032Z-42.ndjson", "pgedge-20261120T111032Z-7.ndjson"];
        let foreign = [
            "pgedge-lab-20261121T111032Z-42.ndjson",
            "lab-20261121T111032Z-42.ndjson",
            "pgedge-20261121T111032Z-42.ndjson.gz",
            "pgedge-2026T1Z-42.ndjson",
            "pgedge-20261121T111032Z-.ndjson",
            "pgedge-notes.ndjson",
            "pgedge.lock",
        ];
        for name in ours.iter().chain(&foreign) {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let logs = of_cluster(folder.path(), "pgedge").unwrap();
        assert_eq!(logs, [ours[1], ours[0]].map(|name| folder.path().join(name)));
        assert_eq!(remove_all_but(0, folder.path(), "pgedge").unwrap(), 2);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), foreign.len());
        assert_eq!(of_cluster(&folder.path().join("absent"), "pgedge").unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_log_of_a_run_that_goes_on_stays() {
        let folder = tempfile::tempdir().unwrap();
        let logs = [1, 2, 3].map(|day| folder.path().join(format!("pgedge-2026010{day}T000000Z-1.ndjson")));
        for log in &logs {
            fs_err::write(log, "").unwrap();
        }
        let held = fs_err::File::open(&logs[0]).unwrap();
        held.lock().unwrap();
        assert_eq!(remove_all_but(1, folder.path(), "pgedge").unwrap(), 1);
        assert_eq!(of_cluster(folder.path(), "pgedge").unwrap(), [logs[0].clone(), logs[2].clone()]);
    }
}
