//! A Kubernetes API to which the way is bad: a program that gives no credentials, an answer without an end, no answer.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Home, write_program};

const V1: &str = "client.authentication.k8s.io/v1";

/// A HOME with an adopted cluster at this server, whose user has a program that gives credentials.
fn adopted(server: &str, script: &str) -> Home {
    let home = Home::new();
    write_program(&home.path().join("login"), format!("#!/bin/sh\necho run >> \"$HOME/runs\"\n{script}\n").as_bytes());
    let kubeconfig = home.path().join("config");
    let exec = json!({"command": home.path().join("login"), "apiVersion": V1});
    let text = json!({
        "current-context": "theirs", "clusters": [{"name": "a", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"exec": exec}}], "contexts": [{"name": "theirs", "context": {"cluster": "a", "user": "u"}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let state = home.path().join(".local/state/pgedge-bootstrap/pgedge");
    std::fs::create_dir_all(&state).unwrap();
    let adoption = json!({
        "kubeconfigs": [kubeconfig], "bin": home.path().join("bin"), "fit": null,
        "site": {"context": "theirs", "server": server, "uid": "1"},
    });
    std::fs::write(state.join("adopted.json"), adoption.to_string()).unwrap();
    home
}

fn prints(token: &str) -> String {
    let credential = json!({"kind": "ExecCredential", "apiVersion": V1, "status": {"token": token}});
    format!("cat << 'END'\n{credential}\nEND")
}

fn runs(home: &Home) -> usize {
    std::fs::read_to_string(home.path().join("runs")).unwrap_or_default().lines().count()
}

fn document(home: &Home, arguments: &[&str]) -> (i32, Value) {
    let ran = home.run(&[arguments, &["--output", "json"]].concat());
    let document = serde_json::from_str(&ran.stdout);
    (ran.code, document.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {} {}", ran.stdout, ran.stderr)))
}

/// A server that answers every request by this.
fn serve(answer: impl Fn(&mut dyn std::io::Write) -> std::io::Result<()> + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone()?).lines().map_while(Result::ok);
                while lines.next().is_some_and(|line| !line.is_empty()) {}
                answer(&mut &stream)
            });
        }
    });
    address
}

/// A server that knows nobody.
fn refusing() -> String {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "who are you", "code": 403});
    let body = status.to_string();
    serve(move |stream| {
        let length = body.len();
        let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n";
        write!(stream, "{head}content-length: {length}\r\n\r\n{body}")
    })
}

#[test]
fn a_program_that_gives_credentials_is_run_once_by_a_command() {
    for (script, id) in [(prints("t"), None), ("echo log in >&2; exit 1".to_owned(), Some("credentials-failed"))] {
        for arguments in [&["verify"][..], &["status"], &["up", "--killercoda", "--dry-run"]] {
            let home = adopted(&refusing(), &script);
            let (code, document) = document(&home, arguments);
            assert_eq!(runs(&home), 1, "{arguments:?}: {document}");
            if let Some(id) = id {
                assert_eq!(code, 1, "{arguments:?}: {document}");
                assert_eq!(document["failure"]["id"], id, "{arguments:?}: {document}");
                assert!(document["failure"]["evidence"].to_string().contains("log in"), "{document}");
            }
        }
    }
}

#[test]
fn a_token_that_no_header_can_hold_is_told_as_the_programs_mistake() {
    for token in ["a\nb", "t\n", "\u{1}", "a b"] {
        let home = adopted("http://127.0.0.1:1", &prints(token));
        let (code, document) = document(&home, &["status"]);
        assert_eq!((code, &document["failure"]["id"]), (1, &"credentials-failed".into()), "{token:?}: {document}");
        assert!(!document.to_string().contains("a\\nb"), "{document}");
    }
}

#[test]
fn a_program_that_gives_credentials_has_no_more_room_than_others() {
    let home = adopted("http://127.0.0.1:1", "exec cat /dev/zero");
    let began = Instant::now();
    let (_, document) = document(&home, &["verify", "cert-manager"]);
    assert_eq!(document["failure"]["id"], "credentials-failed", "{document}");
    assert!(document["failure"]["evidence"].to_string().contains("more than 16 MiB"), "{document}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Whether this process runs.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A killed one that nobody has reaped is a zombie.
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[test]
fn a_program_that_gives_credentials_ends_with_the_command() {
    // With a child of its own, as scripts have.
    let hangs = "echo $$ > \"$HOME/part\"; mv \"$HOME/part\" \"$HOME/pid\"; sleep 100; echo more";
    for (arguments, kind, code) in [
        (&["status"][..], None, 1),
        (&["status"], Some(Signal::INT), 130),
        (&["up", "--killercoda", "--deadline", "3s", "--bin-dir", "bin"], None, 1),
        (&["up", "--killercoda", "--bin-dir", "bin"], Some(Signal::TERM), 130),
    ] {
        let home = adopted("http://127.0.0.1:1", hangs);
        let child = home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        let end = began + Duration::from_secs(30);
        while !home.path().join("pid").exists() {
            assert!(Instant::now() < end, "it was never run");
            std::thread::yield_now();
        }
        let pid = std::fs::read_to_string(home.path().join("pid")).unwrap();
        let asked = Instant::now();
        if let Some(kind) = kind {
            kill_process(Pid::from_child(&child), kind).unwrap();
        }
        let ran = home.ran(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
        // A thread that waits for a program would be waited for, five seconds more.
        let (took, most) = if kind.is_some() { (asked.elapsed(), 4) } else { (began.elapsed(), 9 + 9 + 4) };
        let most = if arguments.contains(&"3s") { 3 + 4 } else { most };
        assert!(took < Duration::from_secs(most), "{arguments:?} took {took:?}");
        // It was killed, and dies when it gets a processor; by itself it would go on for a minute and a half.
        let gone = Instant::now() + Duration::from_secs(20);
        while lives(pid.trim()) {
            assert!(Instant::now() < gone, "{arguments:?} has left it");
            std::thread::yield_now();
        }
        if arguments == ["status"] && kind.is_none() {
            let told = ran.stdout + &ran.stderr;
            assert!(told.contains("(credentials-failed)") && told.contains("no answer after "), "{told}");
        }
    }
}

#[test]
fn an_answer_without_an_end_fills_no_memory() {
    let server = serve(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")?;
        let piece = vec![b'x'; 1 << 20];
        loop {
            stream.write_all(&piece)?;
        }
    });
    let home = Home::new();
    home.cluster_at(&server);
    home.leads_to(&server);
    let (code, document) = document(&home, &["verify", "cert-manager"]);
    assert_eq!((code, &document["failure"]["id"]), (1, &"kubernetes-refused".into()), "{document}");
    assert!(document["failure"]["summary"].to_string().contains("more than 128 MiB"), "{document}");
}

#[test]
fn who_is_silent_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let home = |kind: Option<&str>| {
        let home = Home::new();
        match kind {
            Some(kind) => home.cluster_with("", kind),
            None => home.cluster_at(&server),
        }
        home.leads_to(&server);
        home
    };
    std::thread::scope(|scope| {
        for (what, kind, words) in [
            ("the API", None, "the Kubernetes API does not answer"),
            ("kind", Some("exec sleep 100"), "kind does not answer"),
        ] {
            for arguments in [&["status"][..], &["verify"], &["verify", "active-active/prove"], &["up", "--dry-run"]] {
                let home = home(kind);
                scope.spawn(move || {
                    let (code, document) = document(&home, arguments);
                    let failure = &document["failure"];
                    assert_eq!((code, &document["ok"]), (1, &false.into()), "{what} {arguments:?}: {document}");
                    assert_eq!(failure["id"], "kubernetes-away", "{what} {arguments:?}: {document}");
                    assert!(failure["summary"].to_string().contains(words), "{what} {arguments:?}: {failure}");
                    assert_eq!(failure["evidence"], json!(["no answer after 9 s"]), "{what} {arguments:?}");
                });
            }
        }
    });
}
