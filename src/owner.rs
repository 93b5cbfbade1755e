//! Whose things are in docker: every HOME has an id, made once, and what it makes there carries it. User and host stand
//! beside it for people to read, and decide nothing.

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::file;
use bootstrap_run::identity;
use jiff::Timestamp;

/// 128 random bits, in hexadecimal.
const DIGITS: usize = 32;

/// The owner of a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) host: String,
}

/// Who made a thing, as the thing tells. Nothing is known of who used a version that wrote no owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) owner: String,
    pub(crate) user: String,
    pub(crate) host: String,
    /// When it was made, as it is written.
    pub(crate) since: String,
}

impl Owner {
    /// The owner of this state directory, which gets its id now if it has none. `path`: where the id is kept.
    ///
    /// # Errors
    /// [`FailureId::FileForeign`] if the file holds something else.
    pub(crate) fn make(path: &Path) -> Result<Self> {
        let id = match Self::known(path)? {
            Some(id) => id,
            None => {
                // Readable for all: a person who has used sudo once with their own HOME goes on without it.
                file::put(path, random()?.as_bytes(), file::PUBLIC)?;
                // Another run may have been quicker; the first id counts for both.
                Self::known(path)?.context("the owner's id is gone as soon as it was written")?
            }
        };
        Ok(Self { id, user: identity::user(), host: identity::host() })
    }

    /// The id of the owner of this state directory, if it has one.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub(crate) fn known(path: &Path) -> Result<Option<String>> {
        let text = match file::read_text(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(failure::from_io(error)),
        };
        let id = text.trim();
        if id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Some(id.to_owned()));
        }
        let what = format!("{} does not hold the id of an owner", path.display());
        let hint =
            "restore that file; if you remove it, the clusters that were made from here count as another owner's";
        Err(Failure::new(FailureId::FileForeign, what).hint(hint).into())
    }
}

impl Maker {
    /// Whether this is another owner, as far as a person can tell, with the user and the host of this one.
    pub(crate) fn looks_like_this_one(&self) -> bool {
        !self.owner.is_empty() && self.user == identity::user() && self.host == identity::host()
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.owner.is_empty() {
            return formatter.write_str("with a version of this program that did not write whose it is");
        }
        write!(formatter, "{}@{}", self.user, self.host)
    }
}

/// The time of now as it is written on what is made.
pub(crate) fn now() -> String {
    format!("{:.0}", Timestamp::now())
}

fn random() -> Result<String> {
    let mut bytes = [0_u8; DIGITS / 2];
    let mut source = fs_err::File::open("/dev/urandom")?;
    source.read_exact(&mut bytes).context("/dev/urandom gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other] = ["one", "other"].map(|name| folder.path().join(name).join("owner.id"));
        assert_eq!(Owner::known(&file).unwrap(), None);
        let made = Owner::make(&file).unwrap();
        assert_eq!(Owner::make(&file).unwrap(), made);
        assert_eq!(Owner::known(&file).unwrap(), Some(made.id.clone()));
        assert_ne!(Owner::make(&other).unwrap().id, made.id);
    }

    #[test]
    fn a_damaged_id_is_told_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("owner.id");
        for damaged in ["", "me", &"g".repeat(DIGITS), &"a".repeat(DIGITS + 1)] {
            fs_err::write(&file, damaged).unwrap();
            let error = Owner::make(&file).unwrap_err();
            assert_eq!(failure::of(&error).map(Failure::id), Some(FailureId::FileForeign), "{damaged:?}");
            assert_eq!(fs_err::read_to_string(&file).unwrap(), damaged);
        }
    }
}
