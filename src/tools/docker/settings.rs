//! The files by which docker's client is set up: one that is a pipe would keep every `docker` waiting.

use std::path::PathBuf;

use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::given;

/// # Errors
/// [`FailureId::DockerMisconfigured`] with the file, and the variable that leads to it.
pub(super) fn refuse_odd() -> Result<(), Failure> {
    for (path, leads) in files(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())) {
        given::refuse_odd(&path).map_err(|why| {
            let failure =
                Failure::new(FailureId::DockerMisconfigured, "docker's client cannot be used as it is set up");
            let shown = path.display();
            failure
                .evidence(format!("{shown}: {why}"))
                .hint(format!("put a file at {shown}, where {leads} leads docker"))
        })?;
    }
    Ok(())
}

/// Those that docker would read, each with the variable that leads to it.
fn files(variable: &dyn Fn(&str) -> Option<String>) -> Vec<(PathBuf, &'static str)> {
    let settings = match variable("DOCKER_CONFIG") {
        Some(folder) => Some((PathBuf::from(folder), "DOCKER_CONFIG")),
        None => variable("HOME").map(|home| (PathBuf::from(home).join(".docker"), "HOME")),
    };
    let mut files: Vec<_> = settings.iter().map(|(folder, leads)| (folder.join("config.json"), *leads)).collect();
    if variable("DOCKER_TLS_VERIFY").or_else(|| variable("DOCKER_TLS")).is_some() {
        let named = variable("DOCKER_CERT_PATH").map(|folder| (PathBuf::from(folder), "DOCKER_CERT_PATH"));
        if let Some((folder, leads)) = named.or(settings) {
            files.extend(["ca.pem", "cert.pem", "key.pem"].map(|name| (folder.join(name), leads)));
        }
    }
    files
}
