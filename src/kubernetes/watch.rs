//! Waiting for objects by watching them: the API server tells each change, nothing is polled.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures::StreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

/// The objects that are there now, by name.
pub(crate) type Objects<K> = BTreeMap<String, K>;

/// Watches the objects that match `labels` (empty: all of the API's scope) until `judge` returns something. `judge` is
/// called with the complete set at first and after every change.
///
/// Has no deadline of its own: the step's is the limit. Errors of the connection are retried, for an API server may be
/// away for a moment.
pub(crate) async fn until<K, T>(api: Api<K>, labels: &str, mut judge: impl FnMut(&Objects<K>) -> Option<T>) -> T
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
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
                }
                Ok(Event::Apply(object)) => drop(objects.insert(object.name_any(), object)),
                Ok(Event::Delete(object)) => drop(objects.remove(&object.name_any())),
                // The stream goes on by itself after a pause.
                Err(_) => continue,
            }
            if complete && let Some(verdict) = judge(&objects) {
                return verdict;
            }
        }
    }
}
