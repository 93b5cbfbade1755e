//! Where each upstream publishes its sums, who signs what, and where its newest version is told. Only `pins check` reads it.
//!
//! In an address `{url}` stands for the address of the pinned file, `{folder}` and `{file}` for its two parts, `{stem}` for it without
//! `.yaml`, `{version}`, `{major}` and `{minor}` for the pinned version.

use indexmap::IndexMap;
use serde::Deserialize;

use super::names::{ImageRole, OperatorName, ToolName};

/// What upstreams publish, by what is pinned. What is not named here is compared with the file itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Upstream {
    /// By the names of `tools`.
    pub(crate) tools: IndexMap<ToolName, FileFacts>,
    /// By the names of `manifests`.
    pub(crate) manifests: IndexMap<OperatorName, FileFacts>,
    /// The files of the chart.
    pub(crate) chart: FileFacts,
    /// By the names of `images`.
    pub(crate) images: IndexMap<ImageRole, ImageFacts>,
}

/// What is published beside a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileFacts {
    /// The address of the list with the sum of the file; without one, the file itself is hashed.
    pub(crate) sums: Option<String>,
    /// Who signs the file, or the list of sums.
    pub(crate) signed: Option<FileSignature>,
    /// Why there is no signature to verify.
    pub(crate) unsigned: Option<String>,
    /// Where the newest version is told.
    pub(crate) newest: Option<NewestFacts>,
}

/// The signature of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum FileSignature {
    /// The list of sums has a detached OpenPGP signature.
    Gpg(GpgFacts),
    /// The file has a signature without a key: of an identity that a certificate authority has seen.
    Cosign(#[cfg_attr(test, schemars(with = "CosignFields"))] CosignFacts),
}

/// A detached OpenPGP signature of the list of sums.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct GpgFacts {
    /// The address of the signature.
    pub(crate) signature: String,
    /// The address of the public keys.
    pub(crate) keys: String,
    /// The fingerprints of the primary keys that count.
    pub(crate) signers: Vec<String>,
}

/// A signature of a file by cosign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "CosignFields")]
pub(crate) struct CosignFacts {
    pub(crate) proof: CosignProof,
    /// Who has signed.
    pub(crate) identity: Identity,
}

/// What cosign compares a file with. Addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CosignProof {
    Bundle(String),
    Detached { signature: String, certificate: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CosignFields {
    /// The address of the bundle; without it, there are a signature and its certificate.
    #[serde(default)]
    bundle: Option<String>,
    /// The address of the detached signature.
    #[serde(default)]
    signature: Option<String>,
    /// The address of the certificate of the detached signature.
    #[serde(default)]
    certificate: Option<String>,
    /// Who has signed.
    #[cfg_attr(test, schemars(with = "IdentityFields"))]
    identity: Identity,
}

impl TryFrom<CosignFields> for CosignFacts {
    type Error = &'static str;

    fn try_from(fields: CosignFields) -> Result<Self, Self::Error> {
        let CosignFields { bundle, signature, certificate, identity } = fields;
        let proof = match (bundle, signature, certificate) {
            (Some(bundle), None, None) => CosignProof::Bundle(bundle),
            (None, Some(signature), Some(certificate)) => CosignProof::Detached { signature, certificate },
            _ => return Err("cosign takes either `bundle`, or `signature` and `certificate`"),
        };
        Ok(Self { proof, identity })
    }
}

/// Whom a certificate must name, and who must have issued it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "IdentityFields")]
pub(crate) struct Identity {
    /// The name in the certificate, or a regular expression for it.
    pub(crate) name: String,
    pub(crate) is_pattern: bool,
    /// The OpenID Connect issuer.
    pub(crate) issuer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct IdentityFields {
    /// The name in the certificate.
    #[serde(default)]
    name: Option<String>,
    /// A regular expression for the name in the certificate, in the place of `name`.
    #[serde(default)]
    pattern: Option<String>,
    /// The OpenID Connect issuer.
    issuer: String,
}

impl TryFrom<IdentityFields> for Identity {
    type Error = &'static str;

    fn try_from(fields: IdentityFields) -> Result<Self, Self::Error> {
        let (name, is_pattern) = match (fields.name, fields.pattern) {
            (Some(name), None) => (name, false),
            (None, Some(pattern)) => (pattern, true),
            _ => return Err("an identity has either a `name` or a `pattern`"),
        };
        // An empty pattern fits every name.
        if name.is_empty() || fields.issuer.is_empty() {
            return Err("an identity cannot be empty");
        }
        Ok(Self { name, is_pattern, issuer: fields.issuer })
    }
}

/// Who signs an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImageFacts {
    /// Who signs it.
    pub(crate) signed: Option<ImageSignature>,
    /// Why there is no signature to verify.
    pub(crate) unsigned: Option<String>,
}

/// The signature of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum ImageSignature {
    /// By a key.
    Key(PublicKey),
    /// Without a key, by an identity.
    Identity(#[cfg_attr(test, schemars(with = "IdentityFields"))] Identity),
}

/// A key that cosign takes. It is fetched, and must have this sum.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PublicKey {
    /// Where the key is.
    pub(crate) url: String,
    /// The sum of the key.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) sha256: bootstrap_fetch::sum::Sha256,
    /// The algorithm of the signed digest, if it is not cosign's own: `sha512`.
    #[serde(default)]
    pub(crate) digest_algorithm: Option<String>,
    /// The signatures are not in a transparency log.
    #[serde(default)]
    pub(crate) without_log: bool,
}

/// Where the newest version is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum NewestFacts {
    /// The address of a text that is the version.
    Text(String),
    /// `OWNER/REPOSITORY` on GitHub, whose page of the latest release leads to the page of its tag.
    Github(String),
}
