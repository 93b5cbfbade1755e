//! Sums by which bytes are known again.

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 sum: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sha256(String);

impl Sha256 {
    /// Reads the digits of a sum.
    ///
    /// # Errors
    /// What is not 64 of them, in words.
    pub fn parse(text: &str) -> Result<Self> {
        let hexadecimal = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        anyhow::ensure!(hexadecimal, "{text:?} is not a sha256 sum of 64 lower-case hexadecimal digits");
        Ok(Self(text.to_owned()))
    }

    /// The sum of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self::from_bytes(&sha2::Sha256::digest(bytes))
    }

    /// The sum of 32 raw bytes, as a hash function returns them.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The sum as 64 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The digest of an image manifest: `sha256:` and a [`Sha256`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(Sha256);

impl Digest {
    /// Reads a digest with its algorithm.
    ///
    /// # Errors
    /// Another algorithm than `sha256`, and what [`Sha256::parse`] refuses.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let sum = text.strip_prefix("sha256:");
        let sum =
            sum.ok_or_else(|| anyhow::anyhow!("{text:?} is not an image digest: it does not start with sha256:"))?;
        Sha256::parse(sum).map(Self)
    }

    /// The digest of a manifest with this sum.
    pub(crate) fn of(sum: Sha256) -> Self {
        Self(sum)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_is_not_64_lower_case_digits_is_refused() {
        assert!(Sha256::parse(&"a".repeat(64)).is_ok());
        assert!(Sha256::parse(&"A".repeat(64)).is_err());
        assert!(Sha256::parse(&"a".repeat(63)).is_err());
        assert!(Sha256::parse("").is_err());
    }

    #[test]
    fn the_sum_of_nothing_is_the_one_that_everybody_knows() {
        let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of("").as_str(), known);
    }
}
