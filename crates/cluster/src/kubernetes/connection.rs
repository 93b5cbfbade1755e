//! A client of the Kubernetes API: with the credentials of the kubeconfig's user, and a limit to what the server may send.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{Failure, FailureId};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use kube::Client;
use kube::client::{AuthError, Body};
use kube::config::AuthInfo;
use secrecy::{ExposeSecret as _, SecretString};
use tower::BoxError;

use super::credentials::{Credentials, NO_TOKEN, Plugin, TokenFile, is_token};
use crate::patience;

/// The most that is read of one answer, or of one event of a watch: far more than the list of all pods of a large cluster has.
const MOST: usize = 128 << 20;

/// A client for the cluster of a kubeconfig, which runs the program that gives credentials, if there is one.
///
/// # Errors
/// `invalid` of what cannot be used of the kubeconfig; [`FailureId::CredentialsFailed`].
pub(super) async fn connect(
    mut config: kube::Config,
    credentials: &Credentials,
    invalid: &impl Fn(String) -> Failure,
) -> Result<Client> {
    let source = settle(&mut config.auth_info, invalid)?;
    if let Source::Program(plugin) = &source {
        credentials.given_by(plugin, None).await?.enter(&mut config.auth_info)?;
    }
    let (server, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
    // It reads the certificate and the key of the user, if those are files.
    let connecting = tokio::task::spawn_blocking(move || Client::try_from(config));
    let connected = tokio::time::timeout(patience::FILES_ARE_READ, connecting).await;
    let connected = connected
        .map_err(|_| invalid(format!("its files could not be read within {} s", patience::FILES_ARE_READ.as_secs())))?;
    let client = connected.context("setting up the Kubernetes client broke off")?.map_err(|error| match error {
        kube::Error::Auth(AuthError::AuthExec(words)) => no_credentials(&words),
        error => invalid(error.to_string()),
    })?;
    let asker = Asker { client, server, credentials: credentials.clone(), source };
    Ok(Client::new(tower::service_fn(move |request| asker.clone().ask(request)), namespace))
}

fn no_credentials(seen: &str) -> Failure {
    Failure::new(FailureId::CredentialsFailed, "the kubeconfig gives no credentials").evidence(seen)
}

/// Where the token of each request comes from.
#[derive(Clone)]
enum Source {
    /// The kubeconfig itself, from which kube takes it; or there is none.
    Kubeconfig,
    File(Arc<TokenFile>),
    Program(Plugin),
}

/// Leaves of the user's credentials what kube can use by itself, and returns where the token is to come from. Of several ways
/// kube takes the first in this order.
fn settle(auth: &mut AuthInfo, invalid: &impl Fn(String) -> Failure) -> Result<Source> {
    if let Some(provider) = auth.auth_provider.take() {
        // kubectl knows no other one any more, and kube would run the program of one of them.
        let token = provider.config.get("id-token").filter(|_| provider.name == "oidc");
        let Some(token) = token else {
            let what = format!("the kubeconfig's auth-provider {:?} gives no credentials", provider.name);
            let failure = Failure::new(FailureId::CredentialsFailed, what);
            let seen = "kubectl has auth-provider no more, but for oidc with an id-token";
            let hint = "log in by the cluster's exec credential plugin, which writes the kubeconfig anew";
            return Err(failure.evidence(seen).hint(hint).into());
        };
        auth.token = Some(token.clone().into());
        (auth.username, auth.password) = (None, None);
    }
    let is_basic = auth.username.is_some() && auth.password.is_some();
    if auth.token.as_ref().is_some_and(|token| !is_token(token.expose_secret())) {
        return Err(invalid(format!("the token of its user holds {NO_TOKEN}")).into());
    }
    let (file, exec) = (auth.token_file.take().filter(|file| !file.is_empty()), auth.exec.take());
    Ok(match (file, exec) {
        _ if is_basic || auth.token.is_some() => Source::Kubeconfig,
        (Some(file), _) => Source::File(Arc::new(TokenFile::read(Path::new(&file), invalid)?)),
        (None, Some(exec)) => Source::Program(Plugin::new(exec, invalid)?),
        (None, None) => Source::Kubeconfig,
    })
}

/// Asks the server.
#[derive(Clone)]
struct Asker {
    client: Client,
    server: String,
    credentials: Credentials,
    source: Source,
}

impl Asker {
    async fn ask(self, request: Request<Body>) -> Result<Response<Limited>, BoxError> {
        let what = format!("{} {}", request.method(), request.uri().path());
        let is_watch = request.uri().query().is_some_and(|query| query.split('&').any(|word| word == "watch=true"));
        let answer = self.answer(request).await?;
        let limit = Limit { server: self.server, what, is_watch, read: 0 };
        Ok(answer.map(|body| Limited { body, limit }))
    }

    async fn answer(&self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let plugin = match &self.source {
            Source::Kubeconfig => return Ok(self.client.send(request).await?),
            Source::File(file) => {
                authorize(&mut request, Some(&file.token()))?;
                return Ok(self.client.send(request).await?);
            }
            Source::Program(plugin) => plugin,
        };
        let given = self.credentials.given_by(plugin, None).await?;
        let again = copy(&request);
        authorize(&mut request, given.token.as_ref())?;
        let answer = self.client.send(request).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // A token may be refused before it expires.
        let renewed = self.credentials.given_by(plugin, Some(&given)).await?;
        match again.filter(|_| !Arc::ptr_eq(&given, &renewed)) {
            Some(mut again) => {
                authorize(&mut again, renewed.token.as_ref())?;
                Ok(self.client.send(again).await?)
            }
            None => Ok(answer),
        }
    }
}

fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let body = request.body().try_clone()?;
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

fn authorize(request: &mut Request<Body>, token: Option<&SecretString>) -> Result<(), BoxError> {
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(())
}

/// How much of an answer was read, and of which.
struct Limit {
    server: String,
    what: String,
    /// Its events are lines, and it has no end.
    is_watch: bool,
    read: usize,
}

/// An answer of which no more is read than its limit.
struct Limited {
    body: Body,
    limit: Limit,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            if let Some(data) = frame.data_ref() {
                self.limit.count(data)?;
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Limit {
    /// Counts what was read.
    ///
    /// # Errors
    /// [`FailureId::KubernetesRefused`] when there is more than [`MOST`].
    fn count(&mut self, data: &[u8]) -> Result<(), Failure> {
        let lines = |data: &[u8]| data.iter().position(|byte| *byte == b'\n');
        let line = lines(data).filter(|_| self.is_watch);
        if self.read + line.unwrap_or(data.len()) > MOST {
            let (what, server) = (&self.what, &self.server);
            let failure = Failure::new(
                FailureId::KubernetesRefused,
                format!("the Kubernetes API sends more than {} MiB in one answer", MOST >> 20),
            );
            let hint = "see that the kubeconfig's server is a Kubernetes API, and that no proxy answers in its place";
            return Err(failure.evidence(format!("{what} at {server}")).hint(hint));
        }
        self.read = match line {
            Some(_) => data.iter().rev().take_while(|byte| **byte != b'\n').count(),
            None => self.read + data.len(),
        };
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
