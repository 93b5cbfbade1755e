//! What upstream says of all that is pinned: whether it still has it, and with which sum.
//!
//! The stack says where each upstream publishes its sums and its newest versions, which `published` fills in for a pin; `sums` reads
//! lists of checksums, `file` and `image` compare, `signature` asks gpg and cosign, and `rewrite` puts new values into a stack or a
//! file of pins.

mod file;
mod image;
mod newest;
mod published;
mod rewrite;
mod signature;
mod sums;

use bootstrap_fetch::download::{Asker, Puller, Registry};
use bootstrap_fetch::image::ImageName;
use bootstrap_fetch::sum::{Digest, Sha256};
use bootstrap_run::failure;
use futures::stream::{self, Stream, StreamExt as _};
use serde::Serialize;

pub(crate) use self::newest::{Newest, Release};
pub(crate) use self::rewrite::rewritten;
pub(crate) use self::signature::Signature;
use crate::stack::Stack;

/// Questions at the same time.
const PARALLEL: usize = 4;

/// Whom to ask, and how thoroughly.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) asker: Asker,
    pub(crate) registry: Registry,
    /// Hash the files themselves, also where their sums are published.
    pub(crate) download: bool,
}

/// One thing that is pinned.
#[derive(Debug, Clone)]
struct Subject {
    /// `helm linux/amd64`
    what: String,
    version: String,
    /// Where its sum or digest stands in the file of pins (RFC 6901).
    pointer: String,
    pinned: Pinned,
}

#[derive(Debug, Clone)]
enum Pinned {
    File { url: String, sum: Option<Sha256>, publication: published::Publication },
    Image { name: ImageName, digest: Option<Digest>, puller: Puller, signer: published::ImageSigner },
}

/// What was found out about one thing that is pinned.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) version: String,
    pub(crate) pointer: String,
    pub(crate) pinned: Option<String>,
    /// What upstream says, in the form in which it is pinned; `None` if it says nothing.
    pub(crate) upstream: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) evidence: Vec<String>,
    pub(crate) signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Upstream has it, and says the sum that is pinned.
    Same,
    /// No sum or digest is pinned, and upstream says one.
    Unpinned,
    /// Upstream says another sum for the same name.
    Changed,
    /// Upstream no longer has it.
    Gone,
    /// There was no answer, or none that can be believed.
    Unknown,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Unpinned => "unpinned",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Unknown => "unknown",
        }
    }
}

impl Finding {
    /// Nothing is wrong with this pin. What could not be told is not good: nobody has confirmed it.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.verdict, Verdict::Same | Verdict::Unpinned) && !self.signature.is_refused()
    }

    /// Upstream says a sum for this, right or not.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.verdict, Verdict::Same | Verdict::Unpinned | Verdict::Changed) && !self.signature.is_refused()
    }
}

impl Upstream {
    /// Every pin with what upstream says of it, in the order of the file.
    pub(crate) fn findings(&self, stack: &Stack) -> impl Stream<Item = Finding> {
        stream::iter(subjects(stack)).map(|subject| self.finding(subject)).buffered(PARALLEL)
    }

    /// The newest version of everything that has one of its own, as upstream says.
    pub(crate) async fn newest(&self, stack: &Stack) -> Vec<Newest> {
        let releases = published::releases(stack);
        stream::iter(releases).map(|release| newest::of(&self.asker, release)).buffered(PARALLEL).collect().await
    }

    async fn finding(&self, subject: Subject) -> Finding {
        let mut finding = Finding {
            what: subject.what,
            version: subject.version,
            pointer: subject.pointer,
            pinned: None,
            upstream: None,
            verdict: Verdict::Unknown,
            evidence: Vec::new(),
            signature: Signature::None(String::new()),
        };
        let compared = match subject.pinned {
            Pinned::File { url, sum, publication } => {
                finding.pinned = sum.as_ref().map(ToString::to_string);
                file::compare(self, &url, sum.as_ref(), &publication, &mut finding).await
            }
            Pinned::Image { name, digest, puller, signer } => {
                finding.pinned = digest.as_ref().map(ToString::to_string);
                image::compare(self, &name, puller, digest.as_ref(), signer, &mut finding).await
            }
        };
        if let Err(error) = compared {
            finding.verdict = Verdict::Unknown;
            finding.evidence.extend(words_of(&error));
        }
        finding
    }
}

/// An error as evidence: for whoever asks a hundred things, one that is not answered is a fact.
fn words_of(error: &anyhow::Error) -> Vec<String> {
    match failure::of(error) {
        Some(found) => {
            let summary = format!("{} ({})", found.summary(), found.id());
            std::iter::once(summary).chain(found.seen().iter().cloned()).collect()
        }
        None => vec![format!("{error:#}")],
    }
}

/// Everything that is pinned, in the order of the file.
fn subjects(stack: &Stack) -> Vec<Subject> {
    let (pins, upstream) = (&stack.pins, &stack.upstream);
    let mut subjects = Vec::new();
    for (tool, pin) in &pins.tools {
        for (platform, file) in &pin.platforms {
            let publication = published::file(upstream.tools.get(tool), &pin.version, &file.url);
            subjects.push(Subject {
                what: format!("{tool} {platform}"),
                version: pin.version.clone(),
                pointer: format!("/tools/{tool}/platforms/{}/sha256", platform.as_str().replace('/', "~1")),
                pinned: Pinned::File { url: file.url.clone(), sum: file.sha256.clone(), publication },
            });
        }
    }
    for (number, pin) in pins.node_images.iter().enumerate() {
        subjects.push(Subject {
            what: "node image".to_owned(),
            version: pin.image.to_string(),
            pointer: format!("/node_images/{number}/digest"),
            pinned: Pinned::Image {
                name: pin.image.clone(),
                digest: pin.digest.clone(),
                puller: Puller::Docker,
                signer: published::node_image(),
            },
        });
    }
    for (name, pin) in &pins.manifests {
        let publication = published::file(upstream.manifests.get(name), &pin.version, &pin.url);
        subjects.push(Subject {
            what: format!("{name} manifest"),
            version: pin.version.clone(),
            pointer: format!("/manifests/{name}/sha256"),
            pinned: Pinned::File { url: pin.url.clone(), sum: pin.sha256.clone(), publication },
        });
    }
    if let Some(chart) = &pins.chart {
        for (number, file) in chart.files.iter().enumerate() {
            let publication = published::file(Some(&upstream.chart), &chart.version, &file.url);
            subjects.push(Subject {
                what: format!("chart {}/{}", chart.name, file.path),
                version: chart.version.clone(),
                pointer: format!("/chart/files/{number}/sha256"),
                pinned: Pinned::File { url: file.url.clone(), sum: file.sha256.clone(), publication },
            });
        }
    }
    for (role, pin) in &pins.images {
        subjects.push(Subject {
            what: format!("image {role}"),
            version: pin.image.to_string(),
            pointer: format!("/images/{role}/digest"),
            pinned: Pinned::Image {
                name: pin.image.clone(),
                digest: pin.digest.clone(),
                puller: Puller::Containerd,
                signer: published::image(upstream.images.get(role)),
            },
        });
    }
    subjects
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_sum_and_digest_of_the_file_is_a_subject() {
        fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                    let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                    if key == "sha256" || key == "digest" { found.push(path) } else { walk(value, &path, found) }
                }),
                Value::Array(items) => {
                    items.iter().enumerate().for_each(|(number, item)| walk(item, &format!("{path}/{number}"), found));
                }
                _ => {}
            }
        }
        let mut document: Value = serde_saphyr::from_str(Stack::PGEDGE).unwrap();
        document.as_object_mut().unwrap().retain(|section, _| section != "upstream");
        let mut wanted = Vec::new();
        walk(&document, "", &mut wanted);
        let mut asked: Vec<String> = Vec::new();
        for subject in subjects(Stack::pgedge().unwrap()) {
            let pinned = match &subject.pinned {
                Pinned::File { sum, .. } => sum.as_ref().map(ToString::to_string),
                Pinned::Image { digest, .. } => digest.as_ref().map(ToString::to_string),
            };
            assert_eq!(document.pointer(&subject.pointer).unwrap().as_str(), pinned.as_deref(), "{}", subject.pointer);
            asked.push(subject.pointer);
        }
        wanted.sort();
        asked.sort();
        assert_eq!(asked, wanted);
    }
}
