//! From a verified file to a program in the bin directory: unpacked beside its final path, then renamed.
//!
//! A thread that unpacks or moves a file cannot be stopped when its run is cancelled. So it holds the lock of what it
//! changes, and marks a program as ours before the program is in its place.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::process;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::sum::Sha256;

/// No program that is pinned comes near this; what goes beyond is not what was pinned.
const LARGEST_PROGRAM: u64 = 1 << 30;

/// Puts a program at `target`: the file `source` itself, or its one tar.gz member `member`. Returns the program's sum.
/// A program that was there before stays whole until the moment it is replaced; `before` is called right before that.
///
/// The caller holds the store's lock of `source`: the file beside the target has a fixed name, so that what a killed
/// run leaves is overwritten by the next one.
///
/// # Errors
/// [`FailureId::ArchiveInvalid`] if the member is absent, is not a plain file or is oversized, or the archive is damaged;
/// [`FailureId::DiskFull`] and [`FailureId::DirectoryNotWritable`].
pub fn place_program(
    source: &Path,
    member: Option<&str>,
    target: &Path,
    before: impl FnOnce(&Sha256) -> Result<()>,
) -> Result<Sha256> {
    let directory = target.parent().context("a program needs a directory")?;
    fs_err::create_dir_all(directory).map_err(failure::from_io)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = directory.join(format!(".{}.{}.part", name(target), name(source)));
    let placed = write_program(source, member, &beside).and_then(|sum| {
        before(&sum)?;
        fs_err::rename(&beside, target).map_err(failure::from_io)?;
        Ok(sum)
    });
    if placed.is_err() {
        // The error that made this necessary is the one to tell.
        let _ = fs_err::remove_file(&beside);
    }
    placed
}

fn write_program(source: &Path, member: Option<&str>, target: &Path) -> Result<Sha256> {
    let _starts = process::hold_starts();
    let archive = fs_err::File::open(source).map_err(failure::from_io)?;
    let mut file = fs_err::File::create(target).map_err(failure::from_io)?;
    let sum = match member {
        None => copy_hashed(archive, &mut file)?,
        Some(member) => copy_member(archive, source, member, &mut file)?,
    };
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).map_err(failure::from_io)?;
    file.sync_all().map_err(failure::from_io)?;
    Ok(sum)
}

fn copy_member(archive: impl Read, source: &Path, member: &str, target: &mut impl Write) -> Result<Sha256> {
    let invalid = |why: String| {
        Failure::new(FailureId::ArchiveInvalid, format!("cannot take {member} out of {}", source.display()))
            .evidence(why)
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let damaged = |error: std::io::Error| invalid(error.to_string());
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        // Archives made with `tar -C dir .` have names that start with `./`.
        if path.strip_prefix(".").unwrap_or(&path) != Path::new(member) {
            continue;
        }
        let kind = entry.header().entry_type();
        if !kind.is_file() {
            return Err(invalid(format!("it is not a plain file but {kind:?}")).into());
        }
        if entry.size() > LARGEST_PROGRAM {
            return Err(invalid(format!("its size of {} bytes is more than a program's", entry.size())).into());
        }
        // What cannot be read on is damaged; what cannot be written has its own failure already.
        return copy_hashed(entry, target).map_err(|error| match failure::of(&error) {
            Some(_) => error,
            None => invalid(format!("{error:#}")).into(),
        });
    }
    Err(invalid("the archive has no such member".to_owned()).into())
}

fn copy_hashed(mut source: impl Read, target: &mut impl Write) -> Result<Sha256> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = source.read(&mut buffer).context("cannot read a downloaded file")?;
        if read == 0 {
            return Ok(Sha256::from_bytes(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
        target.write_all(&buffer[..read]).map_err(failure::from_io)?;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn archive(fill: impl FnOnce(&mut tar::Builder<flate2::write::GzEncoder<fs_err::File>>)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = fs_err::File::create(folder.path().join("a.tar.gz")).unwrap();
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        fill(&mut builder);
        builder.into_inner().unwrap().finish().unwrap();
        folder
    }

    fn entry(kind: tar::EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header
    }

    fn refusal(folder: &tempfile::TempDir, member: &str) -> Failure {
        let target = folder.path().join("bin/program");
        let error = place_program(&folder.path().join("a.tar.gz"), Some(member), &target, |_| Ok(())).unwrap_err();
        assert!(!target.exists());
        assert_eq!(fs_err::read_dir(folder.path().join("bin")).unwrap().count(), 0, "a temporary file was left");
        failure::of(&error).unwrap().clone()
    }

    #[test]
    fn the_named_member_is_placed_and_can_run() {
        let folder = archive(|builder| {
            builder.append_data(&mut entry(tar::EntryType::Regular, 5), "LICENSE", &b"words"[..]).unwrap();
            builder.append_data(&mut entry(tar::EntryType::Regular, 7), "./linux-amd64/helm", &b"program"[..]).unwrap();
        });
        let target = folder.path().join("bin/helm");
        let mut before = None;
        let sum = place_program(&folder.path().join("a.tar.gz"), Some("linux-amd64/helm"), &target, |sum| {
            before = Some(sum.clone());
            assert!(!target.exists(), "what is to come before comes before");
            Ok(())
        })
        .unwrap();
        assert_eq!(before.as_ref(), Some(&sum));
        assert_eq!(fs_err::read(&target).unwrap(), b"program");
        assert_eq!(sum, Sha256::of("program"));
        assert_eq!(fs_err::metadata(&target).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_link_in_the_place_of_the_member_is_refused() {
        let folder = archive(|builder| {
            builder.append_link(&mut entry(tar::EntryType::Symlink, 0), "helm", "/etc/passwd").unwrap();
        });
        assert_eq!(refusal(&folder, "helm").id(), FailureId::ArchiveInvalid);
    }

    #[test]
    fn an_absent_member_is_an_error() {
        let folder = archive(|builder| {
            builder.append_data(&mut entry(tar::EntryType::Regular, 1), "other", &b"x"[..]).unwrap();
        });
        assert_eq!(refusal(&folder, "helm").id(), FailureId::ArchiveInvalid);
    }

    #[test]
    fn a_damaged_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a.tar.gz"), b"no archive at all").unwrap();
        assert_eq!(refusal(&folder, "helm").id(), FailureId::ArchiveInvalid);
    }
}
