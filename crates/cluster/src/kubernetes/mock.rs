//! A Kubernetes API server in memory, behind a client: for tests of what asks one. It keeps objects, answers as Kubernetes does,
//! and remembers what it was asked. No socket, no process: a test takes milliseconds.
//!
//! What it knows: the built-in types that this program uses and the types of definitions that were put into it, discovery, lists
//! and watches with selectors, metadata alone, server-side apply with conflicts, dry runs, deletion by uid with the garbage
//! collector, and that a namespace must be there. What it does not know is answered as an unknown address is, so a test fails
//! and nothing passes by chance.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod address;
mod answer;
mod apply;
mod state;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::watch;

use self::address::Asked;
pub use self::answer::{Answer, refusal};
use self::state::State;

/// A server, shared with the clients that it was asked for.
#[derive(Clone)]
pub struct MockApi(Arc<Server>);

struct Server {
    state: Mutex<State>,
    /// The newest revision, for those who watch.
    revision: watch::Sender<u64>,
    reactions: Mutex<Vec<Reaction>>,
    controllers: Mutex<Vec<Controller>>,
    asked: Mutex<Vec<Asked>>,
}

type Reaction = Box<dyn FnMut(&Asked) -> Option<Answer> + Send>;
type Controller = Box<dyn Fn(&Value) -> Option<Value> + Send>;

impl fmt::Debug for MockApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MockApi")
    }
}

impl MockApi {
    /// A cluster in which nothing was installed: one Kubernetes node whose Services work, and the namespaces `default` and
    /// `kube-system`.
    pub fn bare() -> Self {
        let api = Self(Arc::new(Server {
            state: Mutex::new(State::default()),
            revision: watch::Sender::new(0),
            reactions: Mutex::default(),
            controllers: Mutex::default(),
            asked: Mutex::default(),
        }));
        for name in ["default", "kube-system"] {
            api.put(serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
        }
        api.put(serde_json::json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "pgedge-control-plane"},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "allocatable": {"cpu": "4", "memory": "8Gi"},
            },
        }));
        api
    }

    /// A client of this server.
    pub fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.serve(request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Stores an object as it is, with a uid and a revision, in the place of one of its name. Namespaces are not asked for.
    pub fn put(&self, object: Value) {
        self.state().store(object);
        self.settle();
    }

    /// Removes an object, with all that it owns.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) {
        assert!(self.state().remove(plural, namespace, name), "there is no {plural} {namespace}/{name}");
        self.settle();
    }

    /// Changes an object.
    pub fn change(&self, plural: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.get(plural, namespace, name).unwrap();
        change(&mut object);
        self.put(object);
    }

    /// An object; cluster-wide ones have the namespace `""`.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state().find(plural, namespace, name).cloned()
    }

    /// The names of the objects of a type, in all namespaces: `default/pgedge-n1`, or the name alone.
    pub fn names(&self, plural: &str) -> Vec<String> {
        self.state().names(plural)
    }

    /// Lets `reaction` answer in the place of the server, where it returns something. The newest is asked first.
    pub fn react(&self, reaction: impl FnMut(&Asked) -> Option<Answer> + Send + 'static) {
        self.0.reactions.lock().unwrap().insert(0, Box::new(reaction));
    }

    /// Lets `controller` see every object that is stored; what it returns is stored in its place, as a controller would write
    /// its status.
    pub fn control(&self, controller: impl Fn(&Value) -> Option<Value> + Send + 'static) {
        self.0.controllers.lock().unwrap().push(Box::new(controller));
        self.settle();
    }

    /// What was written for good, in order: `PATCH deployments/cnpg-system/cnpg-controller-manager`.
    pub fn writes(&self) -> Vec<String> {
        let asked = self.0.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.writes()).map(ToString::to_string).collect()
    }

    /// Everything that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// Lets the controllers do their work, and tells those who watch.
    fn settle(&self) {
        let controllers = self.0.controllers.lock().unwrap();
        let mut state = self.state();
        let mut open: VecDeque<Value> = state.objects().cloned().collect();
        while let Some(object) = open.pop_front() {
            for controller in controllers.iter() {
                if let Some(written) = controller(&object)
                    && written != object
                {
                    open.push_back(state.store(written));
                }
            }
        }
        let revision = state.revision();
        drop(state);
        self.0.revision.send_replace(revision);
    }

    async fn serve(&self, request: Request<Body>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let (head, body) = request.into_parts();
        let bytes = body.collect_bytes().await.unwrap();
        let asked = Asked::read(&head, &bytes);
        self.0.asked.lock().unwrap().push(asked.clone());
        let reaction = self.0.reactions.lock().unwrap().iter_mut().find_map(|react| react(&asked));
        let answer = reaction.unwrap_or_else(|| self.answer(&asked));
        if head.method != Method::GET {
            self.settle();
        }
        match answer {
            Answer::Json(code, value) => response(code, value.to_string()),
            Answer::Text(text) => response(200, text),
            Answer::Silence => std::future::pending().await,
            Answer::Watch => self.stream(asked),
        }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let mut state = self.state();
        match asked.method.as_str() {
            "GET" => state.read(asked),
            "POST" => state.create(asked),
            "PUT" => state.replace(asked),
            "PATCH" => state.patch(asked),
            "DELETE" => state.delete(asked),
            _ => answer::unknown(),
        }
    }

    /// Every change after the revision that was asked for, as long as somebody listens.
    fn stream(&self, asked: Asked) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let api = self.clone();
        let seen = asked.query("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or_default();
        let events = futures::stream::unfold((api, asked, seen), |(api, asked, mut seen)| async move {
            let mut newest = api.0.revision.subscribe();
            loop {
                // A change that comes after this look wakes the wait below.
                newest.mark_unchanged();
                let lines;
                (lines, seen) = api.state().changes_after(seen, &asked);
                if !lines.is_empty() {
                    return Some((Ok(Frame::data(Bytes::from(lines))), (api, asked, seen)));
                }
                newest.changed().await.ok()?;
            }
        });
        Response::new(UnsyncBoxBody::new(StreamBody::new(events.boxed())))
    }
}

fn response(code: u16, body: String) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let body = UnsyncBoxBody::new(http_body_util::Full::new(Bytes::from(body)));
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}
