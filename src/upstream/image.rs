//! A pinned image beside what its registry says of it.

use anyhow::Result;
use bootstrap_fetch::download::{Answer, Puller};
use bootstrap_fetch::image::ImageName;
use bootstrap_fetch::sum::Digest;

use super::published::ImageSigner;
use super::signature::{self, Signature};
use super::{Finding, Upstream, Verdict};

/// # Errors
/// Those of the network, which leave the verdict unknown.
pub(super) async fn compare(
    upstream: &Upstream,
    name: &ImageName,
    puller: Puller,
    pinned: Option<&Digest>,
    signer: ImageSigner,
    finding: &mut Finding,
) -> Result<()> {
    let registry = &upstream.registry;
    finding.signature = Signature::of_image(&signer);
    let tagged = match registry.resolve(name, puller).await? {
        Answer::There(digest) => Some(digest),
        Answer::Gone(words) => {
            finding.evidence.push(format!("the tag is gone: {words}"));
            None
        }
    };
    finding.upstream = tagged.as_ref().map(ToString::to_string);
    // What a run pulls is the pinned digest, and what would be written is that of the tag, which may have moved on.
    let moved = tagged.as_ref().filter(|tagged| Some(*tagged) != pinned);
    for digest in pinned.into_iter().chain(moved) {
        match registry.under(name, puller, digest).await? {
            Answer::There(found) if found == *digest => finding.evidence.push(format!("{digest} is there")),
            Answer::There(found) => anyhow::bail!("the registry has {found} under the name of {digest}"),
            Answer::Gone(words) if Some(digest) == pinned => {
                finding.verdict = Verdict::Gone;
                finding.evidence.push(format!("the digest is gone: {words}"));
                return Ok(());
            }
            Answer::Gone(words) => anyhow::bail!("the tag has {digest}, which is not there: {words}"),
        }
    }
    finding.verdict = match (pinned, &tagged) {
        (_, None) => Verdict::Gone,
        (None, Some(_)) => Verdict::Unpinned,
        (Some(pinned), Some(tagged)) if pinned == tagged => Verdict::Same,
        (Some(_), Some(_)) => Verdict::Changed,
    };
    if let Some(digest) = tagged.as_ref().or(pinned) {
        finding.signature = signature::of_image(upstream, name, digest, &signer).await;
    }
    Ok(())
}
