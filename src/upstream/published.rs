//! What a stack says of its upstreams, for one pin: the addresses filled in.

use super::Release;
use crate::stack::{
    CosignProof, FileFacts, FileSignature, GpgFacts, Identity, ImageFacts, ImageSignature, NewestFacts, PublicKey,
    Stack,
};

/// What upstream publishes beside a file.
#[derive(Debug, Clone)]
pub(super) struct Publication {
    /// The list that says the file's sum; without one, the file itself is what can be hashed.
    pub(super) sums: Option<String>,
    pub(super) signer: FileSigner,
}

#[derive(Debug, Clone)]
pub(super) enum FileSigner {
    /// Why there is nothing to be checked.
    Nobody(String),
    /// The list of sums has a detached signature by one of these signers. The keys are fetched, and only the ones with their
    /// fingerprints count.
    SumsByGpg(GpgFacts),
    /// The file has a signature without a key: of an identity that a certificate authority has seen.
    FileByCosign { proof: CosignProof, identity: Identity },
}

#[derive(Debug, Clone)]
pub(super) enum ImageSigner {
    /// Why there is nothing to be checked.
    Nobody(String),
    Key(PublicKey),
    Identity(Identity),
}

/// Of what the stack does not say who signs it.
const UNTOLD: &str = "the stack does not say who signs it";

/// kind tells the digests of its images in the notes of its releases, and signs none of them.
pub(super) fn node_image() -> ImageSigner {
    ImageSigner::Nobody("kind signs no node image".to_owned())
}

/// What is published beside a file at `url`.
pub(super) fn file(facts: Option<&FileFacts>, version: &str, url: &str) -> Publication {
    let Some(facts) = facts else {
        return Publication { sums: None, signer: FileSigner::Nobody(UNTOLD.to_owned()) };
    };
    let filled = |address: &str| filled(address, version, url);
    let why = || facts.unsigned.clone().unwrap_or_else(|| UNTOLD.to_owned());
    let signer = match &facts.signed {
        Some(FileSignature::Gpg(gpg)) => {
            FileSigner::SumsByGpg(GpgFacts { signature: filled(&gpg.signature), ..gpg.clone() })
        }
        Some(FileSignature::Cosign(cosign)) => {
            let proof = match &cosign.proof {
                CosignProof::Bundle(bundle) => CosignProof::Bundle(filled(bundle)),
                CosignProof::Detached { signature, certificate } => {
                    CosignProof::Detached { signature: filled(signature), certificate: filled(certificate) }
                }
            };
            FileSigner::FileByCosign { proof, identity: cosign.identity.clone() }
        }
        None => FileSigner::Nobody(why()),
    };
    Publication { sums: facts.sums.as_deref().map(filled), signer }
}

pub(super) fn image(facts: Option<&ImageFacts>) -> ImageSigner {
    match facts.map(|facts| (&facts.signed, &facts.unsigned)) {
        Some((Some(ImageSignature::Key(key)), _)) => ImageSigner::Key(key.clone()),
        Some((Some(ImageSignature::Identity(identity)), _)) => ImageSigner::Identity(identity.clone()),
        Some((None, Some(why))) => ImageSigner::Nobody(why.clone()),
        Some((None, None)) | None => ImageSigner::Nobody(UNTOLD.to_owned()),
    }
}

/// Everything that has versions of its own, and where the newest one is said.
pub(super) fn releases(stack: &Stack) -> Vec<Release> {
    let (pins, upstream) = (&stack.pins, &stack.upstream);
    let tools = pins.tools.iter().map(|(name, pin)| (name.to_string(), &pin.version, upstream.tools.get(name)));
    let manifests =
        pins.manifests.iter().map(|(name, pin)| (name.to_string(), &pin.version, upstream.manifests.get(name)));
    let chart = pins.chart.iter().map(|pin| (format!("chart {}", pin.name), &pin.version, Some(&upstream.chart)));
    let newest = |(what, version, facts): (String, &String, Option<&FileFacts>)| {
        Some(match facts?.newest.as_ref()? {
            NewestFacts::Text(url) => Release::said(&what, version, filled(url, version, "")),
            NewestFacts::Github(repository) => Release::on_github(&what, version, repository),
        })
    };
    tools.chain(manifests).chain(chart).filter_map(newest).collect()
}

/// An address with what stands for a part of the pin replaced by it.
fn filled(address: &str, version: &str, url: &str) -> String {
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    [
        ("{url}", url),
        ("{folder}", folder),
        ("{file}", name),
        ("{stem}", url.strip_suffix(".yaml").unwrap_or(url)),
        ("{version}", version),
        ("{major}", major),
        ("{minor}", minor),
    ]
    .iter()
    .fold(address.to_owned(), |address, (name, part)| address.replace(name, part))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use bootstrap_fetch::platform::Platform;

    #[test]
    fn the_lists_of_the_built_in_tools_have_upstreams_names() {
        let stack = Stack::pgedge().unwrap();
        let lists: Vec<String> = stack
            .tools()
            .map(|tool| {
                let url = stack.pins.tool_file(tool, Platform::LinuxAmd64).unwrap().url;
                file(stack.upstream.tools.get(&tool), &stack.pins.tool(tool).unwrap().version, &url).sums.unwrap()
            })
            .collect();
        assert_eq!(
            lists,
            [
                "https://get.helm.sh/helm-v4.3.0-linux-amd64.tar.gz.sha256sum",
                "https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-amd64.sha256sum",
                "https://dl.k8s.io/release/v1.35.8/bin/linux/amd64/kubectl.sha256",
                "https://github.com/cloudnative-pg/cloudnative-pg/releases/download/v1.30.0/cnpg-1.30.0-checksums.txt",
            ]
        );
    }

    #[test]
    fn every_release_is_asked_for_without_an_api() {
        let releases = releases(Stack::pgedge().unwrap());
        assert_eq!(releases.len(), 7);
        for release in releases {
            assert!(release.url().starts_with("https://") && !release.url().contains("api."), "{}", release.url());
        }
    }

    #[test]
    fn of_all_that_the_default_stack_pins_it_says_who_signs_it() {
        let stack = Stack::pgedge().unwrap();
        let (pins, upstream) = (&stack.pins, &stack.upstream);
        let files = pins.tools.keys().map(|name| upstream.tools.get(name));
        let files = files.chain(pins.manifests.keys().map(|name| upstream.manifests.get(name)));
        for facts in files.chain([Some(&upstream.chart)]) {
            assert!(!matches!(file(facts, "1.2.3", "https://a/b").signer, FileSigner::Nobody(why) if why == UNTOLD));
        }
        for name in pins.images.keys() {
            let signer = image(upstream.images.get(name));
            assert!(!matches!(signer, ImageSigner::Nobody(why) if why == UNTOLD), "{name}");
        }
    }

    #[test]
    fn what_a_stack_says_nothing_of_is_compared_with_the_file_itself() {
        let untold = file(None, "1.2.3", "https://example.com/tool");
        assert!(untold.sums.is_none() && matches!(untold.signer, FileSigner::Nobody(_)));
        assert!(matches!(image(None), ImageSigner::Nobody(_)));
    }
}
