//! Small files that are there whole or not at all.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure;

/// For everybody to read.
pub(crate) const PUBLIC: u32 = 0o644;

/// For everybody to read and to run.
pub(crate) const PROGRAM: u32 = 0o755;

/// For their owner alone.
pub(crate) const PRIVATE: u32 = 0o600;

/// Puts a file with these bytes and this mode into the place of `path`, whether there was one or not, and makes its
/// directory. Whoever reads meanwhile, and whoever comes after a kill or on a full disk, finds the old file or the new
/// one.
///
/// # Errors
/// [`failure::FailureId::DiskFull`] and [`failure::FailureId::DirectoryNotWritable`].
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let folder = path.parent().context("a file is in a directory")?;
    fs_err::create_dir_all(folder).map_err(failure::from_io)?;
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failure::from_io)?;
    beside.write_all(bytes).map_err(failure::from_io)?;
    beside.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failure::from_io)?;
    beside.persist(path).map_err(|error| failure::from_io(error.error))?;
    Ok(())
}
