//! helm's own record of a release: a Secret for every revision, with a label for its state and a compressed document
//! that says the same. helm believes the document.
//!
//! A helm that was killed leaves its newest record `pending-…` for ever, and every later helm refuses to touch the
//! release ("another operation is in progress"). Marking that one record as failed is what helm itself would have
//! done; all other records, and everything that was installed, stay as they are.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use super::refused;

const DOCUMENT: &str = "release";

/// Marks the newest record of a release as failed if it is pending. Returns the state that it was in, or `None` if
/// there was nothing to do. The caller makes sure that no helm is at work.
pub(crate) async fn give_up_pending(client: &Client, namespace: &str, name: &str) -> Result<Option<String>> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let records = secrets.list(&ListParams::default().labels(&format!("owner=helm,name={name}"))).await;
    let records = records.map_err(|error| refused(format!("cannot list the records of release {name}"), &error))?;
    let revision = |record: &Secret| record.labels().get("version").and_then(|version| version.parse::<u32>().ok());
    let Some(mut newest) = records.items.into_iter().max_by_key(revision) else { return Ok(None) };
    let document = newest.data.as_mut().and_then(|data| data.get_mut(DOCUMENT)).context("a release record is empty")?;
    let mut release = decode(document)?;
    let state = release["info"]["status"].as_str().unwrap_or_default().to_owned();
    if !state.starts_with("pending-") {
        return Ok(None);
    }
    release["info"]["status"] = "failed".into();
    *document = encode(&release)?;
    newest.labels_mut().insert("status".to_owned(), "failed".to_owned());
    let record = newest.name_any();
    let replaced = secrets.replace(&record, &PostParams::default(), &newest).await;
    replaced.map_err(|error| refused(format!("cannot mark the release record {record} as failed"), &error))?;
    Ok(Some(state))
}

/// Whether the release was complete at any time: helm keeps the records of the last ten revisions, and calls one that was
/// installed whole `deployed`, later `superseded`.
pub(crate) async fn was_complete(client: &Client, namespace: &str, name: &str) -> Result<bool> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let complete = format!("owner=helm,name={name},status in (deployed,superseded)");
    let records = secrets.list_metadata(&ListParams::default().labels(&complete).limit(1)).await;
    let records = records.map_err(|error| refused(format!("cannot list the records of release {name}"), &error))?;
    Ok(!records.items.is_empty())
}

/// The document is JSON, compressed, and in base64 once more than Kubernetes asks for. That layer has the form of a
/// `ByteString` in JSON, so no other decoder is needed.
fn decode(document: &ByteString) -> Result<Value> {
    let text = std::str::from_utf8(&document.0).context("a release record is not base64")?;
    let compressed: ByteString = serde_json::from_value(text.into()).context("a release record is not base64")?;
    let mut json = Vec::new();
    GzDecoder::new(compressed.0.as_slice())
        .read_to_end(&mut json)
        .context("a release record cannot be decompressed")?;
    serde_json::from_slice(&json).context("a release record is not JSON")
}

fn encode(release: &Value) -> Result<ByteString> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(release.to_string().as_bytes()).context("cannot compress a release record")?;
    let compressed = ByteString(encoder.finish().context("cannot compress a release record")?);
    let text = serde_json::to_value(compressed)?;
    Ok(ByteString(text.as_str().context("base64 is text")?.as_bytes().to_vec()))
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
