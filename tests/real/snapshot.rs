//! What must not change when nothing is to be done: which objects there are, their generations, and since when their
//! pods run.

use std::collections::BTreeMap;

use crate::lab::Lab;

/// Kinds whose generation counts the changes of their specification, and those whose content is compared.
const KINDS: &str = "namespaces,customresourcedefinitions,mutatingwebhookconfigurations,validatingwebhookconfigurations,\
deployments.apps,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,pods,persistentvolumeclaims,\
certificates.cert-manager.io,issuers.cert-manager.io,clusters.postgresql.cnpg.io";

/// `kind/namespace/name` to uid, generation, start time and restarts; and the revision of the release.
pub(crate) fn of(lab: &Lab) -> BTreeMap<String, String> {
    let row = "{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.uid} {.metadata.generation} {.status.startTime} \
{.status.containerStatuses[*].restartCount}";
    let path = format!("jsonpath={{range .items[*]}}{row}{{\"\\n\"}}{{end}}");
    let listed = lab.tool(&["kubectl", "get", KINDS, "--all-namespaces", "--output", &path]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let mut objects: BTreeMap<String, String> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect();
    assert!(objects.len() > 50, "only {} objects were found", objects.len());
    let release = lab.tool(&["helm", "list", "--namespace", "default", "--output", "json"]);
    assert_eq!(release.code, 0, "{}", release.stderr);
    let rows: serde_json::Value = serde_json::from_str(&release.stdout).unwrap();
    objects.insert("release".to_owned(), format!("{} {}", rows[0]["revision"], rows[0]["updated"]));
    objects
}
