//! One run at a time for each cluster. The lock is the kernel's: it goes with the processes that hold it, however they
//! end, so a dead holder is none. The programs that a run starts hold it too: a helm or a kind whose run was killed goes
//! on, and nothing may be changed beside it.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::{self, Failure, FailureId};

/// Held while a run changes a cluster.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: fs_err::File,
}

impl RunLock {
    /// Takes the lock `<state>.lock`, beside the state directory so that `down` can remove that.
    ///
    /// # Errors
    /// [`FailureId::RunInProgress`] with the process that holds it.
    pub(crate) fn take(state: &Path, command: &str) -> Result<Self> {
        let path = state.with_extension("lock");
        let parent = path.parent().context("the state directory has no parent")?;
        fs_err::create_dir_all(parent).map_err(failure::from_io)?;
        let file = fs_err::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = file.map_err(failure::from_io)?;
        if let Err(error) = file.try_lock() {
            if matches!(error, std::fs::TryLockError::WouldBlock) {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failure::from_io)?;
                let what = "another run, or a program that it started, is changing this cluster";
                return Err(Failure::new(FailureId::RunInProgress, what).evidence(holder).into());
            }
            return Err(anyhow::Error::new(error).context(format!("cannot lock {}", path.display())));
        }
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).context("cannot share the lock with programs")?;
        file.set_len(0).and_then(|()| file.rewind()).map_err(failure::from_io)?;
        writeln!(file, "process {} ({command})", std::process::id()).map_err(failure::from_io)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("pgedge");
        let held = RunLock::take(&state, "up").unwrap();
        let error = RunLock::take(&state, "down").unwrap_err();
        let failure = failure::of(&error).unwrap();
        assert_eq!(failure.id(), FailureId::RunInProgress);
        assert_eq!(failure.seen(), [format!("process {} (up)", std::process::id())]);
        drop(held);
        // A program that another test is starting at this moment holds a copy of the file until its exec.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while let Err(error) = RunLock::take(&state, "down") {
            assert!(std::time::Instant::now() < end, "{error}");
            std::thread::yield_now();
        }
    }
}
