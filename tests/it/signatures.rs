//! `pins check` and signatures: gpg's own, cosign's as it is documented, and neither here.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::upstream::{images, manifest_path, path, tag, the_one};
use crate::support::{Proxy, Ran, World, sum};

const HELM: &str = "/tools/helm/platforms/linux~1amd64/sha256";
const CONTROLLER: &str = "/images/cert-manager-controller/digest";
const OPERATOR: &str = "/images/cloudnative-pg/digest";
const MANIFEST: &str = "/manifests/cloudnative-pg/sha256";
const KUBECTL: &str = "/tools/kubectl/platforms/linux~1amd64/sha256";
const KNOWN: &str = "208DD36ED5BB3745A16743A4C7C6FBB5B91C1155";
const KEYS: &str = "/raw.githubusercontent.com/helm/helm/main/KEYS";
const CERT_MANAGER_KEY: &str = "/cert-manager.io/public-keys/cert-manager-pubkey-2021-09-20.pem";

fn signature(ran: &Ran, pointer: &str) -> (String, String) {
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    let pin = document["pins"].as_array().unwrap().iter().find(|pin| pin["pointer"] == pointer).unwrap();
    let field = |name: &str| pin["signature"][name].as_str().unwrap().to_owned();
    (field("state"), field("detail"))
}

/// A key of the test's own, made by the real gpg.
struct Signer {
    home: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let signer = Self { home: tempfile::tempdir().unwrap() };
        signer.gpg(&["--passphrase", "", "--quick-generate-key", "Helm of the tests", "ed25519", "sign", "never"], b"");
        // This one signs, in the name of the first one.
        signer.gpg(&["--passphrase", "", "--quick-add-key", &signer.fingerprint(), "ed25519", "sign", "never"], b"");
        signer
    }

    /// That of the primary key.
    fn fingerprint(&self) -> String {
        let keys = String::from_utf8(self.gpg(&["--with-colons", "--list-keys"], b"")).unwrap();
        keys.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned()
    }

    /// From now on gpg says in this world that the primary key is one that helm is known to sign with; all else that it says is its own.
    fn becomes_known(&self, world: &World) {
        let script = format!(
            "PATH=${{PATH#*:}}\nsaid=$(gpg \"$@\")\nstatus=$?\necho \"$said\" | sed s/{}/{KNOWN}/\nexit $status",
            self.fingerprint()
        );
        world.home.program("gpg", &script);
    }

    fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--homedir"]).arg(self.home.path()).args(arguments);
        let gpg = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut gpg = gpg.unwrap_or_else(|error| panic!("this test needs gpg: {error}"));
        std::io::Write::write_all(&mut gpg.stdin.take().unwrap(), input).unwrap();
        let output = gpg.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        output.stdout
    }

    fn key(&self) -> Vec<u8> {
        self.gpg(&["--armor", "--export"], b"")
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.gpg(&["--armor", "--detach-sign"], bytes)
    }
}

impl Drop for Signer {
    /// gpg leaves its agent behind.
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

/// Where helm has the list of sums and its signature, and the list.
fn helm_list(world: &World) -> (String, String, String) {
    let pins = world.pins();
    let file = &pins["tools"]["helm"]["platforms"]["linux/amd64"];
    let (url, sum) = (file["url"].as_str().unwrap(), file["sha256"].as_str().unwrap());
    let name = url.rsplit('/').next().unwrap();
    let signature = format!("/github.com/helm/helm/releases/download/v4.3.0/{name}.sha256sum.asc");
    (format!("{}.sha256sum", path(url)), signature, format!("{sum}  {name}\n"))
}

#[test]
fn gpg_says_by_which_key_the_sums_of_helm_are_signed() {
    let (world, signer) = (World::of_upstream(), Signer::new());
    let (_, place, list) = helm_list(&world);
    world.server.file(&place, signer.sign(list.as_bytes())).file(KEYS, signer.key());
    signer.becomes_known(&world);
    let ran = world.check(&["--output", "json"]);
    let (state, detail) = signature(&ran, HELM);
    assert_eq!((ran.code, state.as_str()), (0, "verified"), "{detail}");
    assert_eq!(detail, format!("gpg: Helm of the tests, key {KNOWN}"));
    assert_eq!(world.home.files(), ["pins.json", "programs/gpg"]);
}

#[test]
fn a_key_that_is_not_known_counts_for_nothing_also_where_upstream_has_its_keys() {
    let (world, stranger) = (World::of_upstream(), Signer::new());
    let (_, place, list) = helm_list(&world);
    world.server.file(&place, stranger.sign(list.as_bytes())).file(KEYS, stranger.key());
    let before = world.pins_text();
    let ran = world.check(&["--output", "json", "--write", "pins.json"]);
    let refused = format!("gpg: key {} is none of the known signers'", stranger.fingerprint());
    assert_eq!((ran.code, signature(&ran, HELM)), (1, ("refused".to_owned(), refused)));
    assert_eq!(world.pins_text(), before);
}

#[test]
fn a_signature_of_another_list_or_of_a_stranger_is_an_error() {
    let (world, signer, stranger) = (World::of_upstream(), Signer::new(), Signer::new());
    let (_, place, list) = helm_list(&world);
    world.server.file(KEYS, signer.key());
    let before = world.pins_text();
    for (signed, words) in [
        (signer.sign(b"another list\n"), "the signature is of something else"),
        (stranger.sign(list.as_bytes()), "the signer is not among the keys"),
        (b"-----BEGIN PGP SIGNATURE-----\n\nno\n-----END PGP SIGNATURE-----\n".to_vec(), "gpg: "),
    ] {
        world.server.file(&place, signed);
        let ran = world.check(&["--output", "json", "--write", "pins.json"]);
        let (state, detail) = signature(&ran, HELM);
        assert_eq!((ran.code, state.as_str()), (1, "refused"), "{detail}");
        assert!(detail.contains(words), "{detail}");
        assert_eq!(world.pins_text(), before);
    }
}

#[test]
fn a_signature_that_a_mirror_does_not_have_was_not_checked() {
    let world = World::of_upstream();
    let ran = world.check(&["--output", "json"]);
    let (state, detail) = signature(&ran, HELM);
    assert_eq!((ran.code, state.as_str()), (0, "not-checked"));
    assert!(detail.contains("404"), "{detail}");
}

#[test]
fn a_signature_or_a_key_that_upstream_itself_no_longer_has_is_an_error() {
    let (world, signer) = (World::of_upstream(), Signer::new());
    let proxy = Proxy::before(&world);
    cosign(&world, "exit 0");
    let (_, place, list) = helm_list(&world);
    let kubectl = world.pins()["tools"]["kubectl"]["platforms"]["linux/amd64"]["url"].as_str().unwrap().to_owned();
    let refused = |pointer: &str, words: &str| {
        let before = world.pins_text();
        let ran = proxy.check(&world, &["--output", "json", "--download", "--write", "pins.json"]);
        let (state, detail) = signature(&ran, pointer);
        assert_eq!((ran.code, state.as_str()), (1, "refused"), "{pointer}: {detail}");
        assert!(detail.contains(words), "{detail}");
        assert_eq!(world.pins_text(), before);
        ran
    };
    world.server.file(KEYS, signer.key());
    let ran = refused(HELM, ".sha256sum.asc answered 404");
    assert_eq!(the_one(&ran, HELM)["verdict"], "same");
    assert_eq!(signature(&ran, OPERATOR).0, "verified", "{}", ran.stdout);
    for (pointer, words) in [
        (KUBECTL, "kubectl.sig answered 404"),
        (MANIFEST, ".sigstore.json answered 404"),
        (CONTROLLER, ".pem answered 404"),
    ] {
        let (state, detail) = signature(&ran, pointer);
        assert!(state == "refused" && detail.contains(words), "{pointer}: {state}: {detail}");
    }
    world.server.file(&place, signer.sign(list.as_bytes())).file(&format!("{}.sig", path(&kubectl)), "c2ln");
    world.server.file(CERT_MANAGER_KEY, "-----BEGIN PUBLIC KEY-----\n");
    world.server.remove(KEYS);
    let ran = refused(HELM, "KEYS answered 404");
    assert!(signature(&ran, KUBECTL).1.contains("kubectl.cert answered 404"), "{}", ran.stdout);
    assert_eq!(signature(&ran, CONTROLLER).0, "refused");
    assert!(signature(&ran, CONTROLLER).1.contains("is not the known key"), "{}", ran.stdout);
}

/// As gpg 1.4 does with an option of 2.1.
#[test]
fn a_gpg_that_does_not_know_our_options_has_not_refused_a_signature() {
    let (world, signer) = (World::of_upstream(), Signer::new());
    let (_, place, list) = helm_list(&world);
    world.server.file(&place, signer.sign(list.as_bytes())).file(KEYS, signer.key());
    let words = "gpg: Invalid option \"--no-autostart\"";
    world.home.program("gpg", &format!("echo '{words}' >&2; exit 2"));
    let ran = world.check(&["--output", "json"]);
    let told = format!("the gpg here is not one of 2.1 or newer: {words}");
    assert_eq!((ran.code, signature(&ran, HELM)), (0, ("not-checked".to_owned(), told)), "{}", ran.stderr);
}

#[test]
fn without_gpg_and_cosign_nothing_is_called_verified() {
    let (world, signer) = (World::of_upstream(), Signer::new());
    let (_, place, list) = helm_list(&world);
    world.server.file(&place, signer.sign(list.as_bytes())).file(KEYS, signer.key());
    let output = world.check_command(&["--output", "json"]).env("PATH", world.home.programs()).output().unwrap();
    let ran = world.home.ran(&output);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let not_checked = |why: &str| ("not-checked".to_owned(), why.to_owned());
    assert_eq!(signature(&ran, HELM), not_checked("no gpg here"));
    assert_eq!(signature(&ran, CONTROLLER), not_checked("no cosign here"));
    assert_eq!(signature(&ran, MANIFEST), not_checked("no cosign here"));
    assert_eq!(signature(&ran, KUBECTL).0, "not-checked");
    assert!(!ran.stdout.contains("\"verified\""));
}

#[test]
fn a_setting_of_the_persons_shell_does_not_reach_gpg_and_cosign() {
    let (world, signer) = (World::of_upstream(), Signer::new());
    let (_, place, list) = helm_list(&world);
    world.server.file(&place, signer.sign(list.as_bytes())).file(KEYS, signer.key());
    for name in ["gpg", "cosign"] {
        let record = world.home.path().join(format!("environment-of-{name}"));
        world.home.program(name, &format!("env >> {}", record.display()));
    }
    let hostile = [
        ("GNUPGHOME", "/nonexistent/keys"),
        ("COSIGN_REPOSITORY", "registry.example/theirs"),
        ("COSIGN_EXPERIMENTAL", "1"),
        ("SIGSTORE_ROOT_FILE", "/nonexistent/root.pem"),
        ("SIGSTORE_REKOR_PUBLIC_KEY", "/nonexistent/rekor.pub"),
    ];
    let mut command = world.check_command(&["--output", "json"]);
    world.home.ran(&command.envs(hostile).env("TUF_ROOT", "/nonexistent/kept").output().unwrap());
    for name in ["gpg", "cosign"] {
        let seen = std::fs::read_to_string(world.home.path().join(format!("environment-of-{name}"))).unwrap();
        for (variable, _) in hostile.into_iter().filter(|(variable, _)| variable.starts_with('G') == (name == "gpg")) {
            assert!(!seen.contains(variable), "{name} sees {variable}: {seen}");
        }
        assert!(seen.contains("TUF_ROOT=/nonexistent/kept"), "{name}: {seen}");
    }
}

/// A cosign of the test's own that keeps what it was asked, and ends as `end` says.
fn cosign(world: &World, end: &str) {
    let record = world.home.path().join("was-asked");
    world.home.program("cosign", &format!("echo \"$*\" >> {}\n{end}", record.display()));
}

fn asked(home: &Path) -> Vec<String> {
    std::fs::read_to_string(home.join("was-asked")).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn cosign_is_asked_for_the_digest_and_the_identity_that_upstream_names() {
    let world = World::of_upstream();
    cosign(&world, "exit 0");
    let bundle = "/github.com/cloudnative-pg/cloudnative-pg/releases/download/v1.30.1/cnpg-1.30.1.sigstore.json";
    world.server.file(bundle, "{}");
    let ran = world.check(&["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((signature(&ran, OPERATOR).0, signature(&ran, MANIFEST).0), ("verified".into(), "verified".into()));
    let asked = asked(world.home.path());
    let digest = world.pins().pointer(OPERATOR).unwrap().as_str().unwrap().to_owned();
    let host = world.server.address.strip_prefix("http://").unwrap();
    let whom = "--certificate-identity-regexp ^https://github.com/cloudnative-pg/cloudnative-pg/.github/workflows/release-publish.yml@refs/tags/v --certificate-oidc-issuer https://token.actions.githubusercontent.com";
    assert!(asked.contains(&format!("verify {whom} {host}/cloudnative-pg/cloudnative-pg@{digest}")), "{asked:#?}");
    let blob = |line: &&String| line.starts_with("verify-blob ") && line.contains(whom) && line.contains(" --bundle ");
    assert!(asked.iter().any(|line| blob(&line)), "{asked:#?}");
    assert!(signature(&ran, CONTROLLER).1.contains("404") && !asked.iter().any(|line| line.contains("--key")));
    // Another key than the known one is never handed to cosign.
    world.server.file(CERT_MANAGER_KEY, "-----BEGIN PUBLIC KEY-----\n");
    let ran = world.check(&["--output", "json"]);
    let (state, detail) = signature(&ran, CONTROLLER);
    assert!(state == "not-checked" && detail.contains("is not the known key"), "{detail}");
    assert!(!self::asked(world.home.path()).iter().any(|line| line.contains("--key")));
}

#[test]
fn kubectl_is_verified_where_the_file_itself_is_fetched() {
    let world = World::of_upstream();
    cosign(&world, "exit 0");
    assert!(signature(&world.check(&["--output", "json"]), KUBECTL).1.contains("--download"));
    let url = world.pins()["tools"]["kubectl"]["platforms"]["linux/amd64"]["url"].as_str().unwrap().to_owned();
    world.server.file(&format!("{}.sig", path(&url)), "c2ln").file(&format!("{}.cert", path(&url)), "Y2VydA==");
    let ran = world.check(&["--output", "json", "--download"]);
    assert_eq!((ran.code, signature(&ran, KUBECTL).0.as_str()), (0, "verified"));
    let whom = "--certificate-identity krel-staging@k8s-releng-prod.iam.gserviceaccount.com --certificate-oidc-issuer https://accounts.google.com --signature";
    assert!(asked(world.home.path()).iter().any(|line| line.contains(whom)), "{:#?}", asked(world.home.path()));
}

#[test]
fn a_signature_that_does_not_match_is_an_error_and_one_that_cannot_be_looked_at_is_not() {
    let world = World::of_upstream();
    for (end, code, state) in [
        ("case $1 in version) exit 0 ;; esac; echo 'no matching signatures' >&2; exit 12", 1, "refused"),
        // The mirror has none.
        ("case $1 in version) exit 0 ;; esac; echo 'no signatures found' >&2; exit 10", 0, "not-checked"),
        ("case $1 in version) exit 0 ;; esac; echo 'cannot reach the authorities' >&2; exit 1", 0, "not-checked"),
    ] {
        cosign(&world, end);
        let ran = world.check(&["--output", "json"]);
        assert_eq!((ran.code, signature(&ran, OPERATOR).0.as_str()), (code, state), "{end}");
    }
}

#[test]
fn the_signature_of_a_tag_that_moved_is_that_of_the_digest_that_would_be_written() {
    let world = World::of_upstream();
    let before = world.pins_text();
    let (_, image) = images(&world.pins()).into_iter().find(|(pointer, _)| pointer == OPERATOR).unwrap();
    let moved = format!("sha256:{}", sum(b"{}"));
    for reference in [tag(&image), &moved] {
        world.server.file(&manifest_path(&image, reference), "{}");
    }
    cosign(&world, &format!("case $* in *@{moved}) echo 'no matching signatures' >&2; exit 12 ;; esac"));
    let ran = world.check(&["--output", "json", "--write", "pins.json"]);
    let (state, detail) = signature(&ran, OPERATOR);
    assert_eq!((ran.code, state.as_str()), (1, "refused"), "{detail}");
    assert_eq!(the_one(&ran, OPERATOR)["upstream"], moved);
    assert_eq!(world.pins_text(), before);
    // With a good one it is written, for a person to see.
    cosign(&world, "exit 0");
    let ran = world.check(&["--output", "json", "--write", "pins.json"]);
    assert_eq!((ran.code, signature(&ran, OPERATOR).0.as_str()), (1, "verified"));
    assert_eq!(world.pins().pointer(OPERATOR).unwrap(), &moved);
    assert!(asked(world.home.path()).iter().any(|line| line.ends_with(&format!("@{moved}"))));
}
