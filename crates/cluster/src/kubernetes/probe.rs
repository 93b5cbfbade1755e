//! Does a webhook answer? A pod that is Ready proves nothing about it: its certificate may not have reached the API
//! server yet. So the API server is asked to create one object that must pass and one that must be denied, both as a
//! dry run, which stores nothing.

use crate::patience;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::discovery::ApiResource;
use serde_json::Value;

/// Two objects of one kind.
#[derive(Debug)]
pub struct Probe {
    /// Their kind, which the webhook is responsible for.
    pub resource: ApiResource,
    /// The namespace must exist.
    pub namespace: &'static str,
    /// The webhook must let this one pass.
    pub valid: Value,
    /// The webhook must deny this one, and the schema must not.
    pub invalid: Value,
}

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The webhook let the one pass and denied the other.
    Serving,
    /// It does not, yet: the API server's words.
    NotServing(String),
}

impl Probe {
    /// Asks the API server for both, as a dry run. Gives each five seconds.
    pub async fn ask(&self, client: &Client) -> Answer {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), self.namespace, &self.resource);
        let (valid, invalid) = tokio::join!(create(&api, &self.valid), create(&api, &self.invalid));
        match (valid, invalid) {
            (Ok(()), Err(words)) if denied_by_webhook(&words) => Answer::Serving,
            (Err(words), _) | (Ok(()), Err(words)) => Answer::NotServing(words),
            (Ok(()), Ok(())) => Answer::NotServing("an invalid object was let through".to_owned()),
        }
    }
}

async fn create(api: &Api<DynamicObject>, object: &Value) -> Result<(), String> {
    let object: DynamicObject = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    match tokio::time::timeout(patience::WEBHOOK_ANSWERS, api.create(&parameters, &object)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(super::words(&error)),
        Err(_) => Err(format!("no answer after {} s", patience::WEBHOOK_ANSWERS.as_secs())),
    }
}

/// The API server's wording is the only thing that tells a webhook's denial from one by its own access rules: both
/// are 403 Forbidden.
fn denied_by_webhook(words: &str) -> bool {
    words.starts_with("admission webhook ") && words.contains(" denied the request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_by_the_webhook_is_told_from_the_others() {
        assert!(denied_by_webhook("admission webhook \"webhook.cert-manager.io\" denied the request: spec.request: …"));
        assert!(!denied_by_webhook("certificates.cert-manager.io is forbidden: User \"x\" cannot create resource"));
        assert!(!denied_by_webhook(
            "Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": connection refused"
        ));
    }
}
