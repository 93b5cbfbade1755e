use serde_json::{Value, json};

use super::*;
use crate::stack::Stack;

fn deployment(namespace: &str, name: &str, image: &str, labels: &Value, manager: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {
            "namespace": namespace, "name": name, "labels": labels, "managedFields": [{"manager": manager}],
        },
        "spec": {
            "selector": {},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "manager", "image": image}]},
            },
        },
    }))
    .unwrap()
}

fn operator(name: OperatorName) -> &'static Operator {
    Stack::pgedge().unwrap().operator(name).unwrap()
}

fn sifted(name: OperatorName, deployments: &[Deployment], is_adopted: bool) -> Vec<Found> {
    sift(operator(name), deployments, &[], &[], is_adopted)
}

fn judged(name: OperatorName, deployments: &[Deployment], is_adopted: bool, pinned: &str) -> Result<Stand, Failure> {
    judge(operator(name), sifted(name, deployments, is_adopted), is_adopted, pinned)
}

const CNPG: &str = "ghcr.io/cloudnative-pg/cloudnative-pg";

#[test]
fn an_operator_of_a_supported_version_is_used_whoever_installed_it() {
    let helm = deployment("databases", "cnpg-cloudnative-pg", &format!("{CNPG}:1.29.2"), &json!({}), "helm");
    let mirrored = format!("harbor.example:5000/ghcr/cloudnative-pg@sha256:{}", "0".repeat(64));
    let label = json!({"app.kubernetes.io/name": "cloudnative-pg", "app.kubernetes.io/version": "1.30.0"});
    let by_digest = deployment("databases", "x", &mirrored, &label, "Go-http-client");
    let olm = deployment("operators", "x", &mirrored, &json!({"olm.owner": "cloudnative-pg.v1.31.0"}), "olm");
    for (found, version) in [(helm, "1.29.2"), (by_digest, "1.30.0"), (olm, "1.31.0")] {
        match judged(OperatorName::CLOUDNATIVE_PG, &[found], true, "1.30.1").unwrap() {
            Stand::Used(found) => assert_eq!(found.version.as_deref(), Some(version)),
            Stand::Ours => unreachable!("{version} is taken for ours"),
        }
    }
}

#[test]
fn an_operator_of_another_version_is_refused_with_the_facts() {
    let label = json!({"app.kubernetes.io/name": "cert-manager"});
    for (image, version) in [
        ("quay.io/jetstack/cert-manager-controller:v1.12.0", "1.12.0"),
        ("quay.io/jetstack/cert-manager-controller:v2.21.0", "2.21.0"),
        ("example.com/own:latest", "unknown"),
    ] {
        let found = deployment("tls", "cm", image, &label, "helm");
        let refused = judged(OperatorName::CERT_MANAGER, &[found], true, "1.21.2").unwrap_err();
        assert_eq!(refused.id(), FailureId::OperatorForeign);
        let facts = format!("deployment tls/cm, image {image}, version {version}");
        assert_eq!(refused.seen(), [facts, "supported: 1.20 to 1.22".to_owned()]);
    }
}

#[test]
fn a_second_operator_is_refused() {
    let ours =
        deployment("cnpg-system", "cnpg-controller-manager", &format!("{CNPG}:1.30.1"), &json!({}), "pgedge-bootstrap");
    let other = deployment("other", "cnpg", &format!("{CNPG}:1.30.1"), &json!({}), "helm");
    let third = deployment("third", "cnpg", &format!("{CNPG}:1.30.1"), &json!({}), "helm");
    for (deployments, is_adopted) in [
        (&[ours.clone(), other.clone()][..], true),
        (&[ours.clone(), other.clone()], false),
        (std::slice::from_ref(&other), false),
        (&[other.clone(), third], true),
    ] {
        let refused = judged(OperatorName::CLOUDNATIVE_PG, deployments, is_adopted, "1.30.1").unwrap_err();
        assert!(refused.seen().iter().any(|seen| seen.contains("deployment other/cnpg")), "{:?}", refused.seen());
    }
    for is_adopted in [true, false] {
        let alone = judged(OperatorName::CLOUDNATIVE_PG, std::slice::from_ref(&ours), is_adopted, "1.30.1");
        assert_eq!(alone.unwrap(), Stand::Ours);
        assert_eq!(judged(OperatorName::CLOUDNATIVE_PG, &[], is_adopted, "1.30.1").unwrap(), Stand::Ours);
    }
}

#[test]
fn an_operator_is_found_by_what_the_api_server_asks() {
    let hidden = deployment("hidden", "manager", "example.com/a/b@sha256:0", &json!({}), "helm");
    let other = deployment("hidden", "something-else", "example.com/a/c:1", &json!({}), "helm");
    let service = |selector: Value| -> Service {
        serde_json::from_value(json!({
            "metadata": {"namespace": "hidden", "name": "webhook"}, "spec": {"selector": selector},
        }))
        .unwrap()
    };
    let rules = |group: &str| -> Vec<RuleWithOperations> {
        serde_json::from_value(json!([{"apiGroups": [group], "resources": ["clusters"]}])).unwrap()
    };
    let config: WebhookClientConfig =
        serde_json::from_value(json!({"service": {"namespace": "hidden", "name": "webhook"}})).unwrap();
    let facts = operator(OperatorName::CLOUDNATIVE_PG);
    assert_eq!(asked(facts, (rules("apps"), config.clone())), None);
    let asked = [asked(facts, (rules("postgresql.cnpg.io"), config)).unwrap()];
    let found = sift(facts, &[other.clone(), hidden], &[service(json!({"app": "manager"}))], &asked, true);
    assert_eq!(found.iter().map(|found| found.deployment.as_str()).collect::<Vec<_>>(), ["manager"]);
    assert_eq!(sift(facts, &[other], &[service(json!({}))], &asked, true), []);
}

#[test]
fn what_only_sounds_like_an_operator_is_none() {
    for image in ["ghcr.io/cloudnative-pg/postgresql:18", "ghcr.io/cloudnative-pg/plugin-barman-cloud:v0.5.1"] {
        let found = deployment("a", "b", image, &json!({}), "helm");
        assert_eq!(sifted(OperatorName::CLOUDNATIVE_PG, &[found], true), [], "{image}");
    }
}
