//! helm's own record of a release: a Secret for every revision, with a label for its state and a compressed document with
//! the same state, the values, the chart and the rendered manifest. Where they differ, helm believes the document.
//!
//! - The record tells which release there is, in which namespace and with how many nodes (`Context::deployed`); what a
//!   person names is compared with it. A command reads it at its start and continues without an answer that does not come at
//!   once; the step `release` reads it again, so a second release is never installed for lack of an answer.
//! - Which edition of the chart is installed is read from it too, by the sum of every template and the default values: the
//!   chart is pinned file by file, so its version does not tell.
//! - A helm that was killed leaves its newest record `pending-…` for ever, and every later helm refuses to touch the release
//!   ("another operation is in progress"). If the release was complete once, that record is marked as failed, as helm itself
//!   would have done. If it never was, it is removed (`removal`).

mod removal;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt as _};
use serde_json::Value;

pub use removal::remove_release;

use super::refused;

const DOCUMENT: &str = "release";

/// The most that a document may have: a Secret of a megabyte could be made into a gigabyte.
const MOST: u64 = 64 << 20;

/// The newest revision of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// The namespace that its records are in.
    pub namespace: String,
    /// Counted from 1.
    pub revision: u32,
    /// `deployed`, `failed`, `pending-install`, …
    pub status: String,
    /// Whether any revision was ever installed whole.
    pub was_complete: bool,
    document: Value,
}

impl Release {
    /// A first revision that was installed whole. For tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn made_up(namespace: &str, status: &str, document: Value) -> Self {
        let (namespace, status) = (namespace.to_owned(), status.to_owned());
        Self { namespace, revision: 1, status, was_complete: true, document }
    }

    /// The values that were given, without the chart's defaults.
    pub fn values(&self) -> &Value {
        &self.document["config"]
    }

    /// The objects that the chart was made into, but those of its hooks.
    pub fn manifest(&self) -> &str {
        self.document["manifest"].as_str().unwrap_or_default()
    }

    /// The chart, as helm keeps it: `metadata`, `templates` with name and data in base64, and the default `values`.
    pub fn chart(&self) -> &Value {
        &self.document["chart"]
    }
}

/// The newest revision of the release of this name in every namespace that has one, by namespace.
///
/// # Errors
/// [`bootstrap_run::failure::FailureId::KubernetesAway`] and [`bootstrap_run::failure::FailureId::KubernetesRefused`].
pub async fn releases(client: &Client, name: &str) -> Result<Vec<Release>> {
    let secrets: Api<Secret> = Api::all(client.clone());
    let records = secrets.list_metadata(&ListParams::default().labels(&label_of(name))).await;
    let records = records.map_err(|error| refused(format!("cannot list the records of release {name}"), &error))?;
    let mut by_namespace = BTreeMap::<String, Vec<PartialObjectMeta<Secret>>>::new();
    for record in records.items {
        by_namespace.entry(record.namespace().unwrap_or_default()).or_default().push(record);
    }
    let mut found = Vec::new();
    for (namespace, records) in by_namespace {
        let Some(newest) = records.iter().max_by_key(|record| revision(*record)) else { continue };
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        let secret = secrets.get_opt(&newest.name_any()).await;
        let secret =
            secret.map_err(|error| refused(format!("cannot read the record {}", newest.name_any()), &error))?;
        // helm has removed it meanwhile.
        let Some(secret) = secret else { continue };
        let document = decode(document_of(&secret)?)?;
        found.push(Release {
            namespace,
            revision: revision(newest).unwrap_or_default(),
            status: document["info"]["status"].as_str().unwrap_or_default().to_owned(),
            was_complete: !records.iter().all(never_complete),
            document,
        });
    }
    Ok(found)
}

fn label_of(name: &str) -> String {
    format!("owner=helm,name={name}")
}

fn revision(record: &impl kube::ResourceExt) -> Option<u32> {
    record.labels().get("version").and_then(|version| version.parse().ok())
}

/// helm calls a revision that was installed whole `deployed`, later `superseded`, and keeps the last such one whatever
/// comes after it. What is being uninstalled, or was, may have been whole.
fn never_complete(record: &impl kube::ResourceExt) -> bool {
    record.labels().get("status").is_some_and(|status| status == "failed" || status.starts_with("pending-"))
}

fn document_of(record: &Secret) -> Result<&ByteString> {
    record.data.as_ref().and_then(|data| data.get(DOCUMENT)).context("a release record is empty")
}

/// Marks the newest record of a release as failed if it is pending. Returns the state that it was in, or `None` if
/// there was nothing to do. The caller makes sure that no helm is at work.
///
/// # Errors
/// [`bootstrap_run::failure::FailureId::KubernetesAway`] and [`bootstrap_run::failure::FailureId::KubernetesRefused`].
pub async fn give_up_pending(client: &Client, namespace: &str, name: &str) -> Result<Option<String>> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let records = secrets.list(&ListParams::default().labels(&label_of(name))).await;
    let records = records.map_err(|error| refused(format!("cannot list the records of release {name}"), &error))?;
    let Some(mut newest) = records.items.into_iter().max_by_key(revision) else { return Ok(None) };
    let mut release = decode(document_of(&newest)?)?;
    let state = release["info"]["status"].as_str().unwrap_or_default().to_owned();
    if !state.starts_with("pending-") {
        return Ok(None);
    }
    release["info"]["status"] = "failed".into();
    newest.data.get_or_insert_default().insert(DOCUMENT.to_owned(), encode(&release)?);
    newest.labels_mut().insert("status".to_owned(), "failed".to_owned());
    let record = newest.name_any();
    let replaced = secrets.replace(&record, &PostParams::default(), &newest).await;
    replaced.map_err(|error| refused(format!("cannot mark the release record {record} as failed"), &error))?;
    Ok(Some(state))
}

/// The document is JSON, compressed, and in base64 once more than Kubernetes asks for. That layer has the form of a
/// `ByteString` in JSON, so no other decoder is needed.
fn decode(document: &ByteString) -> Result<Value> {
    let text = std::str::from_utf8(&document.0).context("a release record is not base64")?;
    let compressed: ByteString = serde_json::from_value(text.into()).context("a release record is not base64")?;
    let mut json = Vec::new();
    let mut decoder = GzDecoder::new(compressed.0.as_slice()).take(MOST + 1);
    let read = decoder.read_to_end(&mut json).context("a release record cannot be decompressed")?;
    anyhow::ensure!(read as u64 <= MOST, "a release record has more than {} MiB", MOST >> 20);
    serde_json::from_slice(&json).context("a release record is not JSON")
}

pub(super) fn encode(release: &Value) -> Result<ByteString> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(release.to_string().as_bytes()).context("cannot compress a release record")?;
    let compressed = ByteString(encoder.finish().context("cannot compress a release record")?);
    let text = serde_json::to_value(compressed)?;
    Ok(ByteString(text.as_str().context("base64 is text")?.as_bytes().to_vec()))
}

/// The content of a record of helm's, for tests.
///
/// # Errors
/// None that is expected: a document is compressed in memory.
#[cfg(any(test, feature = "testing"))]
pub fn helm_document(release: &Value) -> Result<ByteString> {
    encode(release)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_way_there_and_back() {
        let release = serde_json::json!({"name": "pgedge", "info": {"status": "pending-install"}, "version": 1});
        let record = encode(&release).unwrap();
        assert!(record.0.starts_with(b"H4sI"), "helm writes gzip in base64");
        assert_eq!(decode(&record).unwrap(), release);
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        for bytes in [&b"\xff"[..], b"no base64!", b"aGVsbG8="] {
            assert!(decode(&ByteString(bytes.to_vec())).is_err());
        }
    }
}
