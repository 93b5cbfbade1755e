use super::*;

const V1: &str = VERSIONS[0];

/// A program that is this script, in a folder of its own where it writes down that it was run.
struct Login(tempfile::TempDir);

impl Login {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("script"), format!("echo run >> \"$FOLDER/runs\"\n{script}\n")).unwrap();
        Self(folder)
    }

    /// A program that prints this.
    fn printing(document: &serde_json::Value) -> Self {
        Self::new(&format!("cat << 'END'\n{document}\nEND"))
    }

    fn exec(&self) -> ExecConfig {
        let folder = self.0.path().display().to_string();
        serde_json::from_value(json!({
            "command": "sh", "args": [self.0.path().join("script")], "apiVersion": V1,
            "env": [{"name": "FOLDER", "value": folder}, {"name": "odd"}], "installHint": "get\nit",
        }))
        .unwrap()
    }

    fn plugin(&self) -> Plugin {
        Plugin::new(self.exec(), &invalid).unwrap()
    }

    fn runs(&self) -> usize {
        fs_err::read_to_string(self.0.path().join("runs")).unwrap_or_default().lines().count()
    }
}

fn invalid(seen: String) -> Failure {
    Failure::new(FailureId::KubeconfigInvalid, "invalid").evidence(seen)
}

fn credential(status: &serde_json::Value) -> serde_json::Value {
    json!({"kind": "ExecCredential", "apiVersion": V1, "status": status})
}

fn seen(answer: Answer) -> String {
    let failure = answer.unwrap_err();
    assert_eq!(failure.id(), FailureId::CredentialsFailed);
    failure.seen().join("; ")
}

async fn given(login: &Login) -> Answer {
    Credentials::default().given_by(&login.plugin(), None).await
}

#[tokio::test]
async fn the_program_is_told_what_the_protocol_tells_it() {
    let login = Login::new("printf '%s' \"$KUBERNETES_EXEC_INFO\" > \"$FOLDER/info\"; cat > \"$FOLDER/input\"; exit 1");
    let mut exec = login.exec();
    exec.provide_cluster_info = true;
    exec.cluster = Some(ExecAuthClusterOf::server("https://k:6443"));
    let answer = Credentials::default().given_by(&Plugin::new(exec, &invalid).unwrap(), None).await;
    assert!(answer.is_err());
    let info: serde_json::Value = serde_json::from_slice(&fs_err::read(login.0.path().join("info")).unwrap()).unwrap();
    assert_eq!(
        info,
        json!({"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": false, "cluster": {
            "server": "https://k:6443", "certificate-authority-data": "UEVN",
        }}})
    );
    assert_eq!(fs_err::read(login.0.path().join("input")).unwrap(), b"", "it was given an input");
}

struct ExecAuthClusterOf;

impl ExecAuthClusterOf {
    fn server(server: &str) -> kube::config::ExecAuthCluster {
        kube::config::ExecAuthCluster {
            server: Some(server.to_owned()),
            certificate_authority_data: Some(b"PEM".to_vec()),
            ..Default::default()
        }
    }
}

#[tokio::test]
async fn a_token_and_a_certificate_are_taken() {
    let status = json!({
        "token": "t", "clientCertificateData": "CERT", "clientKeyData": "KEY", "expirationTimestamp": "2999-01-01T00:00:00Z",
    });
    let both = given(&Login::printing(&credential(&status))).await.unwrap();
    assert_eq!(both.token.as_ref().unwrap().expose_secret(), "t");
    assert!(!both.expires_soon());
    let mut auth = AuthInfo::default();
    both.enter(&mut auth).unwrap();
    assert_eq!(auth.client_certificate_data.as_deref(), Some("Q0VSVA=="));
    assert_eq!(auth.client_key_data.unwrap().expose_secret(), "S0VZ");
    let yaml = Login::new(&format!("printf 'kind: ExecCredential\\napiVersion: {V1}\\nstatus: {{token: y}}\\n'"));
    assert_eq!(given(&yaml).await.unwrap().token.as_ref().unwrap().expose_secret(), "y");
}

#[tokio::test]
async fn what_is_no_credential_is_told_and_nothing_of_it_is_shown() {
    let other = json!({"kind": "ExecCredential", "apiVersion": VERSIONS[1], "status": {"token": "SECRET"}});
    for (printed, words) in [
        (json!({"kind": "Secret", "apiVersion": V1, "status": {"token": "SECRET"}}), "has not the kind ExecCredential"),
        (other, "it printed another apiVersion"),
        (json!({"kind": "ExecCredential", "apiVersion": V1}), "no status"),
        (credential(&json!({})), "neither a token nor a certificate"),
        (credential(&json!({"token": ""})), "neither a token nor a certificate"),
        (credential(&json!({"token": "SECRET\n"})), "the token that it printed holds what a token cannot hold"),
        (credential(&json!({"token": "SECRET\u{1}"})), "the token that it printed holds what a token cannot hold"),
        (credential(&json!({"token": "SECRET", "clientKeyData": "SECRET"})), "only one"),
        (credential(&json!({"token": "SECRET", "expirationTimestamp": "soon"})), "is no time"),
        (json!("SECRET"), "is no ExecCredential"),
        (json!({"status": ["SECRET"]}), "is no ExecCredential"),
    ] {
        let told = seen(given(&Login::printing(&printed)).await);
        assert!(told.contains(words) && !told.contains("SECRET"), "{printed}: {told}");
    }
    let failed = Login::new("echo SECRET; echo log in again >&2; exit 4");
    assert_eq!(seen(given(&failed).await), "it ended with exit status: 4; log in again");
    let silent = Login::new("echo SECRET; exit 4");
    assert_eq!(seen(given(&silent).await), "it ended with exit status: 4");
}

#[tokio::test]
async fn a_program_without_an_end_to_its_output_is_ended() {
    for script in ["exec cat /dev/zero", "exec yes >&2"] {
        assert_eq!(seen(given(&Login::new(script)).await), "it printed more than 16 MiB");
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_told_with_the_way_to_install_it() {
    let nowhere = ExecConfig { command: Some("/nonexistent/login".to_owned()), ..Login::new("").exec() };
    let failure = Credentials::default().given_by(&Plugin::new(nowhere, &invalid).unwrap(), None).await.unwrap_err();
    assert_eq!(failure.advice(&Default::default()), "get it");
    let failed = given(&Login::new("exit 1")).await.unwrap_err();
    assert_ne!(failed.advice(&Default::default()), "get it", "it is installed");
    for (exec, id) in [
        (json!({"apiVersion": V1}), FailureId::KubeconfigInvalid),
        (json!({"command": "sh"}), FailureId::KubeconfigInvalid),
        (json!({"command": "sh", "apiVersion": "client.authentication.k8s.io/v1alpha1"}), FailureId::KubeconfigInvalid),
        (json!({"command": "sh", "apiVersion": V1, "interactiveMode": "Always"}), FailureId::CredentialsFailed),
    ] {
        let error = Plugin::new(serde_json::from_value(exec.clone()).unwrap(), &invalid).unwrap_err();
        assert_eq!(failure::of(&error).map(Failure::id), Some(id), "{exec}");
    }
}

#[tokio::test]
async fn it_is_run_once_for_all_who_ask_and_again_when_that_is_needed() {
    let credentials = |least| Credentials { least, ..Credentials::default() };
    let far = json!({"token": "t", "expirationTimestamp": "2999-01-01T00:00:00Z"});
    let login = Login::printing(&credential(&far));
    let (plugin, at_once) = (login.plugin(), credentials(Duration::ZERO));
    let all = futures::future::join_all((0..8).map(|_| at_once.given_by(&plugin, None))).await;
    let first = all[0].clone().unwrap();
    at_once.given_by(&plugin, None).await.unwrap();
    assert_eq!(login.runs(), 1, "who asks at the same time, and later");
    let second = at_once.given_by(&plugin, Some(&first)).await.unwrap();
    assert_eq!((login.runs(), Arc::ptr_eq(&first, &second)), (2, false), "the server has refused the first");
    at_once.given_by(&plugin, Some(&first)).await.unwrap();
    assert_eq!(login.runs(), 2, "another one is there already");
    let new = credentials(CREDENTIALS_HOLD);
    let fresh = new.given_by(&plugin, None).await.unwrap();
    new.given_by(&plugin, Some(&fresh)).await.unwrap();
    assert_eq!(login.runs(), 3, "a new one would be the same");

    let old = Login::printing(&credential(&json!({"token": "t", "expirationTimestamp": "2001-01-01T00:00:00Z"})));
    let failing = Login::new("exit 1");
    for login in [old, failing] {
        for (least, runs) in [(CREDENTIALS_HOLD, 1), (Duration::ZERO, 3)] {
            let (credentials, plugin) = (credentials(least), login.plugin());
            let _ = credentials.given_by(&plugin, None).await;
            let _ = credentials.given_by(&plugin, None).await;
            assert_eq!(login.runs(), runs, "an answer of {least:?}");
        }
    }
}

#[tokio::test]
async fn one_that_hangs_is_named_while_it_does_and_ends_with_the_run() {
    let login = Login::new("echo $$ > \"$FOLDER/part\"; mv \"$FOLDER/part\" \"$FOLDER/pid\"; exec sleep 1000");
    let (credentials, plugin) = (Credentials::default(), login.plugin());
    let run = tokio::task::spawn_blocking({
        let (credentials, file) = (credentials.clone(), login.0.path().join("pid"));
        move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let asked = credentials.given_by(&plugin, None);
                let begun = async {
                    while !file.exists() {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! { _ = asked => unreachable!("it hangs"), () = begun => {} }
            });
            let silent = credentials.silent().unwrap();
            runtime.shutdown_timeout(Duration::from_secs(5));
            silent
        }
    });
    let silent = tokio::time::timeout(Duration::from_secs(30), run).await.unwrap().unwrap();
    assert!(silent.seen()[0].starts_with("no answer after "), "{silent:?}");
    let pid = fs_err::read_to_string(login.0.path().join("pid")).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    let lives = || {
        let state = fs_err::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    while lives() {
        assert!(std::time::Instant::now() < end, "the program outlived the run");
        tokio::task::yield_now().await;
    }
}
