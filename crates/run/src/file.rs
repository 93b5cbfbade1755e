//! Small files that are there whole or not at all.

use std::fs::Permissions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use fs_err::os::unix::fs::OpenOptionsExt as _;

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

/// Opens a file to read it, and nothing that is in its place: a pipe would keep the reader waiting for a writer.
///
/// # Errors
/// Those of opening; [`io::ErrorKind::NotSeekable`] of a pipe, a socket or a device, and [`io::ErrorKind::IsADirectory`].
pub fn open(path: &Path) -> io::Result<fs_err::File> {
    let mut options = fs_err::OpenOptions::new();
    // A pipe is then open at once.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = options.read(true).custom_flags(nonblocking).open(path)?;
    let found = file.metadata()?;
    if found.is_file() {
        return Ok(file);
    }
    let kind = if found.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::NotSeekable };
    Err(io::Error::new(kind, format!("{} is no regular file", path.display())))
}

/// The bytes of a file, as [`open`] opens it.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file, as [`open`] opens it.
///
/// # Errors
/// As [`open`], and [`io::ErrorKind::InvalidData`] of what is no text.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
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
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for place in [Path::new("/dev/zero"), folder.path()] {
            let error = read(place).unwrap_err();
            assert!(error.to_string().contains("regular file"), "{error}");
        }
        assert_eq!(read(&folder.path().join("nowhere")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

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
