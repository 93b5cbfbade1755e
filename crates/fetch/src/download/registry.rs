//! What an image registry has under a tag and under a digest, asked as the OCI distribution specification says
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull>), by nobody in particular: with the
//! token that a registry gives to everybody.

mod challenge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{Failure, FailureId};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use self::challenge::Challenge;
use super::RegistryMirror;
use super::ask::{Answer, Asker};
use super::client::shown;
use crate::image::ImageName;
use crate::sum::{Digest, Sha256};

/// An image of several platforms is an index, in one of two spellings. Without it the digest of one platform would come.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

const DIGEST: &str = "docker-content-digest";

/// Asks the registries of images, or their mirrors.
#[derive(Debug, Clone)]
pub struct Registry {
    asker: Asker,
    mirrors: Vec<RegistryMirror>,
    /// By repository: a token is asked for once.
    tokens: Arc<Mutex<BTreeMap<String, String>>>,
}

/// Who pulls an image in a run. They put the path of a mirror's address into different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Puller {
    /// The path is a part of the image's name.
    Docker,
    /// The path comes before `/v2`.
    Containerd,
}

impl Registry {
    /// Asks by way of `asker`, and of the mirror of an image's registry if there is one among these.
    pub fn new(asker: Asker, mirrors: Vec<RegistryMirror>) -> Self {
        Self { asker, mirrors, tokens: Arc::default() }
    }

    /// The mirror that is asked about this image in the place of its registry.
    pub fn mirror(&self, image: &ImageName) -> Option<&RegistryMirror> {
        self.mirrors.iter().find(|mirror| mirror.host == image.registry())
    }

    /// The digest that the image's tag has now.
    ///
    /// # Errors
    /// The failures of the network, and a registry that refuses or that is none.
    pub async fn resolve(&self, image: &ImageName, puller: Puller) -> Result<Answer<Digest>> {
        let address = self.manifest(image, puller, image.tag());
        // A question for the head alone does not count as a pull where pulls are counted.
        let (headers, _) = match self.ask(&Method::HEAD, image, &address).await? {
            Answer::There(answer) => answer,
            Answer::Gone(words) => return Ok(Answer::Gone(words)),
        };
        if let Some(digest) = headers.get(DIGEST) {
            let text = digest.to_str().unwrap_or_default();
            return Digest::parse(text).map(Answer::There).map_err(|error| no_registry(&address, &error.to_string()));
        }
        match self.ask(&Method::GET, image, &address).await? {
            Answer::There((_, body)) => Ok(Answer::There(digest_of(&body))),
            Answer::Gone(words) => Ok(Answer::Gone(words)),
        }
    }

    /// The digest of what is there under `digest`: the same, if the registry can be believed.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn under(&self, image: &ImageName, puller: Puller, digest: &Digest) -> Result<Answer<Digest>> {
        let address = self.manifest(image, puller, &digest.to_string());
        match self.ask(&Method::GET, image, &address).await? {
            Answer::There((_, body)) => Ok(Answer::There(digest_of(&body))),
            Answer::Gone(words) => Ok(Answer::Gone(words)),
        }
    }

    /// `https://ghcr.io/v2/pgedge/pgedge-postgres/manifests/<reference>`
    fn manifest(&self, image: &ImageName, puller: Puller, reference: &str) -> String {
        let path = image.path();
        let Some(mirror) = self.mirror(image) else {
            // docker.io is a name; the registry behind it has another one, and calls its own images `library/…`.
            let docker = image.registry() == "docker.io";
            let host = if docker { "registry-1.docker.io" } else { image.registry() };
            let folder = if docker && !path.contains('/') { "library/" } else { "" };
            return format!("https://{host}/v2/{folder}{path}/manifests/{reference}");
        };
        let (scheme, address) = mirror.url.split_once("://").unwrap_or(("https", &mirror.url));
        match (puller, address.split_once('/')) {
            (Puller::Docker, Some((host, folder))) => {
                format!("{scheme}://{host}/v2/{folder}/{path}/manifests/{reference}")
            }
            (Puller::Docker, None) => format!("{}/v2/{path}/manifests/{reference}", mirror.url),
            // It says which registry it means, for mirrors of several ones.
            (Puller::Containerd, _) => {
                format!("{}/v2/{path}/manifests/{reference}?ns={}", mirror.url, image.registry())
            }
        }
    }

    async fn ask(&self, method: &Method, image: &ImageName, address: &str) -> Result<Answer<(HeaderMap, Vec<u8>)>> {
        let repository = format!("{}/{}", image.registry(), image.path());
        let token = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&repository).cloned();
        let (mut status, mut headers, mut body) = self.send(method, address, token.as_deref()).await?;
        if status == StatusCode::UNAUTHORIZED {
            let token = self.token(image, address, &headers).await?;
            (status, headers, body) = self.send(method, address, Some(&token)).await?;
            self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(repository, token);
        }
        match status {
            StatusCode::OK => Ok(Answer::There((headers, body))),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Ok(Answer::Gone(format!("{} answered {status}", shown(address))))
            }
            _ => Err(no_registry(address, &format!("it answered {status}"))),
        }
    }

    async fn send(
        &self,
        method: &Method,
        address: &str,
        token: Option<&str>,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>)> {
        let build = |client: &reqwest::Client| {
            let request = client.request(method.clone(), address).header(ACCEPT, MANIFESTS);
            match token {
                Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
                None => request,
            }
        };
        self.asker.request(address, build).await
    }

    /// The token that everybody gets who asks where the registry says.
    async fn token(&self, image: &ImageName, address: &str, headers: &HeaderMap) -> Result<String> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenge = challenges.filter_map(Challenge::bearer).next();
        let challenge = challenge.ok_or_else(|| no_registry(address, "it wants a login"))?;
        let scope = scope_of(challenge.scope, image);
        let mut realm = reqwest::Url::parse(&challenge.realm)
            .map_err(|error| no_registry(address, &format!("its tokens are at {:?}: {error}", challenge.realm)))?;
        if let Some(service) = &challenge.service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        realm.query_pairs_mut().append_pair("scope", &scope);
        let (status, _, body) = self.asker.request(realm.as_str(), |client| client.get(realm.clone())).await?;
        if status != StatusCode::OK {
            return Err(no_registry(address, &format!("{} answered {status}", shown(&challenge.realm))));
        }
        let answer: Answer = serde_json::from_slice(&body)
            .with_context(|| format!("not a token: {}", String::from_utf8_lossy(&body[..body.len().min(60)])))
            .map_err(|error| no_registry(address, &format!("{error:#}")))?;
        let token = answer.token.or(answer.access_token);
        token.ok_or_else(|| no_registry(address, &format!("{} gave no token", shown(&challenge.realm))))
    }
}

/// What the token is to be good for: what the registry asks for, unless that is an example, as ghcr.io's
/// `repository:user/image:pull` is.
fn scope_of(asked: Option<String>, image: &ImageName) -> String {
    let asked = asked.filter(|scope| scope.contains(image.path()));
    asked.unwrap_or_else(|| format!("repository:{}:pull", image.path()))
}

fn digest_of(manifest: &[u8]) -> Digest {
    Digest::of(Sha256::of(manifest))
}

fn no_registry(address: &str, why: &str) -> anyhow::Error {
    Failure::new(FailureId::DownloadFailed, format!("cannot ask {}", shown(address))).evidence(why).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::super::client::Mirror;
    use super::super::roots::TrustedRoots;
    use super::*;

    fn manifest(image: &str, puller: Puller, mirror: Option<&str>) -> String {
        let asker = Asker::new(&TrustedRoots::load(None).unwrap(), Mirror::new(None).unwrap()).unwrap();
        let mirrors = mirror.map(|mirror| mirror.parse().unwrap()).into_iter().collect();
        let image = serde_json::from_value(image.into()).unwrap();
        Registry::new(asker, mirrors).manifest(&image, puller, "1")
    }

    #[test]
    fn docker_io_is_the_name_of_another_host() {
        let of = |image| manifest(image, Puller::Docker, None);
        assert_eq!(of("docker.io/kindest/node:1"), "https://registry-1.docker.io/v2/kindest/node/manifests/1");
        assert_eq!(of("docker.io/alpine:1"), "https://registry-1.docker.io/v2/library/alpine/manifests/1");
        assert_eq!(of("quay.io/a/b:1"), "https://quay.io/v2/a/b/manifests/1");
    }

    #[test]
    fn a_token_is_for_the_repository_of_the_image() {
        let image = serde_json::from_value("ghcr.io/a/b:1".into()).unwrap();
        let of = |asked: Option<&str>| scope_of(asked.map(str::to_owned), &image);
        assert_eq!(of(None), "repository:a/b:pull");
        assert_eq!(of(Some("repository:user/image:pull")), "repository:a/b:pull");
        assert_eq!(of(Some("repository:cache/a/b:pull")), "repository:cache/a/b:pull");
    }

    #[test]
    fn a_mirror_is_asked_where_docker_and_containerd_ask_it() {
        let of = |puller| manifest("ghcr.io/a/b:1", puller, Some("ghcr.io=http://mirror:5000/cache"));
        assert_eq!(of(Puller::Docker), "http://mirror:5000/v2/cache/a/b/manifests/1");
        assert_eq!(of(Puller::Containerd), "http://mirror:5000/cache/v2/a/b/manifests/1?ns=ghcr.io");
    }
}
