//! `--killercoda`, as far as it goes without a cluster.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Output;

use crate::support::Home;

const ADOPTED: &str = ".local/state/pgedge-bootstrap/pgedge/adopted.json";

#[test]
fn the_plan_of_an_adopted_cluster_makes_no_cluster() {
    let home = Home::new();
    let ran = home.run(&["--killercoda", "--dry-run", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let steps: Vec<&str> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    for absent in ["docker", "kind", "node-image", "release"] {
        assert!(!steps.contains(&absent), "{absent} is in {steps:?}");
    }
    for present in ["kubernetes-api", "images", "cloudnative-pg", "room"] {
        assert!(steps.contains(&present), "{present} is not in {steps:?}");
    }
    assert_eq!(home.files(), Vec::<String>::new(), "a look leaves nothing");
}

#[test]
fn a_cluster_of_one_kind_is_not_taken_for_the_other() {
    let home = Home::new();
    let state = home.path().join(".local/state/pgedge-bootstrap/pgedge");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("engine"), "an engine").unwrap();
    let made_by_kind = home.run(&["--killercoda"]);
    assert_eq!(made_by_kind.code, 1);
    insta::assert_snapshot!(made_by_kind.stderr, @r#"
    error: the cluster "pgedge" was made by kind, not adopted (shape-differs)
    hint: give --local, or another --name
    "#);
    assert!(!home.path().join(ADOPTED).exists());

    std::fs::remove_file(state.join("engine")).unwrap();
    let adoption = r#"{"kubeconfig": "/nowhere/config", "bin": "/nowhere/bin", "fit": null}"#;
    std::fs::write(home.path().join(ADOPTED), adoption).unwrap();
    let adopted = home.run(&["--local"]);
    assert_eq!(adopted.code, 1);
    insta::assert_snapshot!(adopted.stderr, @r#"
    error: the cluster "pgedge" was adopted, not made by kind (shape-differs)
    hint: give --killercoda, or another --name
    "#);
    let both = home.run(&["--local", "--killercoda"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
}

#[test]
fn later_commands_know_what_was_adopted_and_down_forgets_it() {
    let home = Home::new();
    // A docker that must not be asked.
    home.docker("touch \"$HOME/docker-was-asked\"");
    let path = home.path().join(ADOPTED);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let fit = r#"{"nodes": 2, "cpu": 40, "because": "little is left"}"#;
    let kubeconfig = home.path().join("config");
    let theirs = of_server("http://127.0.0.1:1");
    std::fs::write(&kubeconfig, &theirs).unwrap();
    let bin = home.path().join("bin");
    let adoption = serde_json::json!({
        "kubeconfig": kubeconfig, "bin": bin, "fit": serde_json::from_str::<serde_json::Value>(fit).unwrap(),
    });
    std::fs::write(&path, adoption.to_string()).unwrap();

    let environment = home.run(&["env"]);
    let ours = "$HOME/.local/state/pgedge-bootstrap/pgedge/kubeconfig";
    assert!(environment.stdout.contains(&format!("export KUBECONFIG='{ours}'")), "{}", environment.stdout);
    assert!(environment.stdout.contains("export PATH='$HOME/bin'"), "{}", environment.stdout);
    let values = |arguments: &[&str]| -> serde_json::Value {
        let ran = home.run(&[&["values", "--output", "json"], arguments].concat());
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let small = values(&[]);
    assert_eq!(small["pgEdge"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(small["pgEdge"]["clusterSpec"]["resources"]["requests"]["cpu"], "40m");
    assert_eq!(values(&["--nodes", "3"])["pgEdge"]["nodes"].as_array().unwrap().len(), 3);
    // What fails tells the command that fits.
    let guide = home.run(&["guide", "--yes"]);
    assert!(guide.stderr.contains("hint: `pgedge-bootstrap --killercoda --until operators`"), "{}", guide.stderr);
    std::fs::write(&kubeconfig, "theirs").unwrap();
    let prove = home.run(&["prove"]);
    assert_eq!(prove.code, 1);
    let words = "the kubeconfig $HOME/config cannot be used (kubeconfig-invalid)";
    assert!(prove.stderr.contains(words), "{}", prove.stderr);

    let down = home.run(&["down"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert!(!path.exists() && std::fs::read_to_string(&kubeconfig).unwrap() == "theirs");
    assert!(!home.path().join("docker-was-asked").exists(), "docker was asked about a cluster that is none of its own");
}

/// kubectl of any version will do, but it has to be one.
#[test]
fn a_kubectl_of_the_machine_that_prints_rubbish_is_not_used() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().join(ADOPTED).parent().unwrap()).unwrap();
    let kubeconfig = home.path().join("config");
    std::fs::write(&kubeconfig, of_server("http://127.0.0.1:1")).unwrap();
    let adoption = serde_json::json!({"kubeconfig": kubeconfig, "bin": home.path().join("bin"), "fit": null});
    std::fs::write(home.path().join(ADOPTED), adoption.to_string()).unwrap();
    let version = r#"echo '{"clientVersion": {"gitVersion": "v1.33.2+k3s1"}}'"#;
    for (script, state) in [
        ("echo hello", "missing"),
        ("exit 0", "missing"),
        ("exec cat /dev/zero", "missing"),
        (r#"echo '{"clientVersion": {"gitVersion": "<html>"}}'"#, "missing"),
        (version, "done"),
    ] {
        home.program("kubectl", script);
        let ran = home.run(&["verify", "kubectl", "--output", "json"]);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["steps"][0]["state"], state, "{script}: {document}");
    }
}

#[test]
fn an_adoption_that_was_not_written_by_this_program_is_told() {
    let home = Home::new();
    let path = home.path().join(ADOPTED);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{").unwrap();
    let ran = home.run(&["env"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("adopted.json was not written by this program (cluster-foreign)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: remove it; "), "{}", ran.stderr);
}

fn of_server(server: &str) -> String {
    format!(
        "current-context: theirs\nclusters: [{{name: a, cluster: {{server: '{server}'}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\ncontexts: [{{name: theirs, context: {{cluster: a, user: u}}}}]\n"
    )
}

/// An API server that tells its version and the uid of `kube-system`, and has no node. Returns its address.
fn api_server(uid: &'static str) -> String {
    serve(move |request| {
        let metadata = format!(r#"{{"name": "kube-system", "uid": "{uid}"}}"#);
        if request.contains("/namespaces/kube-system") {
            let kind = r#""apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata""#;
            ("200 OK", format!(r#"{{{kind}, "metadata": {metadata}}}"#))
        } else if request.contains("/nodes") {
            let kind = r#""apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList""#;
            ("200 OK", format!(r#"{{{kind}, "metadata": {{}}, "items": []}}"#))
        } else if request.contains("/version") {
            let text = r#"{"major": "1", "minor": "34", "gitVersion": "v1.34.99", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}"#;
            ("200 OK", text.to_owned())
        } else {
            ("404 Not Found", status("nothing here", "NotFound", 404))
        }
    })
}

fn status(message: &str, reason: &str, code: u16) -> String {
    format!(
        r#"{{"kind": "Status", "apiVersion": "v1", "metadata": {{}}, "status": "Failure", "message": "{message}",
            "reason": "{reason}", "code": {code}}}"#
    )
}

/// A server that gives these answers, also as a proxy. Returns its address.
fn serve(answer: impl Fn(&str) -> (&'static str, String) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = std::sync::Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let mut request = lines.next().unwrap_or_default();
                while lines.next().is_some_and(|line| !line.is_empty()) {}
                if request.starts_with("CONNECT ") {
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                    request = lines.next().unwrap_or_default();
                    while lines.next().is_some_and(|line| !line.is_empty()) {}
                }
                let (status, body) = answer(&request);
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
                let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
            });
        }
    });
    format!("http://{address}")
}

/// A home in which a cluster with this uid was adopted at this server.
fn adopted(server: &str, uid: &str) -> Home {
    let home = Home::new();
    let path = home.path().join(ADOPTED);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let kubeconfig = home.path().join("config");
    std::fs::write(&kubeconfig, of_server(server)).unwrap();
    let adoption = serde_json::json!({
        "kubeconfigs": [kubeconfig], "bin": home.path().join("bin"), "fit": null,
        "site": {"context": "theirs", "server": server, "uid": uid},
    });
    std::fs::write(&path, adoption.to_string()).unwrap();
    home
}

fn with_kubeconfig(home: &Home, value: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } =
        home.command(arguments).current_dir(home.path()).env("KUBECONFIG", value).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

const LOOK: [&str; 2] = ["--killercoda", "--dry-run"];

#[test]
fn a_relative_kubeconfig_counts_from_here_and_the_cluster_is_named_before_anything_is_done() {
    let home = Home::new();
    let server = api_server("1");
    std::fs::write(home.path().join("relative.yaml"), of_server(&server)).unwrap();
    let (code, stderr) = with_kubeconfig(&home, "nowhere:relative.yaml", &LOOK);
    // The server tells nothing of operators, so the looks at them fail; the adoption does not.
    assert!(code == Some(1) && !stderr.contains("error: "), "{stderr}");
    for words in ["theirs", &server, "v1.34.99", "CloudNativePG "] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    assert_eq!(home.files(), ["relative.yaml"], "a look leaves nothing");
}

/// Programs get the same, typed: of a look in its document, and of a run as an event before anything is written.
#[test]
fn the_cluster_that_is_adopted_is_told_to_programs() {
    let server = api_server("1");
    let home = Home::new();
    std::fs::write(home.path().join("config"), of_server(&server)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = home.command(&[arguments, &["--output", "json"]].concat());
        home.ran(&command.env("KUBECONFIG", "config").output().unwrap())
    };
    let pins: serde_json::Value = serde_json::from_str(&home.run(&["versions", "--output", "json"]).stdout).unwrap();
    let pinned = |name: &str| pins["manifests"][name]["version"].clone();
    let told = serde_json::json!({
        "context": "theirs", "server": server, "version": "v1.34.99", "uid": "1",
        "creates": [
            {"what": "cert-manager", "version": pinned("cert-manager"), "namespace": "cert-manager"},
            {"what": "CloudNativePG", "version": pinned("cloudnative-pg"), "namespace": "cnpg-system"},
        ],
    });
    let look = run(&LOOK);
    let look: serde_json::Value = serde_json::from_str(&look.stdout).unwrap_or_else(|_| panic!("{}", look.stderr));
    assert_eq!(look["adopted"], told);

    // No storage class comes, so the run ends with its deadline.
    let ran = run(&["--killercoda", "--until", "cluster", "--deadline", "6s", "--bin-dir", "bin"]);
    let events = crate::json::checked(&ran.stdout);
    let position = |name: &str| events.iter().position(|event| event["event"] == name);
    let adopted = &events[position("cluster-adopted").unwrap_or_else(|| panic!("{}{}", ran.stdout, ran.stderr))];
    assert_eq!((&adopted["server"], &adopted["uid"]), (&told["server"], &told["uid"]));
    assert_eq!(adopted["creates"], serde_json::json!([]), "a run to the cluster makes nothing in it");
    assert_eq!(adopted["step"], "kubernetes-api");
}

#[test]
fn a_kubeconfig_that_cannot_be_used_ends_at_once() {
    let home = Home::new();
    let good = of_server("http://127.0.0.1:1");
    let cases = [
        ("this: [is broken".to_owned(), "line 1"),
        (good.replace("server:", "certificate-authority-data: '%%', server:"), "base64"),
        (good.replace("server:", "proxy-url: 'http://a b', server:"), "proxy"),
        (good.replace("token: t", r#"token: "a\nb""#), "the token of its user"),
    ];
    for (text, words) in cases {
        std::fs::write(home.path().join("broken"), text).unwrap();
        let (code, stderr) = with_kubeconfig(&home, "broken", &["--killercoda", "--until", "cluster"]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("(kubeconfig-invalid)") && stderr.contains(words), "{words}: {stderr}");
    }
    let (code, stderr) = with_kubeconfig(&home, "nowhere", &LOOK);
    assert!(code == Some(1) && stderr.contains("(kubeconfig-invalid)"), "{stderr}");
}

#[test]
fn a_kubeconfig_by_which_no_cluster_answered_does_not_stay() {
    let home = Home::new();
    std::fs::write(home.path().join("dead"), of_server("http://127.0.0.1:1")).unwrap();
    let arguments = ["--killercoda", "--until", "cluster", "--deadline", "2s", "--bin-dir", "bin"];
    let (code, stderr) = with_kubeconfig(&home, "dead", &arguments);
    assert_eq!(code, Some(1), "{stderr}");
    std::fs::write(home.path().join("alive"), of_server(&api_server("1"))).unwrap();
    let (_, stderr) = with_kubeconfig(&home, "alive", &LOOK);
    assert!(stderr.contains("v1.34.99") && !stderr.contains("127.0.0.1:1\n"), "{stderr}");
    std::fs::write(home.path().join("broken"), "this: [is broken").unwrap();
    let (code, stderr) = with_kubeconfig(&home, "broken", &LOOK);
    assert!(code == Some(1) && stderr.contains("(kubeconfig-invalid)"), "{stderr}");
}

#[test]
fn a_program_that_gives_no_credentials_is_told_with_its_words() {
    let home = Home::new();
    let cases = [
        ("{command: ./login, args: [], apiVersion: client.authentication.k8s.io/v1}", "please log in again"),
        (
            "{command: ./nowhere, installHint: get it there, apiVersion: client.authentication.k8s.io/v1}",
            "hint: get it there",
        ),
        ("{command: ./login, interactiveMode: Always, apiVersion: client.authentication.k8s.io/v1}", "interactiveMode"),
    ];
    let login = home.path().join("login");
    std::fs::write(&login, "#!/bin/sh\necho please log in again >&2\nexit 4\n").unwrap();
    std::fs::set_permissions(&login, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (exec, words) in cases {
        let text = of_server("http://127.0.0.1:1").replace("token: t", &format!("exec: {exec}"));
        std::fs::write(home.path().join("config"), text).unwrap();
        let (code, stderr) = with_kubeconfig(&home, "config", &["--killercoda", "--until", "cluster"]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("(credentials-failed)") && stderr.contains(words), "{words}: {stderr}");
    }
}

#[test]
fn another_cluster_at_the_adopted_address_is_refused_by_its_uid() {
    let server = api_server("2");
    let home = adopted(&server, "1");
    for arguments in [["--killercoda", "--dry-run"].as_slice(), &["--killercoda"], &["prove"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("(cluster-changed)"), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("uid 1") && ran.stderr.contains("uid 2"), "{arguments:?}: {}", ran.stderr);
    }
    let same = adopted(&server, "2").run(&["--killercoda", "--dry-run"]);
    assert!(same.code == 1 && !same.stderr.contains("error: "), "{}", same.stderr);
}

#[test]
fn the_proxy_of_the_kubeconfig_is_used() {
    // It answers in the place of a server that no one can reach.
    let proxy = api_server("1");
    let home = Home::new();
    let server = "http://cluster.invalid:6443";
    let text = of_server(server).replace("server:", &format!("proxy-url: '{proxy}', server:"));
    std::fs::write(home.path().join("config"), text).unwrap();
    let (code, stderr) = with_kubeconfig(&home, "config", &LOOK);
    assert!(code == Some(1) && stderr.contains("v1.34.99") && !stderr.contains("error: "), "{stderr}");
}

/// The environment's proxy answers in the place of a server that no one can reach; the kubeconfig's own goes before it, and
/// what `NO_PROXY` names is asked itself.
#[test]
fn the_proxy_of_the_environment_is_used_as_kubectl_uses_it() {
    let server = "http://cluster.invalid:6443";
    let home = Home::new();
    let look = |kubeconfig: &str, set: &[(&str, &str)]| {
        std::fs::write(home.path().join("config"), kubeconfig).unwrap();
        let mut command = home.command(&LOOK);
        command.env("KUBECONFIG", "config").envs(set.iter().copied());
        home.ran(&command.output().unwrap()).stderr
    };
    let (proxy, nowhere) = (api_server("1"), "http://127.0.0.1:1");
    let found = look(&of_server(server), &[("HTTP_PROXY", &proxy), ("NO_PROXY", "localhost,.elsewhere,")]);
    assert!(found.contains("v1.34.99"), "{found}");
    let own = of_server(server).replace("server:", &format!("proxy-url: '{proxy}', server:"));
    let found = look(&own, &[("HTTP_PROXY", nowhere), ("NO_PROXY", "cluster.invalid,")]);
    assert!(found.contains("v1.34.99"), "{found}");
    let found = look(&of_server(server), &[("HTTP_PROXY", &proxy), ("NO_PROXY", ".invalid")]);
    assert!(!found.contains("v1.34.99"), "{found}");
    let found = look(&of_server(&api_server("1")), &[("HTTP_PROXY", nowhere)]);
    assert!(found.contains("v1.34.99"), "this machine itself was asked through a proxy: {found}");
}

#[test]
fn a_server_that_lets_nobody_in_is_not_waited_for_to_the_deadline() {
    // Downloads come from where nobody answers, so they neither end nor fail.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", silent.local_addr().unwrap());
    for (uid, code, line) in [(None, 401, "401 Unauthorized"), (Some("1"), 403, "403 Forbidden")] {
        let server = serve(move |_| (line, status("who are you", "Unauthorized", code)));
        let home = match uid {
            Some(uid) => adopted(&server, uid),
            None => Home::new(),
        };
        std::fs::write(home.path().join("config"), of_server(&server)).unwrap();
        let began = std::time::Instant::now();
        let arguments = ["--killercoda", "--until", "cluster", "--mirror", &mirror];
        let (code, stderr) = with_kubeconfig(&home, "config", &arguments);
        assert!(code == Some(1) && stderr.contains("(credentials-failed)"), "{stderr}");
        assert!(stderr.contains("who are you"), "{stderr}");
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "it took {:?}", began.elapsed());
    }
}
