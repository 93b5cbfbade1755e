//! Small files that are there whole or not at all.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure;

/// For everybody to read.
pub const PUBLIC: u32 = 0o644;

/// For everybody to read and to run.
pub const PROGRAM: u32 = 0o755;

/// For their owner alone.
pub const PRIVATE: u32 = 0o600;

/// Puts a file with these bytes and this mode into the place of `path`, whether there was one or not, and makes its
/// directory. Whoever reads meanwhile, and whoever comes after a kill or on a full disk, finds the old file or the new
/// one.
///
/// # Errors
/// [`failure::FailureId::DiskFull`] and [`failure::FailureId::DirectoryNotWritable`].
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    beside(path, bytes, mode)?.persist(path).map_err(|error| failure::from_io(error.error))?;
    Ok(())
}

/// The same if there is none yet: of two who put one there at the same time, that of the first stays.
///
/// # Errors
/// As [`replace`].
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    match beside(path, bytes, mode)?.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(failure::from_io(error.error)),
        _ => Ok(()),
    }
}

/// The whole file under another name.
fn beside(path: &Path, bytes: &[u8], mode: u32) -> Result<tempfile::NamedTempFile> {
    let folder = path.parent().context("a file is in a directory")?;
    fs_err::create_dir_all(folder).map_err(failure::from_io)?;
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failure::from_io)?;
    beside.write_all(bytes).map_err(failure::from_io)?;
    beside.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failure::from_io)?;
    Ok(beside)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_kept_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("file");
        put(&path, b"first", PUBLIC).unwrap();
        put(&path, b"second", PRIVATE).unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"first");
        replace(&path, b"third", PRIVATE).unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"third");
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }
}
