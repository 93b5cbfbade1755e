use std::sync::Mutex;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::{ListParams, WatchParams};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::*;
use crate::kubernetes::{failure_in, refused};

fn invalid(seen: String) -> Failure {
    Failure::new(FailureId::KubeconfigInvalid, "invalid").evidence(seen)
}

/// A server that lets in who brings this, and what it was brought.
#[derive(Clone)]
struct Server {
    address: String,
    wanted: Arc<Mutex<String>>,
    brought: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(wanted: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, wanted: Arc::new(Mutex::new(wanted.to_owned())), brought: Arc::default() };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().answer(stream));
            }
        });
        server
    }

    async fn answer(self, stream: tokio::net::TcpStream) -> Option<()> {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        let first = lines.next_line().await.ok()??;
        let mut brought = String::new();
        while let Some(line) = lines.next_line().await.ok()?.filter(|line| !line.is_empty()) {
            if let Some(value) = line.strip_prefix("authorization: ") {
                brought = value.to_owned();
            }
        }
        let lets_in = *self.wanted.lock().unwrap() == brought;
        self.brought.lock().unwrap().push(brought);
        let body = match lets_in {
            true => json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}),
            false => json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "who", "code": 401}),
        }
        .to_string();
        let status = if lets_in { "200 OK" } else { "401 Unauthorized" };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
        if first.contains("/pods") {
            let head = head.replace("401 Unauthorized", "200 OK");
            writing.write_all(format!("{head}\r\n").as_bytes()).await.ok()?;
            // Lines for ever, or one line without an end.
            let line = json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {
                "resourceVersion": "1", "annotations": {"padding": "x".repeat(1 << 20)},
            }}});
            let piece = if first.contains("flood") { "x".repeat(1 << 20) } else { format!("{line}\n") };
            loop {
                writing.write_all(piece.as_bytes()).await.ok()?;
            }
        }
        writing.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.ok()
    }

    async fn client(&self, auth: serde_json::Value) -> Result<Client> {
        let mut config = kube::Config::new(self.address.parse().unwrap());
        config.auth_info = serde_json::from_value(auth).unwrap();
        connect(config, &Credentials::default(), &invalid).await
    }
}

async fn asks(client: Client) -> kube::Result<Namespace> {
    Api::<Namespace>::all(client).get("n").await
}

#[tokio::test]
async fn the_users_credentials_are_brought_in_the_order_of_kubectl() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs_err::write(&file, "of-file\n").unwrap();
    let printed = json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "of-exec"}});
    let exec =
        json!({"command": "echo", "args": [printed.to_string()], "apiVersion": "client.authentication.k8s.io/v1"});
    for (auth, brought) in [
        (json!({}), ""),
        (json!({"token": "t", "tokenFile": file, "exec": exec}), "Bearer t"),
        (json!({"tokenFile": file, "exec": exec}), "Bearer of-file"),
        (json!({"exec": exec}), "Bearer of-exec"),
        (json!({"username": "u", "password": "p", "token": "t"}), "Basic dTpw"),
        (json!({"auth-provider": {"name": "oidc", "config": {"id-token": "i"}}}), "Bearer i"),
    ] {
        let server = Server::start(brought).await;
        let found = asks(server.client(auth.clone()).await.unwrap()).await;
        assert!(found.is_ok(), "{auth}: {:?}", server.brought.lock().unwrap());
    }
}

/// kube makes a header of it, and panics where it cannot.
#[tokio::test]
async fn a_token_that_no_header_can_hold_is_told_wherever_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs_err::write(&file, "SECRET\nSECRET\n").unwrap();
    let server = Server::start("").await;
    for auth in [
        json!({"token": "SECRET\n"}),
        json!({"tokenFile": file}),
        json!({"auth-provider": {"name": "oidc", "config": {"id-token": "SECRET\u{1}"}}}),
    ] {
        let error = server.client(auth.clone()).await.err().unwrap();
        let failure = bootstrap_run::failure::of(&error).unwrap();
        assert_eq!(failure.id(), FailureId::KubeconfigInvalid, "{auth}");
        assert!(
            failure.seen()[0].contains("the token of its user holds") && !format!("{failure:?}").contains("SECRET")
        );
    }
}

/// kube would run it, with nothing to end it.
#[tokio::test]
async fn a_program_of_an_old_auth_provider_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"cmd-path": "touch", "cmd-args": folder.path().join("was-run")});
    let error = Server::start("").await.client(json!({"auth-provider": {"name": "gcp", "config": config}})).await.err();
    assert_eq!(bootstrap_run::failure::of(&error.unwrap()).unwrap().id(), FailureId::CredentialsFailed);
    assert!(!folder.path().join("was-run").exists());
}

#[tokio::test]
async fn a_token_that_is_refused_before_it_expires_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"echo run >> "$0/runs"; n=$(wc -l < "$0/runs"); echo '{"kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t'$((n))'"}}'"#;
    let exec = json!({
        "command": "sh", "args": ["-c", script, folder.path()], "apiVersion": "client.authentication.k8s.io/v1",
    });
    let server = Server::start("Bearer t2").await;
    let mut config = kube::Config::new(server.address.parse().unwrap());
    config.auth_info = serde_json::from_value(json!({"exec": exec})).unwrap();
    let client = connect(config, &Credentials::renewed_at_once(), &invalid).await.unwrap();
    assert!(asks(client.clone()).await.is_ok());
    assert!(asks(client.clone()).await.is_ok());
    assert_eq!(*server.brought.lock().unwrap(), ["Bearer t1", "Bearer t2", "Bearer t2"]);
    // A server that takes none is not asked for ever.
    "nobody".clone_into(&mut server.wanted.lock().unwrap());
    assert!(matches!(asks(client).await, Err(kube::Error::Api(status)) if status.code == 401));
    assert_eq!(server.brought.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let server = Server::start("").await;
    let pods = Api::<Pod>::namespaced(server.client(json!({})).await.unwrap(), "flood");
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    let failure = failure_in(&error).unwrap();
    assert_eq!(failure.id(), FailureId::KubernetesRefused, "{error:?}");
    assert_eq!(failure.summary(), "the Kubernetes API sends more than 128 MiB in one answer");
    assert!(failure.seen()[0].starts_with("GET /api/v1/namespaces/flood/pods at http://127.0.0.1:"), "{failure:?}");
    let told = refused("cannot list", &error);
    assert_eq!(bootstrap_run::failure::of(&told).unwrap().summary(), failure.summary());
}

#[tokio::test]
async fn of_a_watch_only_one_event_is_limited() {
    let server = Server::start("").await;
    let client = server.client(json!({})).await.unwrap();
    for (namespace, is_limited) in [("endless", false), ("flood", true)] {
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let mut events = std::pin::pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
        let mut ended = None;
        for _ in 0..200 {
            if let Some(Err(error)) = futures::StreamExt::next(&mut events).await {
                ended = Some(error);
                break;
            }
        }
        assert_eq!(ended.is_some(), is_limited, "{namespace}: {ended:?}");
    }
}
