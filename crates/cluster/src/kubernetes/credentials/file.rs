//! The token that a kubeconfig's user has in a file, which another program writes anew before it expires.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bootstrap_run::failure::Failure;
use bootstrap_run::given;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::{NO_TOKEN, is_token};
use crate::patience::TOKEN_OF_FILE_HOLDS;

/// A file with a token, and what it held when it was last read.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    read: Mutex<(Instant, SecretString)>,
    fresh: Duration,
}

impl TokenFile {
    /// Reads the file.
    ///
    /// # Errors
    /// `invalid` of a file that cannot be read, or holds no token.
    pub(crate) fn read(path: &Path, invalid: &impl Fn(String) -> Failure) -> Result<Self> {
        let told = |why: &str| invalid(format!("tokenFile {}: {why}", path.display()));
        let text = given::read_text(path).map_err(|unread| unread.told(told))?;
        let token = token_of(&text).ok_or_else(|| told(&format!("the token of its user holds {NO_TOKEN}")))?;
        Ok(Self { path: path.to_owned(), read: Mutex::new((Instant::now(), token)), fresh: TOKEN_OF_FILE_HOLDS })
    }

    /// The token of now. Where the file is gone, or holds none at this moment, the one that was read last may still be good.
    pub(crate) fn token(&self) -> SecretString {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0.elapsed() >= self.fresh {
            read.0 = Instant::now();
            if let Some(token) = given::read_text(&self.path).ok().and_then(|text| token_of(&text)) {
                read.1 = token;
            }
        }
        read.1.expose_secret().to_owned().into()
    }
}

/// Without the line's end that most of them have.
fn token_of(text: &str) -> Option<SecretString> {
    let token = text.trim();
    is_token(token).then(|| token.to_owned().into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use bootstrap_run::failure::FailureId;

    use super::*;

    #[test]
    fn a_token_that_is_written_anew_is_read_and_one_that_is_gone_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs_err::write(&path, "one\n").unwrap();
        let invalid = |seen: String| Failure::new(FailureId::KubeconfigInvalid, "invalid").evidence(seen);
        let kept = TokenFile::read(&path, &invalid).unwrap();
        let at_once = TokenFile { fresh: Duration::ZERO, ..TokenFile::read(&path, &invalid).unwrap() };
        fs_err::write(&path, "two\n").unwrap();
        assert_eq!((kept.token().expose_secret(), at_once.token().expose_secret()), ("one", "two"));
        fs_err::write(&path, "half\nwritten").unwrap();
        assert_eq!(at_once.token().expose_secret(), "two");
        fs_err::remove_file(&path).unwrap();
        assert_eq!(at_once.token().expose_secret(), "two");
        assert!(TokenFile::read(&path, &invalid).is_err());
    }
}
