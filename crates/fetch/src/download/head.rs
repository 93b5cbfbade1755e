//! The first bytes of what an address sends: by them a web page is told from a file.

use bootstrap_run::failure::{Failure, FailureId};

#[derive(Debug, Default)]
pub(super) struct Head(Vec<u8>);

impl Head {
    const LENGTH: usize = 200;

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        head.take_in(bytes);
        head
    }

    pub(super) fn take_in(&mut self, bytes: &[u8]) {
        let wanted = Self::LENGTH.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(&bytes[..wanted]);
    }

    /// What to say of `shown`, if it sent a web page in the place of what was asked for: a sign-in, or an error with the status 200.
    pub(super) fn web_page(&self, shown: &str) -> Option<Failure> {
        let text = self.0.trim_ascii_start();
        if text.first() != Some(&b'<') {
            return None;
        }
        let line = String::from_utf8_lossy(text).lines().next().unwrap_or_default().to_owned();
        Some(Failure::new(FailureId::DownloadNotAFile, format!("{shown} answered with a web page")).evidence(line))
    }
}
