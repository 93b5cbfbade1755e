//! What a disk says, as the failure that it is.

use std::path::{Path, PathBuf};

use super::{Failure, FailureId, open_files};

/// What is not there need not be removed.
///
/// # Errors
/// Every error but that there is no such file, as [`from_io`] tells it.
pub fn ignore_missing(removed: std::io::Result<()>) -> anyhow::Result<()> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(from_io(error)),
        _ => Ok(()),
    }
}

/// The kernel's number of an error that std has no stable name for: ELOOP.
const TOO_MANY_LINKS: i32 = if cfg!(target_os = "macos") { 62 } else { 40 };

/// Turns what a disk says into the failure that it is: no room, or a place that cannot be used, which a person named or the
/// machine has. Other errors pass unchanged.
/// Where the words are about a [`GivenPlace`] of the run, the report names that, too.
pub fn from_io(error: std::io::Error) -> anyhow::Error {
    use std::io::ErrorKind;
    if let Some(failure) = open_files(&error) {
        return failure.into();
    }
    let is_loop = || error.kind() == std::io::Error::from_raw_os_error(TOO_MANY_LINKS).kind();
    let (id, summary) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (FailureId::DiskFull, "no space is left on the disk"),
        ErrorKind::FileTooLarge => (FailureId::DiskFull, "a file may not become as large as it must"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (FailureId::DirectoryNotWritable, "a file cannot be written")
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => (
            FailureId::DirectoryNotWritable,
            "a file is where a directory should be, or a directory where a file should be",
        ),
        // As `file::open` tells it.
        ErrorKind::NotSeekable => (FailureId::DirectoryNotWritable, "a pipe or a device is where a file should be"),
        ErrorKind::NotFound => (FailureId::DirectoryNotWritable, "a file or directory is not there"),
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
            (FailureId::DirectoryNotWritable, "a file cannot have this name")
        }
        _ if is_loop() => (FailureId::DirectoryNotWritable, "a symbolic link leads to itself"),
        _ => return error.into(),
    };
    Failure::new(id, summary).evidence(error.to_string()).of_disk().into()
}

/// A directory that a person gives, or their environment: what is below it is told with whence it comes.
#[derive(Debug, Clone)]
pub struct GivenPlace {
    /// An absolute path: what was named, or what follows from it.
    pub path: PathBuf,
    /// The option or the variable.
    pub by: &'static str,
    /// What else could be set in its place.
    pub or: Option<&'static str>,
}

impl GivenPlace {
    pub(super) fn hint(&self) -> String {
        let other = self.or.map(|or| format!(", or set {or}")).unwrap_or_default();
        format!(
            "{} must name a directory that is there or can be made, and that you may write: correct it{other}",
            self.by
        )
    }
}

/// The innermost of those that these words of the disk are about.
pub(super) fn given_place(places: &[GivenPlace], seen: &[String]) -> Option<GivenPlace> {
    let named = places.iter().filter(|place| seen.iter().any(|seen| is_about(seen, &place.path)));
    named.max_by_key(|place| place.path.as_os_str().len()).cloned()
}

/// Whether the words name this path, or one below it.
fn is_about(seen: &str, path: &Path) -> bool {
    let path = path.display().to_string();
    let path = path.trim_end_matches('/');
    !path.is_empty()
        && seen.match_indices(path).any(|(start, _)| {
            let before = seen[..start].chars().next_back();
            let after = seen[start + path.len()..].chars().next();
            before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '/')
                && after
                    .is_none_or(|letter| !letter.is_alphanumeric() && letter != '-' && letter != '_' && letter != '.')
        })
}

/// A file that cannot be locked: the file system has no locks, or does not give them to us.
pub fn no_lock(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let what = format!("the file system of {} gives no locks", path.display());
    Failure::new(FailureId::LockUnsupported, what).evidence(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::super::of;
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_in_an_io_error() {
        let error = from_io(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(of(&error).map(Failure::id), Some(FailureId::DiskFull));
    }

    #[test]
    fn words_of_the_disk_are_about_a_path_or_what_is_below_it() {
        for (seen, is) in [
            ("failed to create directory `/a/b/c`: No such file", true),
            ("failed to create directory `/a/b`: No such file", true),
            ("No such file or directory (os error 2) at path \"/a/b/.tmp1\"", true),
            ("failed to create directory `/a/bc`: No such file", false),
            ("failed to create directory `/x/a/b`: No such file", false),
            ("failed to create directory `/a/b.old/c`: No such file", false),
        ] {
            assert_eq!(is_about(seen, Path::new("/a/b/")), is, "{seen}");
        }
    }
}
