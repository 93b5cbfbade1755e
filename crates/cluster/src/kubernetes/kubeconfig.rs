//! The kubeconfig files of an administrator, by kubectl's own rules, and what of them is ours: one file with the one context
//! that was adopted, so that helm, kubectl and this program are always in the same cluster.

mod nowhere;
mod own;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bootstrap_fetch::download;
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::{file, given};
use k8s_openapi::ByteString;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, Kubeconfig, KubeconfigError, NamedExtension};
use serde::{Deserialize, Serialize};

pub use self::nowhere::nowhere;
pub use self::own::strays;
use crate::adoption::{Adoption, Site};

/// kubeadm writes it for the machine's administrator.
const OF_KUBEADM: &str = "/etc/kubernetes/admin.conf";

/// The name of the extension in our own file that tells which cluster it is.
const EXTENSION: &str = "pgedge-bootstrap";

/// The files that kubectl would merge, made absolute; kubeadm's own where there is no other yet. `variable`: KUBECONFIG.
///
/// # Errors
/// [`FailureId::KubeconfigInvalid`] if the variable names files and none is there: kubectl would take no other one.
pub fn kubeconfigs(variable: Option<&OsStr>, current: &Path, home: Option<&Path>) -> Result<Vec<PathBuf>> {
    let Some(variable) = variable.filter(|variable| !variable.is_empty()) else {
        let own = home.map(|home| home.join(".kube/config")).filter(|path| is_there(path));
        return Ok(vec![own.unwrap_or_else(|| OF_KUBEADM.into())]);
    };
    let mut files = Vec::new();
    for path in std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()) {
        let path = current.join(path);
        if !files.contains(&path) {
            files.push(path);
        }
    }
    if files.iter().any(|path| is_there(path)) {
        return Ok(files);
    }
    let named = files.iter().map(|path| format!("not there: {}", path.display())).collect::<Vec<_>>().join("\n");
    let failure = Failure::new(FailureId::KubeconfigInvalid, "KUBECONFIG names no file that is there").evidence(named);
    Err(failure.hint("correct KUBECONFIG, or unset it to use ~/.kube/config").into())
}

/// What cannot be read is there all the same.
fn is_there(path: &Path) -> bool {
    !matches!(fs_err::metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Writes our own kubeconfig with the adopted context as it is now, for credentials change, and tells which cluster that is.
/// `None` if there is no file yet.
///
/// # Errors
/// [`FailureId::KubeconfigInvalid`], and [`FailureId::ClusterChanged`] if the context leads to another server.
pub fn write_adopted(adoption: &Adoption, to: &Path) -> Result<Option<Site>> {
    let known = adoption.site.as_ref();
    let Some(merged) = merged(&adoption.kubeconfigs)? else {
        if known.is_some() {
            let failure = invalid(&adoption.kubeconfigs, "the kubeconfig of the adopted cluster is not there any more");
            return Err(failure.into());
        }
        return Ok(None);
    };
    let (mut ours, mut site) = one_context(&adoption.kubeconfigs, merged, known.map(|site| site.context.as_str()))?;
    if let Some(known) = known {
        if known.server != site.server {
            let what = format!("the context {:?} leads to another server than the adopted cluster's", site.context);
            let seen = format!("adopted: {}\nnow:     {}", known.server, site.server);
            return Err(Failure::new(FailureId::ClusterChanged, what).evidence(seen).into());
        }
        site.uid.clone_from(&known.uid);
    }
    if let Some(cluster) = ours.clusters.iter_mut().find_map(|named| named.cluster.as_mut()) {
        let extension = serde_json::json!(Mark { uid: site.uid.clone(), files: adoption.kubeconfigs.clone() });
        cluster.extensions.get_or_insert_default().push(NamedExtension { name: EXTENSION.to_owned(), extension });
    }
    // Better said now, about the person's files, than where the first step uses it.
    way(ours.clone(), unusable(&ours, to))?;
    let bytes = serde_json::to_vec(&ours)?;
    // What is there already need not be written: a look is possible on a full disk, too.
    if fs_err::read(to).ok().as_deref() != Some(&bytes) {
        file::replace(to, &bytes, file::PRIVATE).context("cannot write the kubeconfig")?;
    }
    Ok(Some(site))
}

/// What our own file says of an adopted cluster.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The uid that it must have, once that is known.
    pub(super) uid: Option<String>,
    /// The administrator's files that it was taken from: what is wrong with it is to be corrected there.
    #[serde(default)]
    files: Vec<PathBuf>,
}

/// `None` if the file is of a cluster that kind made.
fn mark(cluster: &Cluster) -> Option<Mark> {
    let ours = cluster.extensions.iter().flatten().find(|extension| extension.name == EXTENSION)?;
    serde_json::from_value(ours.extension.clone()).ok()
}

/// How the cluster of a file is reached.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) config: kube::Config,
    pub(super) mark: Option<Mark>,
}

/// The way to the cluster of the current context. (kube would read it, too. But it takes the proxy of the environment for every
/// cluster, asks `NO_PROXY` about the proxy instead of the server, and refuses a list with an empty entry.)
///
/// # Errors
/// What cannot be used of the file, in words, and [`FailureId::ProxyInvalid`].
pub(super) fn way(file: Kubeconfig, invalid: impl Fn(String) -> Failure) -> Result<Way> {
    let name = file.current_context.unwrap_or_default();
    let context = file.contexts.into_iter().find(|context| context.name == name).and_then(|named| named.context);
    let context = context.ok_or_else(|| invalid(format!("there is no context {name:?}")))?;
    let cluster = file.clusters.into_iter().find(|named| named.name == context.cluster).and_then(|named| named.cluster);
    let cluster = cluster.ok_or_else(|| invalid(format!("there is no cluster {:?}", context.cluster)))?;
    let user = context.user.filter(|user| !user.is_empty());
    let auth = file.auth_infos.into_iter().find(|auth| Some(&auth.name) == user.as_ref());
    let server = cluster.server.as_deref().unwrap_or_default();
    let address = server.parse().map_err(|error| invalid(format!("server {server:?}: {error}")))?;
    let mut config = kube::Config::new(address);
    let url = &config.cluster_url;
    let has_host = url.authority().is_some_and(|authority| {
        let is_port = authority.as_str().ends_with(authority.host()) || authority.port_u16().is_some();
        !authority.host().is_empty() && is_port
    });
    let is_address = matches!(url.scheme_str(), Some("http" | "https")) && has_host;
    if !is_address {
        return Err(invalid(format!("server {server:?} is not an http or https address")).into());
    }
    let mark = mark(&cluster);
    let mut auth = auth.and_then(|named| named.auth_info).unwrap_or_default();
    if let Some(exec) = auth.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(ExecAuthCluster::try_from(&cluster).map_err(|error| invalid(words(&error)))?);
    }
    config.auth_info = auth;
    let proxy = cluster.proxy_url.filter(|proxy| !proxy.is_empty()).map(|proxy| proxy.parse());
    config.proxy_url = match proxy.transpose().map_err(|error| invalid(format!("proxy-url: {error}")))? {
        Some(proxy) => Some(proxy),
        // The API server of a kind cluster is on the engine's machine, where no proxy of the environment would find it.
        None if mark.is_none() => None,
        None => download::proxy_of_kubernetes(&config.cluster_url)?,
    };
    let of_authority = |seen: String| invalid(format!("certificate-authority: {seen}"));
    let pem = match (cluster.certificate_authority_data, cluster.certificate_authority) {
        (Some(data), _) => Some(
            serde_json::from_value::<ByteString>(data.into())
                .map_err(|error| of_authority(format!("it is not base64: {error}")))?
                .0,
        ),
        (None, Some(path)) if !path.is_empty() => {
            Some(fs_err::read(path).map_err(|error| of_authority(error.to_string()))?)
        }
        (None, _) => None,
    };
    config.root_cert = pem.map(|pem| download::certificates(&pem).map_err(of_authority)).transpose()?;
    config.default_namespace = context.namespace.unwrap_or_else(|| config.default_namespace.clone());
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name;
    Ok(Way { config, mark })
}

/// The parser's words: line and column, and nothing of the file, which holds secrets.
pub(super) fn words(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => given::parser_words(&error.without_snippet().to_string()),
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        error => error.to_string(),
    }
}

/// What cannot be used of a file of the person's.
fn invalid(files: &[PathBuf], seen: impl AsRef<str>) -> Failure {
    let names = files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let failure = Failure::new(FailureId::KubeconfigInvalid, format!("the kubeconfig {names} cannot be used"));
    failure.evidence(seen).hint("correct the kubeconfig that is named above, and run this again")
}

/// The same of a context of theirs.
fn invalid_context(files: &[PathBuf], context: &str, seen: &str) -> Failure {
    invalid(files, format!("context {context:?}: {seen}"))
}

/// Whom to tell that a kubeconfig of this program cannot be used: with one of an adopted cluster the person, about their files.
pub(super) fn unusable(file: &Kubeconfig, path: &Path) -> impl Fn(String) -> Failure + use<> {
    let clusters = file.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let files = clusters.filter_map(mark).map(|mark| mark.files).find(|files| !files.is_empty());
    let (path, context) = (path.to_owned(), file.current_context.clone().unwrap_or_default());
    move |seen| match &files {
        Some(files) => invalid_context(files, &context, &seen),
        None => invalid_of_ours(&path, seen),
    }
}

/// What cannot be used of a file that this program has written.
pub fn invalid_of_ours(path: &Path, seen: String) -> Failure {
    let what = format!("the kubeconfig {} cannot be used", path.display());
    Failure::new(FailureId::KubeconfigInvalid, what).evidence(seen)
}

/// All files in one: of each entry the first, and the current context of the first that has one. `None` if no file is there.
fn merged(files: &[PathBuf]) -> Result<Option<Kubeconfig>> {
    let mut all: Option<Kubeconfig> = None;
    for path in files.iter().filter(|path| is_there(path)) {
        let refuse = |seen: &str| invalid(std::slice::from_ref(path), seen);
        // Every command reads the files anew, and a pipe may never end.
        given::read(path).map_err(|unread| unread.told(refuse))?;
        let mut next = Kubeconfig::read_from(path).map_err(|error| refuse(&words(&error)))?;
        let kinds: [(&str, Vec<&String>); 3] = [
            ("cluster", next.clusters.iter().map(|named| &named.name).collect()),
            ("user", next.auth_infos.iter().map(|named| &named.name).collect()),
            ("context", next.contexts.iter().map(|named| &named.name).collect()),
        ];
        for (kind, names) in kinds {
            let mut seen = BTreeSet::new();
            if let Some(twice) = names.into_iter().find(|name| !seen.insert(*name)) {
                return Err(refuse(&format!("the {kind} {twice:?} is in it twice")).into());
            }
        }
        next.current_context = next.current_context.filter(|name| !name.is_empty());
        all = Some(match all {
            None => next,
            Some(before) => before.merge(next).map_err(|error| refuse(&error.to_string()))?,
        });
    }
    Ok(all)
}

/// What belongs to one context, the current one if none is named.
fn one_context(files: &[PathBuf], mut all: Kubeconfig, named: Option<&str>) -> Result<(Kubeconfig, Site)> {
    let refuse = |seen: String| invalid(files, seen);
    let name = named.map(str::to_owned).or(all.current_context.take());
    let name = name.ok_or_else(|| refuse("no context is its current one".to_owned()))?;
    all.contexts.retain(|context| context.name == name);
    let context = all.contexts.first().and_then(|context| context.context.as_ref());
    let context = context.ok_or_else(|| refuse(format!("there is no context {name:?}")))?;
    let user = context.user.clone().filter(|user| !user.is_empty());
    all.clusters.retain(|cluster| cluster.name == context.cluster);
    all.auth_infos.retain(|auth| Some(&auth.name) == user.as_ref());
    let cluster = all.clusters.first().and_then(|cluster| cluster.cluster.as_ref());
    let cluster = cluster.ok_or_else(|| {
        refuse(format!("the context {name:?} names the cluster {:?}, which is not there", context.cluster))
    })?;
    let server = cluster.server.clone().filter(|server| !server.is_empty());
    let server = server.ok_or_else(|| refuse(format!("the cluster {:?} has no server", context.cluster)))?;
    let auth = all.auth_infos.first();
    if let (Some(user), None) = (&user, auth) {
        return Err(refuse(format!("the context {name:?} names the user {user:?}, which is not there")).into());
    }
    let auth = auth.and_then(|auth| auth.auth_info.as_ref());
    for (what, path) in files_of(cluster, auth) {
        let told = |why: &str| refuse(format!("{what} {path}: {why}"));
        given::read(Path::new(path)).map_err(|unread| unread.told(told))?;
    }
    let site = Site { context: name.clone(), server, uid: None };
    all.current_context = Some(name);
    Ok((all, site))
}

/// The files that are read when the context is used. Data in the kubeconfig itself goes before them.
fn files_of<'a>(cluster: &'a Cluster, auth: Option<&'a AuthInfo>) -> Vec<(&'static str, &'a String)> {
    let unless = |data: bool, path: &'a Option<String>| path.as_ref().filter(|path| !data && !path.is_empty());
    let mut files = vec![(
        "certificate-authority",
        unless(cluster.certificate_authority_data.is_some(), &cluster.certificate_authority),
    )];
    if let Some(auth) = auth {
        files.push(("client-certificate", unless(auth.client_certificate_data.is_some(), &auth.client_certificate)));
        files.push(("client-key", unless(auth.client_key_data.is_some(), &auth.client_key)));
        files.push(("tokenFile", unless(auth.token.is_some(), &auth.token_file)));
    }
    files.into_iter().filter_map(|(what, path)| Some((what, path?))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
