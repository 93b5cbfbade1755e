#![expect(clippy::unwrap_used, reason = "a test may panic")]

use bootstrap_run::failure;
use futures::SinkExt as _;
use kube::Config;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::*;

/// The channels of `v5.channel.k8s.io`, of which each message has one in its first byte.
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;

/// What psql prints in a pod, and how it ends; without an end it hangs.
struct Psql {
    stdout: &'static str,
    stderr: &'static str,
    code: Option<i32>,
}

/// The status with which a kubelet ends an exec.
fn status(code: i32) -> String {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"}).to_string();
    }
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
    .to_string()
}

/// A node in whose pod this psql runs: behind a Kubernetes API that answers one exec.
async fn node(psql: Psql) -> Database {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the type of the answer is the library's")]
        let agree = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/api/v1/namespaces/default/pods/pgedge-n1-1/exec");
            let offered = request.headers()["sec-websocket-protocol"].to_str().unwrap();
            assert!(offered.contains("v5.channel.k8s.io"), "{offered}");
            response.headers_mut().insert("sec-websocket-protocol", "v5.channel.k8s.io".parse().unwrap());
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
        let message = |channel: u8, text: &str| Message::binary([&[channel], text.as_bytes()].concat());
        socket.send(message(STDOUT, psql.stdout)).await.unwrap();
        socket.send(message(STDERR, psql.stderr)).await.unwrap();
        match psql.code {
            Some(code) => {
                socket.send(message(STATUS, &status(code))).await.unwrap();
                socket.close(None).await.unwrap();
            }
            None => std::future::pending().await,
        }
    });
    let client = Client::try_from(Config::new(format!("http://{address}").parse().unwrap())).unwrap();
    Database { node: "n1".to_owned(), pods: Api::namespaced(client, "default"), primary: "pgedge-n1-1".to_owned() }
}

async fn run(psql: Psql) -> Result<Vec<Vec<String>>> {
    let deadline = if psql.code.is_none() { Duration::from_millis(300) } else { Duration::from_secs(20) };
    node(psql).await.run(Role::Superuser, "SELECT 1", deadline).await
}

#[tokio::test]
async fn rows_come_as_fields() {
    let rows = run(Psql { stdout: "a\t1\nb\t2\n", stderr: "NOTICE:  hello\n", code: Some(0) }).await.unwrap();
    assert_eq!(rows, [["a", "1"], ["b", "2"]]);
}

/// Whatever it is: the server's words if there are any, or that there was no answer.
#[tokio::test]
async fn a_statement_that_fails_says_on_which_node_and_why() {
    for (psql, words) in [
        (
            Psql { stdout: "1\n", stderr: "ERROR:  relation \"demo\" does not exist\n", code: Some(1) },
            "ERROR:  relation \"demo\" does not exist",
        ),
        (Psql { stdout: "psql: odd\n", stderr: " \n", code: Some(2) }, "psql: odd"),
        (Psql { stdout: "1\n", stderr: "", code: None }, "cannot run psql in pod pgedge-n1-1: no answer after 0 s"),
    ] {
        let error = run(psql).await.unwrap_err();
        let failure = failure::of(&error).unwrap();
        assert_eq!((failure.id(), failure.summary()), (FailureId::SqlFailed, "a statement failed on n1"), "{words}");
        assert!(failure.seen().len() == 1 && failure.seen()[0].starts_with(words), "{:?}", failure.seen());
    }
}

#[tokio::test]
async fn a_server_that_is_away_fails_the_statement_too() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::try_from(Config::new(format!("http://{gone}").parse().unwrap())).unwrap();
    let pods = Api::namespaced(client, "default");
    let database = Database { node: "n2".to_owned(), pods, primary: "pgedge-n2-1".to_owned() };
    let error = database.run(Role::Application, "SELECT 1", Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(failure::of(&error).map(Failure::id), Some(FailureId::SqlFailed), "{error:#}");
}
