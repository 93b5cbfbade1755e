//! The program that gives the credentials of a kubeconfig's user: the protocol of exec credential plugins
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>). kube would run it, too, but
//! without a deadline, without a limit of its output, and so that it outlives the run.

mod file;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{self, Failure, FailureId};
use bootstrap_run::process::{Command, Finished, Rubbish, StartError, reasons};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

pub(super) use file::TokenFile;

use crate::patience::{CREDENTIALS_COME, CREDENTIALS_HOLD};

/// A token is replaced this long before it expires: a request is under way for a moment.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// The versions of the protocol that kubectl knows.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// What the programs of kubeconfigs have given in this run. Cheap to clone; all clones share it.
#[derive(Debug, Clone)]
pub struct Credentials {
    held: Arc<Mutex<Option<Held>>>,
    least: Duration,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { held: Arc::default(), least: CREDENTIALS_HOLD }
    }
}

type Answer = Result<Arc<Given>, Failure>;

/// An answer that is there, or comes.
struct Held {
    plugin: Plugin,
    began: Instant,
    answer: Shared<BoxFuture<'static, Answer>>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Held").field("program", &self.plugin.program).finish_non_exhaustive()
    }
}

/// What a program gave.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) token: Option<SecretString>,
    /// A certificate and its key, in PEM.
    identity: Option<(String, SecretString)>,
    expires: Option<Timestamp>,
}

impl Given {
    /// Puts the certificate in the place of the program.
    pub(super) fn enter(&self, auth: &mut AuthInfo) -> Result<()> {
        let Some((certificate, key)) = &self.identity else { return Ok(()) };
        let base64 = |pem: &str| {
            let text = serde_json::to_value(ByteString(pem.as_bytes().to_vec()))?;
            text.as_str().map(str::to_owned).context("base64 is text")
        };
        auth.client_certificate_data = Some(base64(certificate)?);
        auth.client_key_data = Some(base64(key.expose_secret())?.into());
        Ok(())
    }

    fn expires_soon(&self) -> bool {
        self.expires.is_some_and(|expires| Timestamp::now() + MARGIN >= expires)
    }
}

/// A program that gives credentials, as a kubeconfig names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plugin {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    version: String,
    /// What the protocol tells the program, in JSON.
    info: String,
    install_hint: Option<String>,
}

impl Plugin {
    /// # Errors
    /// [`FailureId::CredentialsFailed`] of one that needs a dialogue; `invalid` of one that kubectl would not run.
    pub(super) fn new(exec: ExecConfig, invalid: &impl Fn(String) -> Failure) -> Result<Self> {
        let program = exec.command.filter(|command| !command.is_empty());
        let program = program.ok_or_else(|| invalid("exec of its user has no command".to_owned()))?;
        let version = exec.api_version.unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            let known = VERSIONS.join(" or ");
            return Err(
                invalid(format!("exec of its user has the apiVersion {version:?}, and it is to be {known}")).into()
            );
        }
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            let what = format!("the program {program:?} gives credentials only in a dialogue");
            let seen = "the kubeconfig has interactiveMode: Always";
            return Err(Failure::new(FailureId::CredentialsFailed, what).evidence(seen).into());
        }
        // The terminal stays ours, and a run asks nobody.
        let mut spec = json!({"interactive": false});
        if let Some(cluster) = exec.cluster.filter(|_| exec.provide_cluster_info) {
            spec["cluster"] = serde_json::to_value(cluster)?;
        }
        let pair =
            |mut pair: std::collections::HashMap<String, String>| Some((pair.remove("name")?, pair.remove("value")?));
        Ok(Self {
            program,
            arguments: exec.args.unwrap_or_default(),
            environment: exec.env.unwrap_or_default().into_iter().filter_map(pair).collect(),
            info: json!({"kind": "ExecCredential", "apiVersion": version, "spec": spec}).to_string(),
            version,
            install_hint: exec.install_hint.map(|hint| hint.trim().replace('\n', " ")).filter(|hint| !hint.is_empty()),
        })
    }

    fn failed(&self, seen: impl AsRef<str>) -> Failure {
        let what = format!("{:?} gives no credentials", self.program);
        Failure::new(FailureId::CredentialsFailed, what).evidence(seen)
    }

    async fn run(self) -> Answer {
        let command = Command::new(&self.program, CREDENTIALS_COME).args(&self.arguments).secret();
        let command = self.environment.iter().fold(command, |command, (name, value)| command.env(name, value));
        let finished = command.env("KUBERNETES_EXEC_INFO", &self.info).finish().await;
        let finished = finished.map_err(|error| self.not_run(&error))?;
        if !finished.status.success() {
            let words = reasons(&String::from_utf8_lossy(&finished.stderr));
            return Err(self.failed(format!("it ended with {}\n{words}", finished.status)));
        }
        self.read(&finished).map(Arc::new)
    }

    fn not_run(&self, error: &anyhow::Error) -> Failure {
        let Some(found) = failure::of(error) else { return self.failed(format!("{error:#}")) };
        let seen = found.seen().join("\n");
        if found.id() == FailureId::CommandDeadline {
            return self.failed(format!("no answer within {} s\n{seen}", CREDENTIALS_COME.as_secs()));
        }
        if error.is::<Rubbish>() {
            return self.failed("it printed more than 16 MiB");
        }
        let failure = self.failed(format!("it cannot be run\n{seen}"));
        match &self.install_hint {
            Some(hint) if error.is::<StartError>() => failure.hint(hint.as_str()),
            _ => failure,
        }
    }

    /// What the program printed is a secret, also where it cannot be understood.
    fn read(&self, finished: &Finished) -> Result<Given, Failure> {
        let told: Told = serde_json::from_slice(&finished.stdout)
            // client-go reads YAML, too, and some programs print it.
            .or_else(|_| serde_saphyr::from_slice(&finished.stdout))
            .map_err(|error| {
                self.failed(format!("what it printed is no ExecCredential: {}", error.without_snippet()))
            })?;
        if told.kind.as_deref() != Some("ExecCredential") {
            return Err(self.failed("what it printed has not the kind ExecCredential"));
        }
        if told.api_version.as_deref() != Some(&self.version) {
            let words = format!("the kubeconfig asks for {}, and it printed another apiVersion", self.version);
            return Err(self.failed(words));
        }
        let status = told.status.ok_or_else(|| self.failed("what it printed has no status"))?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let token = given(status.token);
        if token.as_deref().is_some_and(|token| !is_token(token)) {
            return Err(self.failed(format!("the token that it printed holds {NO_TOKEN}")));
        }
        let identity = match (given(status.client_certificate_data), given(status.client_key_data)) {
            (Some(certificate), Some(key)) => Some((certificate, key.into())),
            (None, None) => None,
            _ => return Err(self.failed("of a certificate and its key it printed only one")),
        };
        if token.is_none() && identity.is_none() {
            return Err(self.failed("it printed neither a token nor a certificate"));
        }
        let expires = given(status.expiration_timestamp).map(|text| text.parse()).transpose();
        let expires = expires.map_err(|_| self.failed("the expirationTimestamp that it printed is no time"))?;
        Ok(Given { token: token.map(Into::into), identity, expires })
    }
}

/// What no token holds: it becomes a header.
pub(super) const NO_TOKEN: &str = "what a token cannot hold, such as a space or a line's end";

/// Whether it can be sent.
pub(super) fn is_token(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a program prints. Other fields mean nothing here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    kind: Option<String>,
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Credentials {
    /// Of a test that does not wait: an answer is replaced as soon as it is refused.
    #[cfg(test)]
    pub(super) fn renewed_at_once() -> Self {
        Self { least: Duration::ZERO, ..Self::default() }
    }

    /// What this program gives, or has given a moment ago. `refused`: what the server did not take.
    ///
    /// The program goes on when nobody waits for it any more, for the next who asks; it ends with the runtime.
    ///
    /// # Errors
    /// [`FailureId::CredentialsFailed`].
    pub(super) async fn given_by(&self, plugin: &Plugin, refused: Option<&Arc<Given>>) -> Answer {
        let answer = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            match held.as_ref().filter(|held| held.plugin == *plugin && held.holds(self.least, refused)) {
                Some(held) => held.answer.clone(),
                None => {
                    let running = tokio::spawn(plugin.clone().run());
                    let failed = plugin.failed("its run broke off");
                    let answer = async move { running.await.unwrap_or(Err(failed)) }.boxed().shared();
                    *held = Some(Held { plugin: plugin.clone(), began: Instant::now(), answer: answer.clone() });
                    answer
                }
            }
        };
        answer.await
    }

    /// What is waited for at this moment: a program that has not answered yet. `None` if none is running.
    pub fn silent(&self) -> Option<Failure> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref().filter(|held| held.answer.peek().is_none())?;
        Some(held.plugin.failed(format!("no answer after {} s", held.began.elapsed().as_secs())))
    }
}

impl Held {
    fn holds(&self, least: Duration, refused: Option<&Arc<Given>>) -> bool {
        let is_new = self.began.elapsed() < least;
        match self.answer.peek() {
            None => true,
            Some(Err(_)) => is_new,
            Some(Ok(given)) => {
                is_new || !given.expires_soon() && !refused.is_some_and(|refused| Arc::ptr_eq(refused, given))
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
