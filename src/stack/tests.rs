use bootstrap_fetch::platform::Platform;

use super::*;

/// The default stack with one text replaced by another one.
fn changed(from: &str, to: &str) -> Result<Stack, String> {
    assert!(Stack::PGEDGE.contains(from), "{from} is not in the stack");
    Stack::parse("a.yaml", &Stack::PGEDGE.replacen(from, to, 1)).map_err(|error| error.to_string())
}

#[test]
fn every_built_in_url_holds_its_version() {
    let stack = Stack::pgedge().unwrap();
    let pins = &stack.pins;
    for (name, pin) in &pins.tools {
        for platform in Platform::ALL {
            let file = pins.tool_file(*name, platform).unwrap();
            assert!(file.url.contains(&pin.version), "{} does not hold {}", file.url, pin.version);
            assert!(file.url.starts_with("https://"), "{} is not https", file.url);
            let archived = file.url.ends_with(".tar.gz");
            assert_eq!(
                archived,
                file.member.is_some(),
                "{}: an archive and only an archive names its member",
                file.url
            );
        }
    }
    for manifest in pins.manifests.values() {
        assert!(manifest.url.contains(&manifest.version), "{} does not hold {}", manifest.url, manifest.version);
    }
    for file in &pins.chart().unwrap().files {
        assert!(file.url.ends_with(&file.path), "{} does not end with {}", file.url, file.path);
        let is_commit = |part: &str| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(file.url.split('/').any(is_commit), "{} does not name a commit", file.url);
    }
}

#[test]
fn every_built_in_node_image_names_its_kubernetes_and_one_runs_on_cgroup_v1() {
    let images = &Stack::pgedge().unwrap().pins.node_images;
    for image in images {
        assert_eq!(image.image.tag(), format!("v{}", image.kubernetes));
    }
    assert!(images.iter().any(|image| image.cgroup_v1));
}

#[test]
fn every_checksum_of_the_default_stack_is_pinned() {
    assert_eq!(Stack::pgedge().unwrap().pins.unknown(), Vec::<String>::new());
}

#[test]
fn a_mistake_is_told_with_its_file_and_line() {
    let line = |text: &str| Stack::PGEDGE.lines().position(|line| line.contains(text)).unwrap() + 1;
    for (from, to, why) in [
        ("\nschema: 2", "\nschema: 3", "schema 3 is not the supported one, 2"),
        ("\ntitle: pgEdge", "\ntitel: pgEdge", "there is no field `titel`"),
        ("        sha256: 86584a", "        sha256: Z6584a", "is not a sha256 sum"),
        ("\n  helm:\n    version: ", "\n  Helm:\n    version: ", "is not the name of a tool"),
        ("\n  helm:\n    version: ", "\n  heml:\n    version: ", "the tool helm is missing"),
        ("\n  kubectl-cnpg:\n    version: ", "\n  cluster:\n    version: ", "there is another step \"cluster\""),
        (
            "      cnpg-controller-manager: cloudnative-pg",
            "      cnpg-controller-manager: cnpg",
            "there is no image cnpg",
        ),
        ("    - path: Chart.yaml", "    - path: ../Chart.yaml", "is not a plain relative path"),
        ("pattern: ^https", "nme: ^https", "there is no field `nme`"),
    ] {
        let told = changed(from, to).unwrap_err();
        assert!(told.starts_with("a.yaml:") && told.contains(why), "{to}: {told}");
    }
    let told =
        changed("      cnpg-controller-manager: cloudnative-pg", "      cnpg-controller-manager: cnpg").unwrap_err();
    assert!(told.starts_with(&format!("a.yaml:{}: ", line("      cnpg-controller-manager: "))), "{told}");
    let told = changed("    - path: Chart.yaml", "    - path: ../Chart.yaml").unwrap_err();
    assert!(told.starts_with(&format!("a.yaml:{}: ", line("    - path: Chart.yaml"))), "{told}");
}

#[test]
fn what_must_fit_together_does() {
    for (from, to, why) in [
        ("\n  cloudnative-pg:\n    version", "\n  cnpg:\n    version", "there is no operator cnpg"),
        ("\n  cloudnative-pg:\n    title", "\n  cnpg:\n    title", "there is no operator cloudnative-pg"),
        ("    kubectl-cnpg:\n      #", "    cnpg:\n      #", "cnpg is not in `tools`"),
        ("\n  kubectl-cnpg:\n    version_arguments", "\n  cnpg:\n    version_arguments", "there is no tool cnpg"),
    ] {
        let told = changed(from, to).unwrap_err();
        assert!(told.contains(why), "{to}: {told}");
    }
    let renamed =
        Stack::PGEDGE.replace("\n  init-spock:\n", "\n  init:\n").replace("\n    init-spock:\n", "\n    init:\n");
    let told = Stack::parse("a.yaml", &renamed).unwrap_err().to_string();
    assert!(told.contains("pgEdge needs the image init-spock"), "{told}");
    let told = changed("\n    init-spock:\n", "\n    init:\n").unwrap_err();
    assert!(told.contains("init is not in `images`"), "{told}");
}

#[test]
fn an_identity_that_everybody_has_is_refused() {
    for (identity, why) in [
        ("{issuer: x}", "either a `name` or a `pattern`"),
        ("{name: a, pattern: b, issuer: x}", "either a `name` or a `pattern`"),
        ("{pattern: \"\", issuer: x}", "cannot be empty"),
    ] {
        let error = serde_saphyr::from_str::<Identity>(identity).unwrap_err().without_snippet().to_string();
        assert!(error.contains(why), "{identity}: {error}");
    }
}

#[test]
fn other_pins_are_of_the_same_things_and_keep_the_order_of_the_stack() {
    let stack = Stack::pgedge().unwrap();
    let mut pins = stack.pins.clone();
    pins.images.sort_by(|one, _, other, _| other.cmp(one));
    let mixed = stack.clone().with_pins(pins.clone()).unwrap();
    assert!(mixed.pins.images.keys().eq(stack.pins.images.keys()));
    let (name, image) = pins.images.pop().unwrap();
    let told = stack.clone().with_pins(pins.clone()).unwrap_err().to_string();
    assert_eq!(told, format!("there is no pin for the image {name}"));
    pins.images.insert(name, image.clone());
    pins.images.insert(serde_json::from_str("\"another\"").unwrap(), image);
    let told = stack.clone().with_pins(pins).unwrap_err().to_string();
    assert_eq!(told, "`another` cannot stand here: the stack has no such image");
}

#[test]
fn a_checksum_that_is_not_known_yet_fails_where_it_is_used() {
    use bootstrap_run::failure::{self, FailureId};
    let known = "sha256: aee6151561422756b764a4ae28e7f44cda5af5a9eead3cc9985112b1de8d8e0d";
    let stack = changed(known, "sha256: null").unwrap();
    let url = "https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-amd64";
    assert_eq!(stack.pins.unknown(), [url]);
    let error = stack.pins.tool_file(ToolName::KIND, Platform::LinuxAmd64).unwrap_err();
    let found = failure::of(&error).unwrap();
    assert_eq!(
        (found.id(), found.summary()),
        (FailureId::PinUnknown, format!("the sha256 of {url} is not pinned yet").as_str())
    );
    assert!(stack.pins.tool_file(ToolName::KIND, Platform::LinuxArm64).is_ok());
    // What was forgotten is not what is not known.
    assert!(changed(known, "# none").unwrap_err().contains("the field `sha256` is missing"));
}

#[test]
fn the_version_is_found_in_what_a_program_answers() {
    let version = |tool: &str, answer: &str| {
        let tool = serde_json::from_value::<ToolName>(tool.into()).unwrap();
        Stack::pgedge().unwrap().programs.get(&tool).unwrap().version_in(answer)
    };
    assert_eq!(version("helm", "v4.3.0\n"), "v4.3.0");
    assert_eq!(version("kubectl", r#"{"clientVersion": {"gitVersion": "v1.35.8"}}"#), "v1.35.8");
    assert_eq!(version("kubectl", "not JSON"), "");
    assert_eq!(version("kubectl-cnpg", "Build: {Version:1.30.0 Commit:1 Date:2026-01-01}"), "1.30.0");
    assert_eq!(version("kubectl-cnpg", "hello"), "");
}

#[test]
fn a_probe_is_what_the_stack_says() {
    let stack = Stack::pgedge().unwrap();
    let question = stack.operator(OperatorName::CERT_MANAGER).unwrap().probe.as_ref().unwrap();
    assert_eq!(question.full_resource(), "certificates.cert-manager.io");
    let probe = question.probe();
    assert_eq!(
        (probe.resource.plural.as_str(), probe.resource.api_version.as_str()),
        ("certificates", "cert-manager.io/v1")
    );
    assert_eq!(probe.valid["spec"]["dnsNames"][0], "probe");
    assert!(probe.invalid["spec"].get("dnsNames").is_none());
}
