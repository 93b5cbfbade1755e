//! Names of container images.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A full image name with its registry's host and a tag: `ghcr.io/pgedge/pgedge-postgres:18.4-…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    text: String,
    host_end: usize,
}

impl ImageName {
    fn parse(text: &str) -> Result<Self> {
        let (host, rest) = text.split_once('/').with_context(|| format!("image {text:?} names no registry"))?;
        anyhow::ensure!(host.contains('.') || host.contains(':'), "image {text:?} names no registry host");
        anyhow::ensure!(rest.contains(':') && !rest.contains('@'), "image {text:?} must have a tag and no digest");
        Ok(Self { text: text.to_owned(), host_end: host.len() })
    }

    /// `ghcr.io`
    pub fn registry(&self) -> &str {
        &self.text[..self.host_end]
    }

    /// `pgedge/pgedge-postgres`
    pub fn path(&self) -> &str {
        let path_and_tag = &self.text[self.host_end + 1..];
        path_and_tag.rsplit_once(':').map_or(path_and_tag, |(path, _)| path)
    }

    /// `18.4-…`: what stands behind the last colon.
    pub fn tag(&self) -> &str {
        self.text.rsplit_once(':').map_or("", |(_, tag)| tag)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for ImageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ImageName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_image_name_has_a_registry_and_a_tag() {
        let name = ImageName::parse("ghcr.io/pgedge/pgedge-postgres:18.4-spock5.0.10-standard-1").unwrap();
        assert_eq!(name.registry(), "ghcr.io");
        assert_eq!(name.path(), "pgedge/pgedge-postgres");
        assert_eq!(name.tag(), "18.4-spock5.0.10-standard-1");
        assert!(ImageName::parse("postgres:18").is_err());
        assert!(ImageName::parse("ghcr.io/pgedge/pgedge-postgres").is_err());
    }
}
