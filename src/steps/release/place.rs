//! Which release of the cluster is ours: helm's records say where it is and how many nodes it has, so that no command has to
//! be told, and nothing is installed a second time beside it.

use anyhow::Result;
use bootstrap_cluster::kubernetes::{self, Release};
use bootstrap_run::failure::{Failure, FailureId};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use crate::context::{Context, Deployed};
use crate::options::Options;

/// Reads where the release is, for all that comes after.
///
/// # Errors
/// As [`find`], and of a cluster that is not there or does not answer.
pub(crate) async fn locate(context: &Context) -> Result<()> {
    let client = context.client().await?;
    find(context, &client).await.map(drop)
}

/// The release of this run, and nothing if there is none.
///
/// # Errors
/// [`FailureId::ReleaseAmbiguous`] if there are several and none was named; [`FailureId::ShapeDiffers`] if there is one in
/// another namespace than was named, or its name is taken by another chart.
pub(super) async fn find(context: &Context, client: &Client) -> Result<Option<Release>> {
    let releases = kubernetes::releases(client, Options::RELEASE).await?;
    let found = choose(releases, &context.stack.pins.chart()?.name, context.options.namespace.as_deref())?;
    if let Some(release) = &found {
        let nodes = u8::try_from(node_names(release).len()).unwrap_or_default();
        let nodes = if nodes == 0 { context.nodes() } else { nodes };
        context.set_deployed(Deployed { namespace: release.namespace.clone(), nodes });
    }
    Ok(found)
}

/// The names of the nodes that a release was to have.
pub(super) fn node_names(release: &Release) -> Vec<&str> {
    let nodes = release.values()["pgEdge"]["nodes"].as_array();
    nodes.into_iter().flatten().filter_map(|node| node["name"].as_str()).collect()
}

fn choose(releases: Vec<Release>, chart: &str, asked: Option<&str>) -> Result<Option<Release>, Failure> {
    // helm can be told to remember what it has removed.
    let there = releases.into_iter().filter(|release| release.status != "uninstalled");
    let (mut ours, others): (Vec<_>, Vec<_>) =
        there.partition(|release| release.chart()["metadata"]["name"].as_str() == Some(chart));
    let target = asked.unwrap_or(Options::NAMESPACE);
    if let Some(asked) = asked {
        if let Some(index) = ours.iter().position(|release| release.namespace == asked) {
            return Ok(Some(ours.swap_remove(index)));
        }
        if let Some(other) = ours.first() {
            let what = format!("the release is in the namespace {}, not in {asked}", other.namespace);
            let failure = Failure::new(FailureId::ShapeDiffers, what).evidence(in_words(other));
            return Err(failure.hint(format!("give --namespace {}, or another --name", other.namespace)));
        }
    }
    if ours.len() > 1 {
        let seen: Vec<String> = ours.iter().map(in_words).collect();
        let failure = Failure::new(FailureId::ReleaseAmbiguous, "the cluster has more than one release of pgEdge");
        return Err(failure.evidence(seen.join("\n")));
    }
    let found = ours.pop();
    if found.is_none()
        && let Some(other) = others.iter().find(|release| release.namespace == target)
    {
        let name = other.chart()["metadata"]["name"].as_str().unwrap_or_default();
        let what = format!("the release {} in the namespace {target} is of the chart {name:?}", Options::RELEASE);
        return Err(Failure::new(FailureId::ShapeDiffers, what).hint("give another --namespace"));
    }
    Ok(found)
}

fn in_words(release: &Release) -> String {
    let nodes = node_names(release).join(", ");
    format!(
        "{} in the namespace {}: {}, revision {}, nodes {nodes}",
        Options::RELEASE,
        release.namespace,
        release.status,
        release.revision
    )
}

/// Makes the namespace of the release if it is not there: helm, run by hand, does not. Returns whether it was made.
///
/// # Errors
/// [`FailureId::KubernetesAway`] and [`FailureId::KubernetesRefused`].
pub(crate) async fn ensure_namespace(context: &Context) -> Result<bool> {
    let (client, name) = (context.client().await?, context.namespace());
    let namespaces: Api<Namespace> = Api::all(client);
    let refused = |error: kube::Error| kubernetes::refused(format!("cannot make the namespace {name}"), &error);
    if namespaces.get_metadata_opt(&name).await.map_err(refused)?.is_some() {
        return Ok(false);
    }
    let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
    match namespaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await {
        // Somebody else has made it meanwhile.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        made => made.map(|_| true).map_err(refused),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(namespace: &str, status: &str, chart: &str) -> Release {
        let nodes = json!([{"name": "n1"}, {"name": "n2"}]);
        let document = json!({"chart": {"metadata": {"name": chart}}, "config": {"pgEdge": {"nodes": nodes}}});
        Release::made_up(namespace, status, document)
    }

    fn chosen(releases: &[Release], asked: Option<&str>) -> Result<Option<String>, (FailureId, String)> {
        match choose(releases.to_vec(), "pgedge", asked) {
            Ok(found) => Ok(found.map(|release| release.namespace)),
            Err(failure) => Err((
                failure.id(),
                format!(
                    "{failure}; {}; {}",
                    failure.seen().join("; "),
                    failure.advice(&bootstrap_run::failure::Invocation::default())
                ),
            )),
        }
    }

    #[test]
    fn the_release_is_found_where_it_is() {
        let lab = release("lab", "deployed", "pgedge");
        assert_eq!(chosen(&[], None), Ok(None));
        for asked in [None, Some("lab")] {
            assert_eq!(chosen(std::slice::from_ref(&lab), asked), Ok(Some("lab".to_owned())));
        }
        // What was removed, and what is another chart's elsewhere, does not count.
        let removed = release("default", "uninstalled", "pgedge");
        let another = release("web", "deployed", "other");
        assert_eq!(chosen(&[removed, lab, another], None), Ok(Some("lab".to_owned())));
    }

    #[test]
    fn a_second_release_beside_it_is_refused() {
        let (id, words) = chosen(&[release("lab", "deployed", "pgedge")], Some("default")).unwrap_err();
        assert_eq!(id, FailureId::ShapeDiffers);
        assert!(
            words.contains("in the namespace lab, not in default")
                && words.contains("n1, n2")
                && words.contains("--namespace lab"),
            "{words}"
        );
    }

    #[test]
    fn of_two_releases_one_must_be_chosen() {
        let both = [release("default", "deployed", "pgedge"), release("lab", "failed", "pgedge")];
        let (id, words) = chosen(&both, None).unwrap_err();
        assert_eq!(id, FailureId::ReleaseAmbiguous);
        assert!(
            words.contains("namespace default") && words.contains("namespace lab") && words.contains("--namespace"),
            "{words}"
        );
        assert_eq!(chosen(&both, Some("lab")), Ok(Some("lab".to_owned())));
    }

    #[test]
    fn a_release_of_another_chart_is_not_upgraded() {
        let other = [release("default", "deployed", "other")];
        assert_eq!(chosen(&other, None).unwrap_err().0, FailureId::ShapeDiffers);
        assert_eq!(chosen(&other, Some("lab")), Ok(None));
    }
}
