//! How kubectl and helm are told the namespace of the release: they take it from a kubeconfig and from no variable. So a small
//! one goes before the cluster's own, which stays as it is: of two that name the same context, the first counts.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use bootstrap_cluster::kubernetes;
use bootstrap_run::failure;
use bootstrap_run::{file, given};
use bootstrap_screen::ui;

use crate::context::Context;

/// The value of `KUBECONFIG` with which the tools work in the namespace of the release.
pub(super) fn kubeconfig(context: &Context) -> Result<OsString> {
    with_namespace(context, &context.places.kubeconfig)
}

/// The same for a shell while nobody can tell where the kubeconfig of the cluster leads: to no server, until a command of this program
/// knows, which then writes the cluster's in its place.
///
/// # Errors
/// Those of a disk that takes no file: such a shell is given nothing.
pub(super) fn unconfirmed(context: &Context) -> Result<OsString> {
    let (own, shell) = (&context.places.kubeconfig, &context.places.shell);
    // What is in its place may be no file, or be away.
    let names = given::read(own).unwrap_or_default();
    file::replace(shell, kubernetes::nowhere(&names).as_bytes(), file::PRIVATE)?;
    with_namespace(context, shell)
}

fn with_namespace(context: &Context, own: &Path) -> Result<OsString> {
    let namespace = context.namespace();
    // What cannot be read cannot be told anything; the tools say what is wrong with it.
    let Some(text) = kubernetes::in_namespace(own, &namespace) else { return Ok(own.as_os_str().to_owned()) };
    let before = context.places.state.join("namespace.kubeconfig");
    if fs_err::read(&before).ok().as_deref() != Some(text.as_bytes())
        && let Err(error) = file::replace(&before, text.as_bytes(), file::PRIVATE)
    {
        let Some(why) = failure::of(&error) else { return Err(error) };
        let seen = why.seen().join("; ");
        ui::say(&format!("kubectl and helm need the namespace as an option, --namespace {namespace}: {seen}\n"));
        return Ok(own.as_os_str().to_owned());
    }
    // A list cannot hold a path with a colon. The tools then reach the cluster, and its namespace must be named.
    Ok(std::env::join_paths([before.as_path(), own]).unwrap_or_else(|_| own.as_os_str().to_owned()))
}
