//! Every artefact that is fetched, with its version, its address and its checksum.
//!
//! They stand in the stack; `--pins FILE` replaces them whole. Reading is strict: a record that is not understood is an error and never
//! skipped, because what is not pinned must not be run.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context as _, Result};
use bootstrap_fetch::image::ImageName;
use bootstrap_fetch::platform::Platform;
use bootstrap_fetch::sum::{Digest, Sha256};
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::given;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Stack;
use super::names::{ImageRole, OperatorName, ToolName};

/// The one layout of a file of pins that this program understands.
pub(super) const SCHEMA: u32 = 1;

/// The layout of `--pins FILE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    pub(super) schema: u32,
    /// In the order in which they are shown.
    pub(crate) tools: IndexMap<ToolName, ToolPin>,
    /// Newest Kubernetes first; the first one that the host can run is taken.
    pub(crate) node_images: Vec<NodeImagePin>,
    pub(crate) manifests: IndexMap<OperatorName, ManifestPin>,
    #[serde(default)]
    pub(crate) chart: Option<ChartPin>,
    /// In the order in which they are pulled: the largest first.
    pub(crate) images: IndexMap<ImageRole, ImagePin>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ToolPin {
    /// As the program tells it, without a `v`.
    pub(crate) version: String,
    /// Where it is from, for people.
    pub(crate) source: String,
    /// A file for each platform.
    #[cfg_attr(test, schemars(with = "super::schema::ByPlatform<FilePin>"))]
    pub(crate) platforms: BTreeMap<Platform, FilePin>,
}

/// One file to download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FilePin {
    /// Its address.
    pub(crate) url: String,
    /// Null where it is not known yet.
    #[cfg_attr(test, schemars(with = "super::schema::Sum"))]
    #[serde(deserialize_with = "given_or_null")]
    pub(crate) sha256: Option<Sha256>,
    /// The one member of the tar.gz that is wanted; null when the file itself is the program.
    #[serde(default)]
    pub(crate) member: Option<String>,
}

/// A file whose checksum is known.
#[derive(Debug, Clone)]
pub(crate) struct KnownFile {
    pub(crate) url: String,
    pub(crate) sha256: Sha256,
    /// As in [`FilePin`].
    pub(crate) member: Option<String>,
}

/// The image of a Kubernetes node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeImagePin {
    /// The version of Kubernetes in it.
    pub(crate) kubernetes: String,
    /// Its name with its registry and its tag.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) image: ImageName,
    /// Null where it is not known yet.
    #[cfg_attr(test, schemars(with = "super::schema::Digest"))]
    #[serde(deserialize_with = "given_or_null")]
    pub(crate) digest: Option<Digest>,
    /// Kubernetes 1.35 dropped cgroup v1; a host that still has it needs an older node image.
    pub(crate) cgroup_v1: bool,
}

/// The manifest of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ManifestPin {
    /// The version of the operator.
    pub(crate) version: String,
    /// The address of the manifest.
    pub(crate) url: String,
    /// Null where it is not known yet.
    #[cfg_attr(test, schemars(with = "super::schema::Sum"))]
    #[serde(deserialize_with = "given_or_null")]
    pub(crate) sha256: Option<Sha256>,
    /// Where it is from, for people.
    pub(crate) source: String,
}

/// The chart, pinned file by file: its published archive has no known checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChartPin {
    /// The name in its Chart.yaml.
    pub(crate) name: String,
    /// The version in its Chart.yaml.
    pub(crate) version: String,
    /// Where it is from, for people.
    pub(crate) source: String,
    /// All of its files.
    pub(crate) files: Vec<ChartFilePin>,
}

/// A file of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChartFilePin {
    /// Its place in the chart: relative, without `..`.
    pub(crate) path: String,
    /// Its address.
    pub(crate) url: String,
    /// Null where it is not known yet.
    #[cfg_attr(test, schemars(with = "super::schema::Sum"))]
    #[serde(deserialize_with = "given_or_null")]
    pub(crate) sha256: Option<Sha256>,
}

/// An image that runs in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImagePin {
    /// Its name with its registry and its tag.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) image: ImageName,
    /// Null where upstream publishes no digest that could be confirmed; the tag is immutable then.
    #[cfg_attr(test, schemars(with = "super::schema::Digest"))]
    #[serde(deserialize_with = "given_or_null")]
    pub(crate) digest: Option<Digest>,
    /// Where it is from, for people.
    pub(crate) source: String,
}

/// A field that may be null and must be there: what was forgotten is not what is not known.
fn given_or_null<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

fn known<'a>(sum: Option<&'a Sha256>, url: &str) -> Result<&'a Sha256, Failure> {
    sum.ok_or_else(|| unknown(format!("the sha256 of {url} is not pinned yet")))
}

fn unknown(what: String) -> Failure {
    let hint = hint![Ours::PinsCheck, " tells what upstream publishes now, and with --write FILE writes it"];
    Failure::new(FailureId::PinUnknown, what).hint(hint)
}

impl Pins {
    /// A stack with the pins of `--pins FILE`, and the text that they were read from.
    ///
    /// # Errors
    /// [`FailureId::PinsInvalid`].
    pub(crate) fn put_into(stack: Stack, path: &Path) -> Result<(Stack, String)> {
        let by = given::PINS.name(path);
        let invalid = |why: &str| {
            let what = format!("cannot use the pins of {}, which {by} names", path.display());
            let hint = hint![format!("{by} takes a file with the layout of "), Ours::Pins];
            Failure::new(FailureId::PinsInvalid, what).evidence(why).hint(hint)
        };
        let text = given::read_text(path).map_err(|unread| unread.told(invalid))?;
        let stack = Self::parse(&text).and_then(|pins| stack.with_pins(pins));
        let stack = stack.map_err(|error| invalid(&given::parser_words(&format!("{error:#}"))))?;
        Ok((stack, text))
    }

    /// Reads a file of pins.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let pins: Self = serde_json::from_str(text)?;
        anyhow::ensure!(pins.schema == SCHEMA, "schema {} is not the supported one, {SCHEMA}", pins.schema);
        match pins.chart.as_ref().and_then(ChartPin::odd_path) {
            Some((_, why)) => Err(anyhow::anyhow!(why)),
            None => Ok(pins),
        }
    }

    /// # Errors
    /// There is no such tool.
    pub(crate) fn tool(&self, tool: ToolName) -> Result<&ToolPin> {
        self.tools.get(&tool).with_context(|| format!("no pin for {tool}"))
    }

    /// The file of a tool for a platform.
    ///
    /// # Errors
    /// [`FailureId::PlatformUnsupported`] says which platforms there are, [`FailureId::PinUnknown`] that its checksum is not known.
    pub(crate) fn tool_file(&self, tool: ToolName, platform: Platform) -> Result<KnownFile> {
        let pin = self.tool(tool)?;
        let file = pin.platforms.get(&platform).ok_or_else(|| {
            let known: Vec<&str> = pin.platforms.keys().map(|platform| platform.as_str()).collect();
            let what = format!("{tool} {} is not pinned for {platform}", pin.version);
            Failure::new(FailureId::PlatformUnsupported, what).evidence(format!("pinned for: {}", known.join(", ")))
        })?;
        let sha256 = known(file.sha256.as_ref(), &file.url)?.clone();
        Ok(KnownFile { url: file.url.clone(), sha256, member: file.member.clone() })
    }

    /// # Errors
    /// There is no such operator.
    pub(crate) fn manifest(&self, operator: OperatorName) -> Result<&ManifestPin> {
        self.manifests.get(&operator).with_context(|| format!("no pin for the manifest of {operator}"))
    }

    /// # Errors
    /// The stack has none.
    pub(crate) fn chart(&self) -> Result<&ChartPin> {
        self.chart.as_ref().context("the stack has no chart")
    }

    /// # Errors
    /// There is no such image.
    pub(crate) fn image(&self, role: ImageRole) -> Result<&ImagePin> {
        self.images.get(&role).with_context(|| format!("no pin for the image {role}"))
    }

    /// The pins that have no checksum yet, by their addresses or names. An image without a digest is none of them: its tag is immutable.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let tools = self.tools.values().flat_map(|tool| tool.platforms.values());
        let files = tools.map(|file| (&file.sha256, &file.url));
        let files = files.chain(self.manifests.values().map(|manifest| (&manifest.sha256, &manifest.url)));
        let files = files.chain(self.chart.iter().flat_map(|chart| &chart.files).map(|file| (&file.sha256, &file.url)));
        let files = files.filter(|(sum, _)| sum.is_none()).map(|(_, url)| url.clone());
        let images = self.node_images.iter().filter(|image| image.digest.is_none());
        files.chain(images.map(|image| image.image.to_string())).collect()
    }
}

impl ManifestPin {
    /// # Errors
    /// [`FailureId::PinUnknown`].
    pub(crate) fn sum(&self) -> Result<&Sha256, Failure> {
        known(self.sha256.as_ref(), &self.url)
    }
}

impl ChartFilePin {
    /// # Errors
    /// [`FailureId::PinUnknown`].
    pub(crate) fn sum(&self) -> Result<&Sha256, Failure> {
        known(self.sha256.as_ref(), &self.url)
    }
}

impl NodeImagePin {
    /// # Errors
    /// [`FailureId::PinUnknown`].
    pub(crate) fn known_digest(&self) -> Result<&Digest, Failure> {
        self.digest.as_ref().ok_or_else(|| unknown(format!("the digest of {} is not pinned yet", self.image)))
    }
}

impl ChartPin {
    /// A name or a path that would lead out of the chart's folder: its place in the chart (RFC 6901), and why.
    pub(super) fn odd_path(&self) -> Option<(String, String)> {
        let name = Path::new(&self.name);
        if name.file_name() != Some(name.as_os_str()) {
            return Some(("/name".to_owned(), format!("chart name {:?} is not a plain name", self.name)));
        }
        let is_plain = |path: &str| {
            !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        };
        let number = self.files.iter().position(|file| !is_plain(&file.path))?;
        let why = format!("chart file path {:?} is not a plain relative path", self.files[number].path);
        Some((format!("/files/{number}/path"), why))
    }
}

impl ImagePin {
    /// `repository:tag@digest`, or `repository:tag` without a known digest. CloudNativePG reads the PostgreSQL version
    /// from the tag, so the tag stays.
    pub(crate) fn reference(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.image),
            None => self.image.to_string(),
        }
    }
}
