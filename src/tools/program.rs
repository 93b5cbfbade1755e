//! One constructor for each program that is driven, for a look at its version as for its use. It decides what of the
//! person's environment the program gets: settings of theirs must not change what it does here.

use std::path::Path;
use std::time::Duration;

use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::process::{Command, StartError, on_path};

/// The engine is chosen as the person's own `docker` chooses it: `DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_CONFIG` and the
/// variables of TLS stay. Images are pinned by digest, and the engine's own platform is the only one that it can run.
const HIDDEN_FROM_DOCKER: [&str; 2] = ["DOCKER_DEFAULT_PLATFORM", "DOCKER_CONTENT_TRUST"];

/// What a client of Kubernetes reads beside the kubeconfig that it is given: `KUBECONFIG`, `KUBE_FEATURE_…`,
/// `KUBERNETES_MASTER`, `KUBECTL_…`, `KUBERC`.
const HIDDEN_FROM_KUBERNETES: [&str; 1] = ["KUBE"];

pub(crate) fn docker(program: &Path, deadline: Duration) -> Command {
    hiding(Command::new(program, deadline), &HIDDEN_FROM_DOCKER)
}

/// Which program is run by the name of docker, in words: a link may lead to another one's.
pub(crate) fn place_of_docker() -> String {
    let Some(place) = on_path("docker") else { return "the program is not on the PATH any more".to_owned() };
    match fs_err::canonicalize(&place) {
        Ok(file) if file != place => format!("the program is {}, a link to {}", place.display(), file.display()),
        // What cannot be followed any further is told as it is.
        Ok(_) | Err(_) => format!("the program is {}", place.display()),
    }
}

/// A tool that is in its place and cannot be started is broken; what else a command may end with passes unchanged.
pub(crate) fn tool_told_apart(program: &Path, error: anyhow::Error) -> anyhow::Error {
    let what = format!("{} cannot be run", program.display());
    match (error.downcast_ref::<StartError>(), failure::of(&error)) {
        (Some(_), Some(found)) => Failure::new(FailureId::ToolBroken, what).evidence(found.seen().join("\n")).into(),
        _ => error,
    }
}

/// kind runs `docker` itself, with the environment that it gets.
pub(crate) fn kind(program: &Path, deadline: Duration) -> Command {
    let command = hiding(Command::new(program, deadline), &HIDDEN_FROM_DOCKER);
    hiding(hiding(command, &HIDDEN_FROM_KUBERNETES), &["KIND_"])
        // The provider is docker: kind would otherwise take podman or nerdctl if it finds docker's answer wanting.
        .env("KIND_EXPERIMENTAL_PROVIDER", "docker")
}

/// `home`: in the place of the person's own, for helm keeps its settings, plugins and what it has learned of clusters there.
pub(crate) fn helm(program: &Path, home: &Path, deadline: Duration) -> Command {
    // HELM_DRIVER would look for releases in another place, HELM_KUBECONTEXT and HELM_KUBEAPISERVER in another cluster.
    let mut command = hiding(hiding(Command::new(program, deadline), &HIDDEN_FROM_KUBERNETES), &["HELM_"]);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "KUBECACHEDIR"] {
        command = command.env(variable, home);
    }
    command
}

/// kubectl, and its plugin: they are only asked for their version.
pub(crate) fn kubectl(program: &Path, deadline: Duration) -> Command {
    hiding(Command::new(program, deadline), &HIDDEN_FROM_KUBERNETES)
        // Preferences of the person's, as `~/.kube/kuberc`, which kubectl reads before anything else.
        .env("KUBECTL_KUBERC", "false")
}

/// gpg with this home in the place of the person's: their keys vouch for nothing here.
pub(crate) fn gpg(home: &Path, deadline: Duration) -> Command {
    hiding(Command::new("gpg", deadline), &["GNUPGHOME"])
        .args([Path::new("--homedir"), home])
        // Nothing that it starts by itself stays behind.
        .args(["--batch", "--no-autostart"])
}

/// What cosign reads in the place of its flags, and whom it trusts in the place of the authorities that everybody does. Where it
/// gets and keeps their certificates (`TUF_…`, `~/.sigstore`) is the person's to say: without the internet there is no other way.
const HIDDEN_FROM_COSIGN: [&str; 2] = ["COSIGN_", "SIGSTORE_"];

pub(crate) fn cosign(deadline: Duration) -> Command {
    hiding(Command::new("cosign", deadline), &HIDDEN_FROM_COSIGN)
}

fn hiding(command: Command, beginnings: &[&str]) -> Command {
    beginnings.iter().fold(command, |command, beginning| command.hide_env(beginning))
}
