//! How kubectl and helm are told the namespace of the release: they take it from a kubeconfig and from no variable. So a small
//! one goes before the cluster's own, which stays as it is: of two that name the same context, the first counts.

use std::ffi::OsString;

use anyhow::Result;
use bootstrap_cluster::kubernetes;
use bootstrap_run::failure;
use bootstrap_run::file;
use bootstrap_screen::ui;

use crate::context::Context;

/// The value of `KUBECONFIG` with which the tools work in the namespace of the release.
pub(super) fn kubeconfig(context: &Context) -> Result<OsString> {
    let (own, namespace) = (&context.places.kubeconfig, context.namespace());
    // What cannot be read cannot be told anything; the tools say what is wrong with it.
    let Some(text) = kubernetes::in_namespace(own, &namespace) else { return Ok(own.clone().into_os_string()) };
    let before = context.places.state.join("namespace.kubeconfig");
    if fs_err::read(&before).ok().as_deref() != Some(text.as_bytes())
        && let Err(error) = file::replace(&before, text.as_bytes(), file::PRIVATE)
    {
        let Some(why) = failure::of(&error) else { return Err(error) };
        let seen = why.seen().join("; ");
        ui::say(&format!("kubectl and helm need the namespace as an option, --namespace {namespace}: {seen}\n"));
        return Ok(own.clone().into_os_string());
    }
    // A list cannot hold a path with a colon. The tools then reach the cluster, and its namespace must be named.
    Ok(std::env::join_paths([&before, own]).unwrap_or_else(|_| own.clone().into_os_string()))
}
