//! A file while it arrives: appended to, hashed, and kept for a later run if the connection or this program ends.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::Result;
use bootstrap_run::{failure, file};
use reqwest::Response;
use reqwest::header::ETAG;
use sha2::{Digest as _, Sha256 as Hasher};

use super::head::Head;
use crate::sum::Sha256;

/// A file that is arriving: what is there of it, hashed.
pub(super) struct Partial {
    pub(super) file: fs_err::File,
    hasher: Hasher,
    pub(super) length: u64,
    pub(super) etag: Option<String>,
    pub(super) head: Head,
}

impl Partial {
    pub(super) fn open(path: &Path, etag: &Path) -> Result<Self> {
        let options = fs_err::OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path);
        let file = options.map_err(failure::from_io)?;
        let etag = file::read_text(etag).ok();
        let mut partial = Self { file, hasher: Hasher::new(), length: 0, etag, head: Head::default() };
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = partial.file.read(&mut buffer).map_err(failure::from_io)?;
            if read == 0 {
                return Ok(partial);
            }
            partial.take_in(&buffer[..read]);
        }
    }

    pub(super) fn sum(&self) -> Sha256 {
        Sha256::from_bytes(&self.hasher.clone().finalize())
    }

    pub(super) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(failure::from_io)?;
        self.file.rewind().map_err(failure::from_io)?;
        self.hasher = Hasher::new();
        self.length = 0;
        self.head = Head::default();
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(failure::from_io)?;
        self.take_in(bytes);
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.head.take_in(bytes);
    }

    /// Keeps a strong ETag beside the partial file, so that a resumed download asks for the same edition.
    pub(super) fn remember_etag(&mut self, path: &Path, response: &Response) -> Result<()> {
        let strong =
            response.headers().get(ETAG).and_then(|value| value.to_str().ok()).filter(|etag| etag.starts_with('"'));
        match strong {
            Some(etag) if self.etag.as_deref() == Some(etag) => Ok(()),
            Some(etag) => file::replace(path, etag.as_bytes(), file::PUBLIC),
            None => failure::ignore_missing(fs_err::remove_file(path)),
        }
    }
}
