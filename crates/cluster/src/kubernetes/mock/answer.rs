//! What a server says.

use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// A document with its HTTP status.
    Json(u16, Value),
    /// Such as a log.
    Text(String),
    /// None: the request hangs.
    Silence,
    /// The changes from now on.
    Watch,
}

/// A refusal with its HTTP status, the reason as Kubernetes names it, and the server's words.
pub fn refusal(code: u16, reason: &str, message: impl Into<String>) -> Answer {
    let message: String = message.into();
    Answer::Json(
        code,
        json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "code": code, "reason": reason, "message": message,
        }),
    )
}

/// An address that means nothing to the server.
pub(super) fn unknown() -> Answer {
    refusal(404, "NotFound", "the server could not find the requested resource")
}
