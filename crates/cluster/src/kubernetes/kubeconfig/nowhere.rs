//! A kubeconfig for a shell while nobody can tell where the cluster's own one leads.

use kube::config::Kubeconfig;
use serde_json::json;

/// No name below `.invalid` is ever resolved (RFC 2606): kubectl and helm print this one, which says why they reach nothing.
const SERVER: &str = "https://kubeconfig-not-confirmed.invalid";

/// A kubeconfig in the place of this one, with its names, so that one of a namespace before it fits, and with a server that there is
/// not. It has no credentials. kubectl without a kubeconfig would ask port 8080 of this machine, or the cluster that it runs in.
/// `kubeconfig`: the text of that one; one that cannot be read has no names.
pub fn nowhere(kubeconfig: &[u8]) -> String {
    let file =
        std::str::from_utf8(kubeconfig).ok().and_then(|text| Kubeconfig::from_yaml(text).ok()).unwrap_or_default();
    let name = file.current_context.unwrap_or_default();
    let context = file.contexts.into_iter().find(|context| context.name == name).and_then(|context| context.context);
    let (cluster, user) = context.map(|context| (context.cluster, context.user)).unwrap_or_default();
    let user = user.unwrap_or_default();
    let [name, cluster, user] =
        [name, cluster, user].map(|name| if name.is_empty() { "not-confirmed".to_owned() } else { name });
    let document = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": cluster, "cluster": {"server": SERVER}}],
        "contexts": [{"name": name, "context": {"cluster": cluster, "user": user}}],
        "users": [{"name": user, "user": {}}],
    });
    format!("{document}\n")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_names_of_the_other_one_and_nothing_else_of_it() {
        for (text, name, cluster) in [
            (
                "current-context: c\nclusters: [{name: a, cluster: {server: 'https://10.0.0.1', proxy-url: 'http://10.0.0.2'}}]\n\
                 users: [{name: u, user: {token: secret}}]\ncontexts: [{name: c, context: {cluster: a, user: u}}]\n",
                "c",
                "a",
            ),
            ("current-context: gone\n", "gone", "not-confirmed"),
            ("[", "not-confirmed", "not-confirmed"),
        ] {
            let written = nowhere(text.as_bytes());
            assert!(!["10.0.0.", "secret"].iter().any(|part| written.contains(part)), "{written}");
            let read = Kubeconfig::from_yaml(&written).unwrap();
            assert_eq!(read.current_context.as_deref(), Some(name), "{text}");
            assert_eq!((read.contexts[0].name.as_str(), read.clusters[0].name.as_str()), (name, cluster), "{text}");
            assert_eq!(read.clusters[0].cluster.as_ref().unwrap().server.as_deref(), Some(SERVER), "{text}");
        }
    }
}
