//! Where each upstream says its sums, who signs what, and where its newest version is said. The one table of such facts;
//! each has the place that it was read from.

use anyhow::Result;

use super::Release;
use crate::pins::{ImageRole, Pins, Tool};

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
    Nobody(&'static str),
    /// The list of sums has a detached signature by one of these signers. The keys are fetched, and only the ones with their
    /// fingerprints count.
    SumsByGpg { signature: String, keys: &'static str, signers: &'static [&'static str] },
    /// The file has a signature without a key: of an identity that a certificate authority has seen.
    FileByCosign { proof: CosignProof, identity: Identity },
}

#[derive(Debug, Clone)]
pub(super) enum CosignProof {
    Bundle(String),
    Detached { signature: String, certificate: String },
}

/// Whom a certificate must name, and who must have seen them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) flag: &'static str,
    pub(super) value: &'static str,
    pub(super) issuer: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ImageSigner {
    /// Why there is nothing to be checked.
    Nobody(&'static str),
    Key(&'static PublicKey),
    Identity(Identity),
}

/// A key that cosign takes. It is fetched, and must be the one that is known here.
#[derive(Debug)]
pub(super) struct PublicKey {
    pub(super) url: &'static str,
    pub(super) sha256: &'static str,
    /// How it signs, as flags of cosign.
    pub(super) flags: &'static [&'static str],
}

/// <https://github.com/helm/helm/blob/main/scripts/get-helm-4> takes the signatures from GitHub and the keys from here;
/// `make sign` of <https://github.com/helm/helm/blob/main/Makefile> signs the lists, too.
const HELM_KEYS: &str = "https://raw.githubusercontent.com/helm/helm/main/KEYS";

/// The fingerprints of the primary keys in
/// <https://github.com/helm/helm/blob/5638c35399464b6432ba81b92a341218991efa5c/KEYS> that have not expired.
const HELM_SIGNERS: [&str; 9] = [
    "208DD36ED5BB3745A16743A4C7C6FBB5B91C1155",
    "49D09C86C3DC8DA3F0A076221EF612347F8A9958",
    "4AB45F1CB0D292975C6371436E2A23D806B6E6DD",
    "672C657BE06B4B30969C4A57461449C25E36B98E",
    "7FEC81FACC7FFB2A010ADD13C2D40F4D8196E874",
    "967F8AC5E2216F9F4FD270AD92AA783CBAAE8E3B",
    "ABA2529598F6626C420D335B62F49E747D911B60",
    "BF888333D96A1C18E2682AAED79D67C9EC016739",
    "F1261BDE929012C8FF2E501D6EA5D7598529A53E",
];

/// <https://kubernetes.io/docs/tasks/administer-cluster/verify-signed-artifacts/>
const KUBERNETES: Identity = Identity {
    flag: "--certificate-identity",
    value: "krel-staging@k8s-releng-prod.iam.gserviceaccount.com",
    issuer: "https://accounts.google.com",
};

/// <https://cloudnative-pg.io/docs/1.30/installation_upgrade#verifying-release-assets>
const CLOUDNATIVE_PG: Identity = Identity {
    flag: "--certificate-identity-regexp",
    value: "^https://github.com/cloudnative-pg/cloudnative-pg/.github/workflows/release-publish.yml@refs/tags/v",
    issuer: "https://token.actions.githubusercontent.com",
};

/// <https://cert-manager.io/docs/installation/code-signing/>, with the flags that it names. The sum is that of the file in
/// <https://github.com/cert-manager/website/tree/master/public/public-keys>.
const CERT_MANAGER: PublicKey = PublicKey {
    url: "https://cert-manager.io/public-keys/cert-manager-pubkey-2021-09-20.pem",
    sha256: "62151ffda7bb5350367480750ff1cb75d53f0f83baca524044e5274aa83b63a6",
    flags: &["--signature-digest-algorithm", "sha512", "--insecure-ignore-tlog"],
};

/// kind tells the digests of its images in the notes of its releases, and signs none of them.
pub(super) const NODE_IMAGE: ImageSigner = ImageSigner::Nobody("kind signs no node image");

/// What is published beside the file of a tool at `url`.
pub(super) fn tool(tool: Tool, version: &str, url: &str) -> Publication {
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let (sums, signer) = match tool {
        // `make checksum` of helm's Makefile: `<sum>  <name>`; `<url>.sha256` has the sum alone.
        Tool::Helm => {
            let release = format!("https://github.com/helm/helm/releases/download/v{version}");
            let signature = format!("{release}/{name}.sha256sum.asc");
            (format!("{url}.sha256sum"), FileSigner::SumsByGpg { signature, keys: HELM_KEYS, signers: &HELM_SIGNERS })
        }
        // <https://github.com/kubernetes-sigs/kind/blob/main/hack/release/build/cross.sh>
        Tool::Kind => (format!("{url}.sha256sum"), FileSigner::Nobody("kind signs no release")),
        // <https://kubernetes.io/docs/tasks/tools/install-kubectl-linux/>: the sum alone.
        Tool::Kubectl => {
            let proof = CosignProof::Detached { signature: format!("{url}.sig"), certificate: format!("{url}.cert") };
            (format!("{url}.sha256"), FileSigner::FileByCosign { proof, identity: KUBERNETES })
        }
        // `checksum` of <https://github.com/cloudnative-pg/cloudnative-pg/blob/main/.goreleaser.yml>: one list for all.
        Tool::KubectlCnpg => (
            format!("{folder}/cnpg-{version}-checksums.txt"),
            FileSigner::Nobody("CloudNativePG names no key for its signatures of programs"),
        ),
    };
    Publication { sums: Some(sums), signer }
}

pub(super) fn cert_manager_manifest() -> Publication {
    Publication { sums: None, signer: FileSigner::Nobody("cert-manager signs images and charts, no manifest") }
}

pub(super) fn cloudnative_pg_manifest(pins: &Pins) -> Publication {
    let url = &pins.manifests.cloudnative_pg.url;
    let bundle = format!("{}.sigstore.json", url.strip_suffix(".yaml").unwrap_or(url));
    let signer = FileSigner::FileByCosign { proof: CosignProof::Bundle(bundle), identity: CLOUDNATIVE_PG };
    Publication { sums: None, signer }
}

/// The chart is pinned under a commit, whose name is a sum of all that is in it.
pub(super) fn chart_file() -> Publication {
    Publication { sums: None, signer: FileSigner::Nobody("pgEdge signs the chart's archive, not its files") }
}

pub(super) fn image(role: ImageRole) -> ImageSigner {
    match role {
        ImageRole::CloudnativePg => ImageSigner::Identity(CLOUDNATIVE_PG),
        ImageRole::CertManagerController | ImageRole::CertManagerWebhook | ImageRole::CertManagerCainjector => {
            ImageSigner::Key(&CERT_MANAGER)
        }
        ImageRole::Postgres | ImageRole::InitSpock => {
            ImageSigner::Nobody("pgEdge does not say how its images are to be verified")
        }
    }
}

/// Everything that has versions of its own, and where the newest one is said. Never GitHub's API: the page of the latest
/// release leads to the page of its tag.
pub(super) fn releases(pins: &Pins) -> Result<Vec<Release>> {
    let mut releases = Vec::new();
    for tool in Tool::ALL {
        let version = pins.tool(tool)?.version.as_str();
        let mut parts = version.split('.');
        let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        releases.push(match tool {
            // get-helm-3 and get-helm-4 read them: one for each major version.
            Tool::Helm => Release::said("helm", version, format!("https://get.helm.sh/helm{major}-latest-version")),
            Tool::Kind => Release::on_github("kind", version, "kubernetes-sigs/kind"),
            // The minor version is that of the Kubernetes that is made, so only its patches are newer.
            Tool::Kubectl => {
                Release::said("kubectl", version, format!("https://dl.k8s.io/release/stable-{major}.{minor}.txt"))
            }
            Tool::KubectlCnpg => Release::on_github("kubectl-cnpg", version, "cloudnative-pg/cloudnative-pg"),
        });
    }
    let (cert_manager, cloudnative_pg) = (&pins.manifests.cert_manager, &pins.manifests.cloudnative_pg);
    releases.push(Release::on_github("cert-manager", &cert_manager.version, "cert-manager/cert-manager"));
    releases.push(Release::on_github("cloudnative-pg", &cloudnative_pg.version, "cloudnative-pg/cloudnative-pg"));
    releases.push(Release::on_github(&format!("chart {}", pins.chart.name), &pins.chart.version, "pgEdge/pgedge-helm"));
    Ok(releases)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use bootstrap_fetch::platform::Platform;
    use bootstrap_fetch::sum::Sha256;

    #[test]
    fn the_lists_of_the_built_in_tools_have_upstreams_names() {
        let pins = Pins::built_in().unwrap();
        let list = |tool| {
            let version = &pins.tool(tool).unwrap().version;
            let url = &pins.tool_file(tool, Platform::LinuxAmd64).unwrap().url;
            super::tool(tool, version, url).sums.unwrap()
        };
        assert_eq!(list(Tool::Helm), "https://get.helm.sh/helm-v4.3.0-linux-amd64.tar.gz.sha256sum");
        assert_eq!(
            list(Tool::Kind),
            "https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-amd64.sha256sum"
        );
        assert_eq!(list(Tool::Kubectl), "https://dl.k8s.io/release/v1.35.8/bin/linux/amd64/kubectl.sha256");
        assert_eq!(
            list(Tool::KubectlCnpg),
            "https://github.com/cloudnative-pg/cloudnative-pg/releases/download/v1.30.0/cnpg-1.30.0-checksums.txt"
        );
    }

    #[test]
    fn the_known_key_has_a_sum() {
        assert!(Sha256::parse(CERT_MANAGER.sha256).is_ok());
    }

    #[test]
    fn every_release_is_asked_for_without_an_api() {
        for release in releases(&Pins::built_in().unwrap()).unwrap() {
            assert!(release.url().starts_with("https://") && !release.url().contains("api."), "{}", release.url());
        }
    }
}
