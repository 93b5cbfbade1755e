//! What the engine says of itself, and whether it is docker's at all.

use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::process::{Finished, excerpt};
use serde::Deserialize;
use serde_json::Value;

use super::words::told;
use crate::tools::program::place_of_docker;

/// What the engine says of itself and its host.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) server_version: String,
    /// Before docker 20.10 there was no other version than the first, and no word of it.
    #[serde(default = "first")]
    pub(crate) cgroup_version: String,
    #[serde(rename = "NCPU")]
    pub(crate) cpus: u32,
    /// Bytes.
    pub(crate) mem_total: u64,
    pub(crate) docker_root_dir: String,
}

fn first() -> String {
    "1".to_owned()
}

/// What the answer to `docker info` tells.
///
/// # Errors
/// [`FailureId::DockerForeign`] if another program answers to that name, or another engine to docker's client; and what docker's
/// client says where it does not reach its engine, or that it says nothing.
pub(super) fn told_by(asked: &Finished) -> Result<Info, Failure> {
    let document: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
    // Without a server the client still prints what it knows of itself, and the errors beside it.
    let errors: Vec<&str> =
        document["ServerErrors"].as_array().into_iter().flatten().filter_map(|error| error.as_str()).collect();
    let seen = if errors.is_empty() { asked.tail() } else { errors.join("\n") };
    let is_an_object = document.is_object();
    if errors.is_empty() && asked.status.success() && is_an_object {
        return Info::read(&asked.stdout).map_err(|failure| failure.evidence(place_of_docker()));
    }
    if let Some(failure) = told(&seen) {
        return Err(failure);
    }
    if asked.status.success() && errors.is_empty() {
        let printed = if asked.stdout.iter().all(u8::is_ascii_whitespace) { &asked.stderr } else { &asked.stdout };
        let failure = foreign("not docker's", &format!("it answers `docker info` with: {}", excerpt(printed)));
        return Err(failure.evidence(place_of_docker()));
    }
    let broken = |what: &str| Failure::new(FailureId::DockerBroken, what);
    Err(match asked.status.code() {
        None => {
            broken("docker's program dies").evidence(format!("`docker info` ended by {}", asked.status)).evidence(seen)
        }
        Some(_) if seen.is_empty() => broken("docker's program fails and says nothing")
            .evidence(format!("`docker info` ended with {}", asked.status)),
        Some(126 | 127) => broken("docker's program does not find what it is to run").evidence(seen),
        Some(_) if is_not_understood(&seen) => {
            foreign("not docker's", &format!("it answers `docker info` with: {}", excerpt(seen.as_bytes())))
        }
        Some(_) => Failure::new(FailureId::DockerNotRunning, "docker does not answer").evidence(seen),
    }
    .evidence(place_of_docker()))
}

/// Whether another program says that it does not know the question.
fn is_not_understood(words: &str) -> bool {
    let words = words.to_lowercase();
    let unknown = ["unrecognized", "unrecognised", "unknown", "invalid", "illegal"];
    let asked = [" option", " flag", " command", " argument"];
    unknown.iter().any(|unknown| asked.iter().any(|asked| words.contains(&format!("{unknown}{asked}"))))
}

fn foreign(who: &str, seen: &str) -> Failure {
    Failure::new(FailureId::DockerForeign, format!("`docker` here is {who}; this needs docker's engine")).evidence(seen)
}

impl Info {
    /// Reads the answer to `docker info`.
    ///
    /// # Errors
    /// [`FailureId::DockerForeign`] if another program answers to that name, or another engine to docker's client.
    pub(super) fn read(answer: &[u8]) -> Result<Self, Failure> {
        let Ok(document) = serde_json::from_slice::<Value>(answer) else {
            return Err(foreign("not docker's", &format!("it answers `docker info` with: {}", excerpt(answer))));
        };
        if document["host"].is_object() && document["store"].is_object() {
            let version = document["version"]["Version"].as_str().unwrap_or_default();
            return Err(foreign("podman", &format!("`docker info` is answered by podman {version}")));
        }
        if document["DockerRootDir"].as_str().is_some_and(|root| root.ends_with("/containers/storage")) {
            let version = document["ServerVersion"].as_str().unwrap_or_default();
            return Err(foreign("a client of podman", &format!("its engine is podman {version}")));
        }
        if document["Plugins"]["Storage"].is_array() {
            let version = document["ServerVersion"].as_str().unwrap_or_default();
            return Err(foreign("nerdctl", &format!("its engine is containerd {version}")));
        }
        serde_json::from_value(document).map_err(|error| {
            foreign("not docker's", &format!("it answers `docker info` with: {}\n{error}", excerpt(answer)))
        })
    }
}

/// What another program than docker answers to a question that docker understands. `question`: in words that complete
/// "docker was asked to …". Some wrappers lose the status with which docker says that it is not reached.
pub(super) fn not_understood(question: &str, printed: &[u8], why: &str) -> Failure {
    told(&String::from_utf8_lossy(printed)).unwrap_or_else(|| {
        let what = "`docker` here answers what docker does not; this needs docker's engine";
        Failure::new(FailureId::DockerForeign, what)
            .evidence(format!("asked to {question}, it answered: {}", excerpt(printed)))
            .evidence(why)
            .evidence(place_of_docker())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const DOCKER: &str = r#"{"ID": "1", "ServerVersion": "28.2.2", "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8589934592,
        "DockerRootDir": "/var/lib/docker", "Plugins": {"Volume": ["local"], "Network": ["bridge"], "Log": ["local"]}}"#;

    #[test]
    fn who_answers_to_the_name_of_docker_is_told_by_name() {
        let podman = r#"{"host": {"arch": "amd64", "cgroupVersion": "v2"}, "store": {"graphRoot": "/var/lib/containers"},
            "registries": {}, "version": {"APIVersion": "5.4.0", "Version": "5.4.0"}}"#;
        let behind = DOCKER.replace("/var/lib/docker", "/home/me/.local/share/containers/storage");
        let nerdctl = r#"{"ID": "7a1f", "Driver": "overlayfs", "Plugins": {"Log": ["json-file"], "Storage": ["overlayfs"]},
            "CgroupVersion": "2", "NCPU": 4, "MemTotal": 8589934592, "ServerVersion": "v2.0.0"}"#;
        for (answer, who) in [
            (podman, "podman;"),
            (&behind, "client of podman;"),
            (nerdctl, "nerdctl;"),
            ("Podman is not docker, you know", "not docker's"),
            ("", "not docker's"),
            ("[]", "not docker's"),
            (r#"{"ID": 7}"#, "not docker's"),
        ] {
            let failure = Info::read(answer.as_bytes()).unwrap_err();
            assert_eq!(failure.id(), FailureId::DockerForeign, "{answer}");
            assert!(failure.summary().contains(who) && !failure.seen().is_empty(), "{answer}: {failure:?}");
        }
    }

    #[test]
    fn a_program_that_does_not_know_the_question_is_no_engine_that_is_away() {
        use std::os::unix::process::ExitStatusExt as _;
        for (code, words, id) in [
            (1, "docker: unrecognized option '--format'", FailureId::DockerForeign),
            (2, "Unknown option info", FailureId::DockerForeign),
            (127, "docker.exe: command not found", FailureId::DockerBroken),
            (1, "error while loading the settings", FailureId::DockerNotRunning),
        ] {
            let status = std::process::ExitStatus::from_raw(code << 8);
            let asked = Finished { stdout: Vec::new(), stderr: words.into(), status };
            let failure = told_by(&asked).unwrap_err();
            assert_eq!(failure.id(), id, "{words}");
            assert!(failure.seen()[0].contains(words), "{failure:?}");
        }
    }

    #[test]
    fn an_old_docker_says_nothing_of_cgroups_and_has_the_first_version() {
        assert_eq!(Info::read(DOCKER.as_bytes()).unwrap().cgroup_version, "2");
        let old = DOCKER.replace(r#""CgroupVersion": "2", "#, "");
        assert_eq!(Info::read(old.as_bytes()).unwrap().cgroup_version, "1");
    }
}
