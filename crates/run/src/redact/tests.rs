//! Texts as tools print them, with made-up secrets.

use super::{HIDDEN, RULES, Rules, lines, text};

/// A text, and what is kept of it.
const SECRETS: &[(&str, &str)] = &[
    ("GET https://me:hunter2@mirror.example:8443/a@b", "GET https://[redacted]@mirror.example:8443/a@b"),
    (
        "proxyconnect http://corp%5Cann:p@ss:w0rd@10.0.0.1:3128: refused",
        "proxyconnect http://[redacted]@10.0.0.1:3128: refused",
    ),
    (
        "HTTPS_PROXY=http://ann:hunter2@proxy:3128 NO_PROXY=.svc",
        "HTTPS_PROXY=http://[redacted]@proxy:3128 NO_PROXY=.svc",
    ),
    ("https_proxy=ann:hunter2@proxy:3128", "https_proxy=[redacted]@proxy:3128"),
    ("http://ann:pa/ss@host/x", "http://[redacted]@host/x"),
    ("https://ghp_0123456789abcdefghij@github.com/x.git", "https://[redacted]@github.com/x.git"),
    (
        "postgresql://app:s3cr%2Ft@pgedge-n1-rw:5432/app?sslmode=require",
        "postgresql://[redacted]@pgedge-n1-rw:5432/app?sslmode=require",
    ),
    ("> Authorization: Basic dXNlcjpwYXNz", "> Authorization: [redacted]"),
    ("proxy-authorization: Digest username=\"ann\", response=\"6629fae4\"", "proxy-authorization: [redacted]"),
    (r#"{"Authorization":"Bearer abc.def-123"}"#, r#"{"Authorization":"[redacted]"}"#),
    ("curl -H 'Authorization: token 0123abcd' https://x", "curl -H 'Authorization: [redacted]' https://x"),
    ("sent Bearer 0a1b2c3d4e", "sent Bearer [redacted]"),
    ("host=n1 user=app password=a,b;c dbname=app", "host=n1 user=app password=[redacted] dbname=app"),
    ("PGPASSWORD='two words' psql", "PGPASSWORD=[redacted] psql"),
    ("password: hunter two", "password: [redacted] two"),
    (r#"{"user":"app","password":"a\"b","port":5432}"#, r#"{"user":"app","password":[redacted],"port":5432}"#),
    (r#"payload {\"password\":\"abc\",\"user\":\"app\"}"#, r#"payload {\"password\":[redacted],\"user\":\"app\"}"#),
    ("GET /v2/token?scope=pull&token=abcdef&x=1", "GET /v2/token?scope=pull&token=[redacted]&x=1"),
    ("secret: s3cr3tvalue and more", "secret: [redacted] and more"),
    ("api_key = 'k-1'\napiKey: k2", "api_key = [redacted]\napiKey: [redacted]"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AWS_SECRET_ACCESS_KEY=[redacted]"),
    ("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY_ID=[redacted]"),
    (
        "kubeadm join 172.18.0.2:6443 --token abcdef.0123456789abcdef --x",
        "kubeadm join 172.18.0.2:6443 --token [redacted] --x",
    ),
    (
        "helm registry login ghcr.io --username ann --password hunter --debug",
        "helm registry login ghcr.io --username ann --password [redacted] --debug",
    ),
    (r#"{"auths":{"ghcr.io":{"auth":"YW5uOmh1bnRlcjI="}}}"#, r#"{"auths":{"ghcr.io":{"auth":"[redacted]"}}}"#),
    (".dockerconfigjson: eyJhdXRocyI6e319", ".dockerconfigjson: [redacted]"),
    ("    client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=", "    client-key-data: [redacted]"),
    ("key LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVF end", "key [redacted] end"),
    ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
    (r"a -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n b", r"a [redacted]\n b"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE", "[redacted]"),
    ("pushed with ghp_0123456789abcdefghijABCDEFGHIJ012345", "pushed with [redacted]"),
    ("jwt eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl end", "jwt [redacted] end"),
    (
        "https://s3.example/blob?X-Amz-Credential=AB%2F1&X-Amz-Signature=00ff&partNumber=1",
        "https://s3.example/blob?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&partNumber=1",
    ),
    ("https://a.blob.core.windows.net/x?sv=2024&sig=Ab%3D", "https://a.blob.core.windows.net/x?sv=2024&sig=[redacted]"),
];

/// What people need to find a fault.
const ORDINARY: &[&str] = &[
    "",
    "pinned sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "ghcr.io/pgedge/pgedge-postgres:18.4@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "docker-pullable://postgres@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "docker-pullable://localhost:5000/a/b:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    r#"MountVolume.SetUp failed for volume "cert" : secret "webhook-cert" not found"#,
    r#"secrets "pgedge-n1-app" is forbidden: User "system:anonymous" cannot get resource "secrets""#,
    "couldn't find key password in Secret default/app",
    r#"FATAL: password authentication failed for user "app""#,
    "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
    "failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository: 403 Forbidden",
    r#"failed to fetch oauth token: Get "https://auth.docker.io/token?service=x": dial tcp: no such host"#,
    "https://auth.example/token: 403 Forbidden",
    r#"www-authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
    "the server requires bearer authentication for this",
    "secretName: cert-manager-webhook-ca",
    "imagePullSecrets: [{name: regcred}]",
    "type: kubernetes.io/service-account-token",
    "--discovery-token-ca-cert-hash sha256:0a1b2c",
    "the --token flag is needed",
    "PWD=/home/ann OLDPWD=/",
    "HTTPS_PROXY=http://proxy.example:3128",
    "http://127.0.0.1:5000/get.helm.sh/helm-v4.3.0-linux-amd64.tar.gz answered 503",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "kind create cluster --name pgedge --kubeconfig /home/ann/.local/state/pgedge-bootstrap/pgedge/kubeconfig",
    "error: a key is missing: look at /etc/kubernetes/pki/apiserver.key",
    "Unix socket unix:///var/run/docker.sock, user@host, ann@example.org",
    "2026-11-21T11:10:32Z  12 of 96 MB, 3.1 MB/s",
];

#[test]
fn every_pattern_compiles() {
    assert!(Rules::new().is_ok() && RULES.is_some());
}

#[test]
fn a_secret_is_hidden_and_the_rest_stays() {
    for (before, after) in SECRETS {
        assert_eq!(text(before), *after, "{before}");
    }
}

#[test]
fn what_was_hidden_once_stays_as_it_is() {
    for (before, _) in SECRETS {
        let once = text(before);
        assert_eq!(text(&once), once, "{before}");
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    for ordinary in ORDINARY {
        assert_eq!(text(ordinary), *ordinary);
    }
}

#[test]
fn a_key_that_goes_over_many_lines_is_hidden_whole() {
    let mut output = ["before", "-----BEGIN PRIVATE KEY-----", "MIIEvQ", "-----END PRIVATE KEY-----", "after"]
        .map(str::to_owned)
        .to_vec();
    lines(&mut output);
    assert_eq!(output, ["before", HIDDEN, "after"]);
}
