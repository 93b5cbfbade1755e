//! What was asked: the address taken apart.

use std::fmt;

use http::request::Parts;
use serde_json::Value;

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// In capital letters: `GET`, `PATCH`.
    pub method: String,
    /// Without the query.
    pub path: String,
    query: Vec<(String, String)>,
    /// The body; null if there is none, or it is no JSON.
    pub body: Value,
    /// Whether only the metadata of objects is wanted.
    pub(super) wants_metadata: bool,
    /// `group/version`, or `v1`.
    pub(super) api: String,
    /// The type, in the plural as addresses have it: `deployments`. Empty if the address is that of a whole API group.
    pub plural: String,
    /// Empty for all namespaces, and for cluster-wide types.
    pub namespace: String,
    /// Empty for all objects.
    pub name: String,
    /// `log`, `status`, …; empty if the object itself is meant.
    pub subresource: String,
}

impl Asked {
    pub(super) fn read(head: &Parts, body: &[u8]) -> Self {
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().split('&').filter_map(|part| part.split_once('='));
        let query = query.map(|(name, value)| (name.to_owned(), plain(value))).collect();
        let accept = head.headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
        let api = match parts.next().as_deref() {
            Some("api") => parts.next().unwrap_or_default(),
            Some("apis") => format!("{}/{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default()),
            _ => String::new(),
        };
        let mut rest: Vec<String> = parts.collect();
        let mut namespace = String::new();
        if rest.len() > 2 && rest[0] == "namespaces" {
            namespace = rest.remove(1);
            rest.remove(0);
        }
        let mut rest = rest.into_iter();
        let mut next = || rest.next().unwrap_or_default();
        Self {
            method: head.method.to_string(),
            query,
            // What is no JSON is none of the bodies that are understood here.
            body: serde_json::from_slice(body).unwrap_or_default(),
            wants_metadata: accept.contains("PartialObjectMetadata"),
            api,
            plural: next(),
            namespace,
            name: next(),
            subresource: next(),
            path,
        }
    }

    /// A parameter of the query, without its percent-encoding.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether nothing of it is stored.
    pub fn is_dry_run(&self) -> bool {
        self.query("dryRun").is_some()
    }

    /// Whether an apply takes fields from their managers.
    pub(super) fn is_forced(&self) -> bool {
        self.query("force") == Some("true")
    }

    /// Whether it changes something for good. Reviews are questions in the form of objects.
    pub(super) fn writes(&self) -> bool {
        self.method != "GET" && !self.is_dry_run() && !self.plural.ends_with("reviews")
    }

    /// Whether the selectors of the query let an object pass.
    pub(super) fn selects(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |selector: &str| match selector.split_once('=') {
            Some((name, value)) => labels[name] == value,
            None => !labels[selector].is_null(),
        };
        let field = |selector: &str| {
            let (path, value) = selector.split_once('=').unwrap();
            object.pointer(&format!("/{}", path.replace('.', "/"))).is_some_and(|found| found == value)
        };
        let parts = |name: &str| self.query(name).unwrap_or_default().split(',').filter(|part| !part.is_empty());
        parts("labelSelector").all(label) && parts("fieldSelector").all(field)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = [&self.plural, &self.namespace, &self.name, &self.subresource];
        let place: Vec<&str> = place.iter().map(|part| part.as_str()).filter(|part| !part.is_empty()).collect();
        write!(formatter, "{} {}", self.method, place.join("/"))
    }
}

/// A part of a query without its percent-encoding.
fn plain(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        let hex = (bytes[index] == b'%').then(|| u8::from_str_radix(&text[index + 1..index + 3], 16).unwrap());
        plain.push(hex.unwrap_or(if bytes[index] == b'+' { b' ' } else { bytes[index] }));
        index += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).unwrap()
}
