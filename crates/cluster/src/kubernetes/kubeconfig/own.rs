//! The kubeconfig of a cluster that kind made: a copy of what kind tells. The copy may be replaced by another one's, restored from
//! a backup, or of a cluster that was there before.

use std::path::Path;

use bootstrap_run::failure::Failure;
use kube::config::Kubeconfig;
use serde_json::Value;

use super::{invalid_of_ours, words};

/// How a copy of this text differs from what kind tells, in words: where its requests go, and as whom. `None` if they go to the
/// cluster. Other contexts and the namespace are a person's to choose.
///
/// # Errors
/// [`bootstrap_run::failure::FailureId::KubeconfigInvalid`] of a copy at this place that cannot be used at all.
pub fn strays(copy: &[u8], told: &[u8], place: &Path) -> Result<Option<String>, Failure> {
    let [copy, told] = [copy, told].map(|text| Entry::read(text).map_err(|seen| invalid_of_ours(place, seen)));
    let (copy, told) = (copy?, told?);
    let [found, wanted] = [&copy, &told].map(|entry| &entry.cluster["server"]);
    if found != wanted {
        return Ok(Some(format!("it leads to {found}, and the cluster is at {wanted}")));
    }
    if copy.cluster != told.cluster {
        let differ = fields(&copy.cluster).chain(fields(&told.cluster));
        let mut differ: Vec<&str> = differ.filter(|name| copy.cluster[*name] != told.cluster[*name]).collect();
        differ.sort_unstable();
        differ.dedup();
        return Ok(Some(format!("it takes another server at {wanted} for the cluster: {} differ", differ.join(", "))));
    }
    Ok((copy.user != told.user).then(|| "its user is not the cluster's administrator".to_owned()))
}

/// What a client uses of the current context.
struct Entry {
    cluster: Value,
    user: Value,
}

impl Entry {
    fn read(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let file = Kubeconfig::from_yaml(text).map_err(|error| words(&error))?;
        let name = file.current_context.unwrap_or_default();
        let context = one(file.contexts, &name, "context", |named| &named.name)?.context;
        let context = context.ok_or_else(|| format!("the context {name:?} is empty"))?;
        let cluster = one(file.clusters, &context.cluster, "cluster", |named| &named.name)?.cluster;
        let user = one(file.auth_infos, &context.user.unwrap_or_default(), "user", |named| &named.name)?.auth_info;
        let entry = |entry: serde_json::Result<Value>| entry.map_err(|error| error.to_string());
        let (mut cluster, user) = (entry(serde_json::to_value(cluster))?, entry(serde_json::to_value(user))?);
        if let Some(cluster) = cluster.as_object_mut() {
            // Notes of other programs.
            cluster.remove("extensions");
        }
        Ok(Self { cluster, user })
    }
}

/// The one of this name: of two, this program would take the first, and helm the last.
fn one<T>(all: Vec<T>, name: &str, what: &str, name_of: impl Fn(&T) -> &String) -> Result<T, String> {
    let mut named = all.into_iter().filter(|entry| name_of(entry) == name);
    match (named.next(), named.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(format!("there is no {what} {name:?}")),
        (Some(_), Some(_)) => Err(format!("the {what} {name:?} is in it twice")),
    }
}

fn fields(entry: &Value) -> impl Iterator<Item = &str> {
    entry.as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use bootstrap_run::failure::FailureId;

    /// As kind tells it.
    fn told() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "kind-a",
            "clusters": [{"name": "kind-a", "cluster": {
                "certificate-authority-data": "b3Vycw==", "server": "https://127.0.0.1:40001",
            }}],
            "contexts": [{"name": "kind-a", "context": {"cluster": "kind-a", "user": "kind-a"}}],
            "users": [{"name": "kind-a", "user": {"client-certificate-data": "Yw==", "client-key-data": "aw=="}}],
        })
    }

    fn of(copy: &str) -> Result<Option<String>, Failure> {
        strays(copy.as_bytes(), told().to_string().as_bytes(), Path::new("/state/kubeconfig"))
    }

    #[test]
    fn what_leads_to_another_server_or_to_the_same_one_in_another_way_strays() {
        for (place, value, words) in [
            ("/clusters/0/cluster/server", json!("https://127.0.0.1:40002"), "127.0.0.1:40002"),
            ("/clusters/0/cluster/server", json!("http://127.0.0.1:40001"), "http://127.0.0.1:40001"),
            ("/clusters/0/cluster/server", json!("https://10.0.0.1:40001"), "10.0.0.1:40001"),
            ("/clusters/0/cluster/certificate-authority-data", json!("dGhlaXJz"), "certificate-authority-data differ"),
            ("/clusters/0/cluster/proxy-url", json!("http://10.0.0.1:3128"), "proxy-url differ"),
            ("/clusters/0/cluster/insecure-skip-tls-verify", json!(true), "insecure-skip-tls-verify differ"),
            ("/clusters/0/cluster/tls-server-name", json!("theirs"), "tls-server-name differ"),
            ("/users/0/user/client-key-data", json!("dGhlaXJz"), "user"),
            ("/users/0/user/token", json!("theirs"), "user"),
            ("/users/0/user/exec", json!({"command": "/bin/theirs", "apiVersion": "v1"}), "user"),
        ] {
            let mut copy = told();
            let (parent, field) = place.rsplit_once('/').unwrap();
            copy.pointer_mut(parent).unwrap()[field] = value;
            let why = of(&copy.to_string()).unwrap().unwrap();
            assert!(why.contains(words) && !why.contains("dGhlaXJz"), "{place}: {why}");
        }
    }

    #[test]
    fn what_a_person_chooses_within_the_cluster_does_not() {
        assert_eq!(of(&told().to_string()).unwrap(), None);
        let mut copy = told();
        copy["contexts"][0]["context"]["namespace"] = json!("lab");
        copy["clusters"][0]["cluster"]["extensions"] = json!([{"name": "note", "extension": {}}]);
        let clusters = copy["clusters"].as_array_mut().unwrap();
        clusters.push(json!({"name": "other", "cluster": {"server": "https://10.0.0.1"}}));
        assert_eq!(of(&copy.to_string()).unwrap(), None);
        let renamed = told().to_string().replace("kind-a", "mine");
        assert_eq!(of(&renamed).unwrap(), None);
        assert_eq!(of(&serde_saphyr::to_string(&told()).unwrap()).unwrap(), None, "as YAML");
    }

    #[test]
    fn what_two_clients_would_read_in_two_ways_cannot_be_used() {
        let mut twice = told();
        let theirs = json!({"name": "kind-a", "cluster": {"server": "https://10.0.0.1"}});
        twice["clusters"].as_array_mut().unwrap().push(theirs);
        let mut elsewhere = told();
        elsewhere["current-context"] = json!("theirs");
        for text in ["", "apiVersion: v1\nclus", "[]", "\u{0}", &twice.to_string(), &elsewhere.to_string()] {
            let failure = of(text).unwrap_err();
            assert_eq!(failure.id(), FailureId::KubeconfigInvalid, "{text}");
            assert!(failure.summary().contains("/state/kubeconfig") && !failure.seen().is_empty(), "{failure:?}");
        }
    }
}
