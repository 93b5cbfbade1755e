//! Every artefact that this program fetches, with its version, its address and its checksum, as data.
//!
//! The data are in `pins.json`, compiled in; `--pins FILE` replaces them whole. Reading is strict: a record that is
//! not understood is an error and never skipped, because what is not pinned must not be run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use bootstrap_fetch::image::ImageName;
use bootstrap_fetch::platform::Platform;
use bootstrap_fetch::sum::{Digest, Sha256};
use bootstrap_run::failure::{Failure, FailureId, Ours, hint};
use bootstrap_run::given;
use serde::{Deserialize, Serialize};

/// The one layout of the file that this program understands.
const SCHEMA: u32 = 1;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    schema: u32,
    tools: BTreeMap<Tool, ToolPin>,
    /// Newest Kubernetes first; the first one that the host can run is taken.
    pub(crate) node_images: Vec<NodeImagePin>,
    pub(crate) manifests: Manifests,
    pub(crate) chart: ChartPin,
    pub(crate) images: BTreeMap<ImageRole, ImagePin>,
}

/// The programs that are placed into the bin directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    Helm,
    Kind,
    Kubectl,
    KubectlCnpg,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolPin {
    pub(crate) version: String,
    pub(crate) source: String,
    pub(crate) platforms: BTreeMap<Platform, FilePin>,
}

/// One file to download.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilePin {
    pub(crate) url: String,
    pub(crate) sha256: Sha256,
    /// The one member of the tar.gz that is wanted; `None` when the file itself is the program.
    #[serde(default)]
    pub(crate) member: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeImagePin {
    pub(crate) kubernetes: String,
    pub(crate) image: ImageName,
    pub(crate) digest: Digest,
    /// Kubernetes 1.35 dropped cgroup v1; a host that still has it needs an older node image.
    pub(crate) cgroup_v1: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Manifests {
    pub(crate) cert_manager: ManifestPin,
    pub(crate) cloudnative_pg: ManifestPin,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestPin {
    pub(crate) version: String,
    pub(crate) url: String,
    pub(crate) sha256: Sha256,
    pub(crate) source: String,
}

/// The chart, pinned file by file: its published archive has no known checksum.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChartPin {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) source: String,
    pub(crate) files: Vec<ChartFilePin>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChartFilePin {
    /// Relative, without `..`: checked when the pins are read.
    pub(crate) path: String,
    pub(crate) url: String,
    pub(crate) sha256: Sha256,
}

/// What an image is for. The order is the order in which they are pulled: the largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageRole {
    Postgres,
    CloudnativePg,
    CertManagerController,
    CertManagerWebhook,
    CertManagerCainjector,
    InitSpock,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImagePin {
    pub(crate) image: ImageName,
    /// `None` where upstream publishes no digest that could be confirmed; the tag is immutable then.
    pub(crate) digest: Option<Digest>,
    pub(crate) source: String,
}

impl Pins {
    /// The text of the pins that are compiled in.
    pub(crate) const BUILT_IN: &'static str = include_str!("pins.json");

    /// The pins compiled into this program.
    pub(crate) fn built_in() -> Result<Self> {
        Self::parse(Self::BUILT_IN).context("the built-in pins are broken")
    }

    /// The pins of `--pins FILE`, and the text that they were read from.
    pub(crate) fn with_text(path: &Path) -> Result<(Self, String)> {
        let by = given::PINS.name(path);
        let invalid = |why: &str| {
            let what = format!("cannot use the pins of {}, which {by} names", path.display());
            let hint = hint![format!("{by} takes a file with the layout of "), Ours::Pins];
            Failure::new(FailureId::PinsInvalid, what).evidence(why).hint(hint)
        };
        let text = given::read_text(path).map_err(|unread| unread.told(invalid))?;
        let pins = Self::parse(&text).map_err(|error| invalid(&given::parser_words(&format!("{error:#}"))))?;
        Ok((pins, text))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let pins: Self = serde_json::from_str(text)?;
        anyhow::ensure!(pins.schema == SCHEMA, "schema {} is not the supported one, {SCHEMA}", pins.schema);
        for tool in Tool::ALL {
            anyhow::ensure!(pins.tools.contains_key(&tool), "no pin for {}", tool.as_str());
        }
        for role in ImageRole::ALL {
            anyhow::ensure!(pins.images.contains_key(&role), "no pin for the image {role:?}");
        }
        anyhow::ensure!(!pins.node_images.is_empty(), "no node image is pinned");
        let name = Path::new(&pins.chart.name);
        anyhow::ensure!(
            name.file_name() == Some(name.as_os_str()),
            "chart name {:?} is not a plain name",
            pins.chart.name
        );
        for file in &pins.chart.files {
            let plain = Path::new(&file.path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            anyhow::ensure!(
                plain && !file.path.is_empty(),
                "chart file path {:?} is not a plain relative path",
                file.path
            );
        }
        Ok(pins)
    }

    pub(crate) fn tool(&self, tool: Tool) -> Result<&ToolPin> {
        self.tools.get(&tool).with_context(|| format!("no pin for {}", tool.as_str()))
    }

    /// The file of a tool for a platform, or the failure that says which platforms there are.
    pub(crate) fn tool_file(&self, tool: Tool, platform: Platform) -> Result<&FilePin> {
        let pin = self.tool(tool)?;
        pin.platforms.get(&platform).ok_or_else(|| {
            let known: Vec<&str> = pin.platforms.keys().map(|platform| platform.as_str()).collect();
            Failure::new(
                FailureId::PlatformUnsupported,
                format!("{} {} is not pinned for {platform}", tool.as_str(), pin.version),
            )
            .evidence(format!("pinned for: {}", known.join(", ")))
            .into()
        })
    }

    pub(crate) fn image(&self, role: ImageRole) -> Result<&ImagePin> {
        self.images.get(&role).with_context(|| format!("no pin for the image {role:?}"))
    }
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Helm, Self::Kind, Self::Kubectl, Self::KubectlCnpg];

    /// The name of the program's file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::Kind => "kind",
            Self::Kubectl => "kubectl",
            Self::KubectlCnpg => "kubectl-cnpg",
        }
    }
}

impl ImageRole {
    pub(crate) const ALL: [Self; 6] = [
        Self::Postgres,
        Self::CloudnativePg,
        Self::CertManagerController,
        Self::CertManagerWebhook,
        Self::CertManagerCainjector,
        Self::InitSpock,
    ];

    /// Its name in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::CloudnativePg => "cloudnative-pg",
            Self::CertManagerController => "cert-manager-controller",
            Self::CertManagerWebhook => "cert-manager-webhook",
            Self::CertManagerCainjector => "cert-manager-cainjector",
            Self::InitSpock => "init-spock",
        }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_url_holds_its_version() {
        let pins = Pins::built_in().unwrap();
        for tool in Tool::ALL {
            let pin = pins.tool(tool).unwrap();
            for platform in Platform::ALL {
                let file = pins.tool_file(tool, platform).unwrap();
                assert!(file.url.contains(&pin.version), "{} does not hold {}", file.url, pin.version);
                assert!(file.url.starts_with("https://"), "{} is not https", file.url);
                let archived = file.url.ends_with(".tar.gz");
                assert_eq!(
                    archived,
                    file.member.is_some(),
                    "{}: an archive and only an archive names its member",
                    file.url
                );
            }
        }
        for manifest in [&pins.manifests.cert_manager, &pins.manifests.cloudnative_pg] {
            assert!(manifest.url.contains(&manifest.version), "{} does not hold {}", manifest.url, manifest.version);
        }
        for file in &pins.chart.files {
            assert!(file.url.ends_with(&file.path), "{} does not end with {}", file.url, file.path);
            let commit =
                file.url.split('/').any(|part| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(commit, "{} does not name a commit", file.url);
        }
    }

    #[test]
    fn every_built_in_node_image_names_its_kubernetes_and_one_runs_on_cgroup_v1() {
        let pins = Pins::built_in().unwrap();
        for image in &pins.node_images {
            assert_eq!(image.image.tag(), format!("v{}", image.kubernetes));
        }
        assert!(pins.node_images.iter().any(|image| image.cgroup_v1));
    }

    #[test]
    fn an_image_has_the_same_name_in_the_file_and_in_words() {
        for role in ImageRole::ALL {
            assert_eq!(serde_json::to_value(role).unwrap().as_str(), Some(role.as_str()));
        }
    }

    #[test]
    fn only_an_image_digest_may_be_null() {
        fn walk(path: &str, value: &serde_json::Value) {
            match value {
                serde_json::Value::Null => {
                    let allowed =
                        path.ends_with("/member") || (path.starts_with("/images/") && path.ends_with("/digest"));
                    assert!(allowed, "{path} is null");
                }
                serde_json::Value::Object(fields) => {
                    fields.iter().for_each(|(key, value)| walk(&format!("{path}/{key}"), value));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|item| walk(&format!("{path}/[]"), item)),
                _ => {}
            }
        }
        walk("", &serde_json::from_str(Pins::BUILT_IN).unwrap());
    }
}
