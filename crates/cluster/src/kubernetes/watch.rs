//! Waiting for objects by watching them: the API server tells each change, nothing is polled.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bootstrap_run::event::StepReporter;
use futures::StreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::root_cause;

/// Said while an API server is away.
const AWAY: &str = "the Kubernetes API cannot be watched";

/// The objects that are there now, by name.
pub type Objects<K> = BTreeMap<String, K>;

/// Watches the objects that match `labels` (empty: all of the API's scope) until `judge` returns something. `judge` is
/// called with the complete set at first and after every change.
///
/// Has no deadline of its own: the step's is the limit. Errors of the connection are retried, for an API server may be
/// away for a moment; the step says so meanwhile.
pub async fn until<K, T>(api: Api<K>, labels: &str, mut judge: impl FnMut(&Objects<K>) -> Option<T>) -> T
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let (reporter, mut before) = (StepReporter::current(), None::<String>);
    loop {
        let config = watcher::Config::default().labels(labels);
        let mut events = std::pin::pin!(watch(api.clone(), config).default_backoff());
        let mut objects = Objects::new();
        let mut listed = Objects::new();
        let mut complete = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => drop(listed.insert(object.name_any(), object)),
                Ok(Event::InitDone) => {
                    objects = std::mem::take(&mut listed);
                    complete = true;
                    // What is waited for has not changed, unless somebody has said so meanwhile.
                    if let (Some(before), Some(reporter)) = (before.take(), &reporter)
                        && reporter.last_seen().starts_with(AWAY)
                    {
                        reporter.waiting(if before.is_empty() {
                            "the Kubernetes API answers again".to_owned()
                        } else {
                            before
                        });
                    }
                }
                Ok(Event::Apply(object)) => drop(objects.insert(object.name_any(), object)),
                Ok(Event::Delete(object)) => drop(objects.remove(&object.name_any())),
                Err(error) => {
                    // The stream goes on by itself after a pause, with a new list, which is judged.
                    if let Some(reporter) = &reporter {
                        before.get_or_insert_with(|| reporter.last_seen());
                        reporter.waiting(format!("{AWAY}: {}", root_cause(&error)));
                    }
                    continue;
                }
            }
            if complete && let Some(verdict) = judge(&objects) {
                return verdict;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use k8s_openapi::api::core::v1::Pod;

    use super::*;
    use bootstrap_run::event::Events;
    use bootstrap_run::event::recorder::Recorder;
    use bootstrap_run::step::StepName;

    #[tokio::test]
    async fn an_api_server_that_is_away_is_told() {
        // Nobody listens on a port that was just given back.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = kube::Client::try_from(kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap()));
        let pods: Api<Pod> = Api::default_namespaced(client.unwrap());
        let recorder = Arc::<Recorder>::default();
        let reporter = StepReporter::new(StepName::fixed("nodes"), Events::to(Arc::<Recorder>::clone(&recorder)));
        let watching = reporter.named(until(pods, "", |_| Some(())));
        let told = recorder.until_waits(|waits| waits.iter().any(|reason| reason.contains("cannot be watched")));
        tokio::select! {
            () = watching => unreachable!("there are no pods to judge"),
            told = tokio::time::timeout(Duration::from_secs(30), told) => told.unwrap(),
        }
        assert!(recorder.waits()[0].contains("refused"), "{:?}", recorder.waits());
    }
}
