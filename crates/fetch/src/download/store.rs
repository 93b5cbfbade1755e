//! The store: verified files under their own sums, shared by every run of every cluster of this user.
//!
//! ```text
//! <cache>/sha256/<sum>           a whole, verified file
//! <cache>/sha256/<sum>.partial   what has arrived of it so far; <sum>.etag tells of which edition
//! <cache>/sha256/<sum>.lock      held while it is fetched
//! <cache>/members/<sum>          the sum of the program that was unpacked from the archive <sum>
//! ```

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bootstrap_run::wait::Polling;
use bootstrap_run::work::heavy;
use bootstrap_run::{failure, file};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::patience;
use crate::sum::Sha256;

const CHUNK: usize = 1 << 20;

/// A directory of files that are known by their sums. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// `root`: the cache directory of this program; made when it is needed.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn file(&self, sum: &Sha256) -> PathBuf {
        self.root.join("sha256").join(sum.as_str())
    }

    pub(super) fn partial(&self, sum: &Sha256) -> PathBuf {
        self.root.join("sha256").join(format!("{sum}.partial"))
    }

    pub(super) fn etag(&self, sum: &Sha256) -> PathBuf {
        self.root.join("sha256").join(format!("{sum}.etag"))
    }

    fn member(&self, archive: &Sha256) -> PathBuf {
        self.root.join("members").join(archive.as_str())
    }

    /// The file with this sum if it is here and still is what its name says. A file that is something else was
    /// altered or damaged: it counts as missing, and the right one takes its place when it is fetched.
    ///
    /// # Errors
    /// Those of reading it.
    pub async fn verified(&self, sum: &Sha256) -> Result<Option<PathBuf>> {
        let (file, sum) = (self.file(sum), sum.clone());
        heavy(move || match sum_of_file(&file)? {
            Some(found) if found == sum => Ok(Some(file)),
            _ => Ok(None),
        })
        .await
    }

    /// Waits for whoever fetches or unpacks this file now, then holds the lock until the value is dropped.
    ///
    /// # Errors
    /// [`failure::FailureId::LockUnsupported`], [`failure::FailureId::DiskFull`] and
    /// [`failure::FailureId::DirectoryNotWritable`]. The wait has no limit of its own: the deadline of the step is its limit.
    pub async fn lock(&self, sum: &Sha256) -> Result<fs_err::File> {
        let path = self.root.join("sha256").join(format!("{sum}.lock"));
        let parent = path.parent().context("the store has no directory")?;
        fs_err::create_dir_all(parent).map_err(failure::from_io)?;
        let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(failure::from_io)?;
        let mut polling = Polling::every(patience::POLL_LOCK);
        loop {
            polling.turn().await;
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => return Err(failure::no_lock(&path, &error)),
            }
        }
    }

    /// Remembers the sum of the program that came out of an archive, so that a later run can check the program
    /// without unpacking again.
    ///
    /// # Errors
    /// [`failure::FailureId::DiskFull`] and [`failure::FailureId::DirectoryNotWritable`].
    pub fn remember_member(&self, archive: &Sha256, program: &Sha256) -> Result<()> {
        file::replace(&self.member(archive), program.as_str().as_bytes(), file::PUBLIC)
    }

    /// The sum remembered by [`Self::remember_member`]; what cannot be read as a sum counts as forgotten.
    pub fn member_of(&self, archive: &Sha256) -> Option<Sha256> {
        let text = file::read_text(&self.member(archive)).ok()?;
        Sha256::parse(text.trim()).ok()
    }
}

/// The sum of a file, or `None` if there is no such file. Reads it whole: call it where blocking is allowed.
///
/// # Errors
/// Those of reading it.
pub fn sum_of_file(path: &Path) -> Result<Option<Sha256>> {
    let mut file = match file::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure::from_io(error)),
    };
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer).map_err(failure::from_io)? {
            0 => return Ok(Some(Sha256::from_bytes(&hasher.finalize()))),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_damaged_file_counts_as_missing_and_a_look_removes_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::new(cache.path().to_owned());
        let sum = Sha256::of("whole");
        fs_err::create_dir_all(cache.path().join("sha256")).unwrap();
        fs_err::write(store.file(&sum), "whole").unwrap();
        assert_eq!(store.verified(&sum).await.unwrap(), Some(store.file(&sum)));
        fs_err::write(store.file(&sum), "whale").unwrap();
        assert_eq!(store.verified(&sum).await.unwrap(), None);
        assert!(store.file(&sum).exists());
    }

    #[test]
    fn a_member_is_remembered() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::new(cache.path().to_owned());
        let (archive, program) = (Sha256::from_bytes(&[1; 32]), Sha256::from_bytes(&[2; 32]));
        assert_eq!(store.member_of(&archive), None);
        store.remember_member(&archive, &program).unwrap();
        assert_eq!(store.member_of(&archive), Some(program));
    }
}
