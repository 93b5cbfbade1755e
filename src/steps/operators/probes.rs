//! What each operator's webhook is asked.

use bootstrap_cluster::kubernetes::Probe;
use kube::discovery::ApiResource;
use serde_json::json;

use crate::step_id::Operator;

/// An object that the operator's webhook must let pass, and one that it must deny.
pub(super) fn probe(operator: Operator) -> Probe {
    match operator {
        Operator::CertManager => {
            let certificate = |spec: serde_json::Value| {
                json!({
                    "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                    "metadata": {"name": "pgedge-bootstrap-probe"}, "spec": spec,
                })
            };
            Probe {
                resource: resource("cert-manager.io", "v1", "Certificate", "certificates"),
                namespace: "default",
                valid: certificate(
                    json!({"secretName": "probe", "dnsNames": ["probe"], "issuerRef": {"name": "probe"}}),
                ),
                // A certificate must be for something: only the webhook knows.
                invalid: certificate(json!({"secretName": "probe", "issuerRef": {"name": "probe"}})),
            }
        }
        Operator::CloudnativePg => {
            let cluster = |size: &str| {
                json!({
                    "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
                    "metadata": {"name": "pgedge-bootstrap-probe"},
                    "spec": {"instances": 1, "storage": {"size": size}},
                })
            };
            Probe {
                resource: resource("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
                namespace: "default",
                valid: cluster("1Gi"),
                invalid: cluster("lots"),
            }
        }
    }
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let kind = kube::core::GroupVersionKind::gvk(group, version, kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}
