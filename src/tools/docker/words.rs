//! What docker's words mean. docker tells its failures apart by words alone, and they change with its versions: every
//! answer of it that is no success is looked at here.

use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::process::{Finished, Rubbish, StartError};

use crate::tools::program::place_of_docker;

/// Looks a variable of the environment up.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The failure of docker itself that these words tell of; `None` if docker works and says no to what it was asked.
pub(crate) fn told(words: &str) -> Option<Failure> {
    told_with(words, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn told_with(words: &str, variables: Variables<'_>) -> Option<Failure> {
    // A warning about the client's settings names files that are none of the failure.
    let lines: Vec<&str> = words.lines().filter(|line| !line.trim_start().starts_with("WARNING:")).collect();
    let text = lines.join("\n").to_lowercase();
    let has = |part: &str| text.contains(part);
    let (id, what) = if is_set_up(&text) {
        (FailureId::DockerMisconfigured, "docker's client cannot be used as it is set up")
    } else if has("permission denied while trying to connect") || has("docker.sock: connect: permission denied") {
        (FailureId::DockerForbidden, "you may not use docker")
    } else if has("cannot connect to the docker daemon")
        || has("failed to connect to the docker api")
        || has("error during connect")
        || has("could not be found in this wsl")
    {
        (FailureId::DockerNotRunning, "docker does not answer")
    } else {
        return None;
    };
    let failure = Failure::new(id, what).evidence(lines.join("\n"));
    Some(match advice(id, &text, variables) {
        Some(advice) => failure.hint(advice),
        None => failure,
    })
}

/// The client is set up in a way that no engine will ever answer: waiting for one does not help.
fn is_set_up(text: &str) -> bool {
    [
        "failed to initialize:",
        "unable to resolve docker endpoint",
        "unable to parse docker host",
        "invalid bind address format",
        "client sent an http request to an https server",
        "server gave http response to https client",
        "tls: ",
        "x509: ",
        "is too old. minimum supported api version",
        "is too new. maximum supported api version",
        "error response from daemon: page not found",
    ]
    .iter()
    // What a registry says of certificates comes through an engine that answers.
    .any(|part| text.contains(part) && (!part.starts_with(['t', 'x']) || text.contains("error during connect")))
}

fn advice(id: FailureId, text: &str, variables: Variables<'_>) -> Option<String> {
    let set = |name: &str| variables(name).map(|value| format!("{name}={value}"));
    let host = || set("DOCKER_HOST");
    match id {
        FailureId::DockerMisconfigured => Some(set_up_advice(text, variables)),
        FailureId::DockerNotRunning if text.contains("could not be found in this wsl") => {
            Some("turn the WSL integration of Docker Desktop on for this distribution, and run this again".to_owned())
        }
        FailureId::DockerNotRunning => {
            let host = host().or_else(|| set("DOCKER_CONTEXT"))?;
            Some(format!(
                "the engine is looked for by {host}: start it there, or unset the variable; then run this again"
            ))
        }
        FailureId::DockerForbidden if !text.contains("/var/run/docker.sock") => {
            let host = host()?;
            Some(format!("the engine is looked for by {host}: get the right to use its socket, or unset the variable"))
        }
        _ => None,
    }
}

/// Names the variable or the file that is to be changed.
fn set_up_advice(text: &str, variables: Variables<'_>) -> String {
    let set = |name: &str| variables(name).map(|value| format!("{name}={value}"));
    let again = "and run this again";
    let settings = match variables("DOCKER_CONFIG") {
        Some(folder) => format!("{folder}/config.json (DOCKER_CONFIG)"),
        None => "~/.docker/config.json".to_owned(),
    };
    if text.contains("context \"") {
        return match set("DOCKER_CONTEXT") {
            Some(context) => format!("{context} cannot be used: unset it or name one of `docker context ls`, {again}"),
            None => format!("`docker context use default` corrects the `currentContext` of {settings}; run this again"),
        };
    }
    if text.contains("api version") || text.contains("page not found") {
        return match set("DOCKER_API_VERSION") {
            Some(version) => format!("{version} does not suit the engine: unset it {again}"),
            None => format!("bring docker's client and its engine to versions that suit each other, {again}"),
        };
    }
    let tls = ["DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"].into_iter().filter_map(set).collect::<Vec<_>>();
    let secured = ["ca.pem", "cert.pem", "key.pem", "tls", "x509", "https"].iter().any(|part| text.contains(part));
    if secured && !tls.is_empty() {
        let tls = tls.join(", ");
        return format!("{tls}: put the certificates of the engine where docker looks for them, or unset it, {again}");
    }
    match set("DOCKER_HOST") {
        Some(host) => format!("{host} is not an address that docker can use: correct or unset it, {again}"),
        None => format!("`docker context ls` shows which engine is asked; correct it or {settings}, {again}"),
    }
}

/// A docker that is not installed, that cannot be run, that does not answer or that may not be used is another failure than a
/// command that fails.
pub(super) fn told_apart(error: anyhow::Error) -> anyhow::Error {
    let found = failure::of(&error);
    match (error.downcast_ref::<StartError>(), found) {
        (Some(StartError::NotFound), _) => Failure::new(FailureId::DockerMissing, "docker is not installed")
            .evidence("there is no `docker` on the PATH")
            .into(),
        (Some(StartError::Unusable), Some(found)) => {
            Failure::new(FailureId::DockerBroken, "docker cannot be run").evidence(found.seen().join("\n")).into()
        }
        (_, Some(found)) if found.id() == FailureId::CommandFailed => {
            told(&found.seen().join("\n")).map_or(error, anyhow::Error::from)
        }
        (_, Some(found)) if found.id() == FailureId::CommandDeadline => {
            Failure::new(FailureId::DockerNotRunning, "docker does not answer").evidence(found.summary()).into()
        }
        _ => error,
    }
}

/// As [`told_apart`], of a question that docker itself answers: whoever floods, or prints what is no text, is not docker.
pub(super) fn unanswered(error: anyhow::Error) -> anyhow::Error {
    match (error.downcast_ref::<Rubbish>(), failure::of(&error)) {
        (Some(_), Some(found)) => {
            let what = "`docker` here is not docker's; this needs docker's engine";
            let failure = Failure::new(FailureId::DockerForeign, what).evidence(found.summary());
            failure.evidence(found.seen().join("\n")).evidence(place_of_docker()).into()
        }
        _ => told_apart(error),
    }
}

/// Whether words that were printed beside an answer tell that it is none: some wrappers lose the status.
pub(super) fn tell_of_an_error(words: &str) -> bool {
    let begins = |line: &str| {
        let line = line.trim_start().to_ascii_lowercase();
        ["error", "fatal", "panic:"].iter().any(|word| line.starts_with(word)) || line.contains("error response from")
    };
    words.lines().any(begins)
}

/// The same for a caller who knows what a status of the command means: it says nothing if docker was not reached.
pub(super) fn reached(finished: Finished) -> anyhow::Result<Finished> {
    if finished.status.success() {
        return Ok(finished);
    }
    match told(&String::from_utf8_lossy(&finished.stderr)) {
        Some(failure) => Err(failure.into()),
        None => Ok(finished),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
