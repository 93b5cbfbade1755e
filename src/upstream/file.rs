//! A pinned file beside what upstream says of it.

use anyhow::Result;
use bootstrap_fetch::download::Answer;
use bootstrap_fetch::sum::Sha256;

use super::published::{FileSigner, Publication};
use super::signature::{self, Signature};
use super::{Finding, Upstream, Verdict, sums};

/// # Errors
/// Those of the network, which leave the verdict unknown.
pub(super) async fn compare(
    upstream: &Upstream,
    url: &str,
    pinned: Option<&Sha256>,
    publication: &Publication,
    finding: &mut Finding,
) -> Result<()> {
    finding.signature = Signature::of_file(&publication.signer);
    let listed = match &publication.sums {
        Some(list) => listed(upstream, list, url, finding).await?,
        None => None,
    };
    if let Some((list, sum)) = &listed {
        settle(pinned, sum, finding);
        if let FileSigner::SumsByGpg(gpg) = &publication.signer {
            finding.signature = signature::of_sums(&upstream.asker, list, gpg).await;
        }
    }
    if listed.is_some() && !upstream.download {
        // A list may outlive the files that it names.
        if let Answer::Gone(words) = upstream.asker.presence(url).await? {
            gone(words, finding);
        }
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("file");
    let copy = matches!(publication.signer, FileSigner::FileByCosign { .. }).then_some(place.as_path());
    let found = match upstream.asker.sum(url, copy).await? {
        Answer::There(found) => found,
        Answer::Gone(words) => {
            gone(words, finding);
            return Ok(());
        }
    };
    finding.evidence.push(format!("{} has sha256 {found}", upstream.asker.place(url)));
    match &listed {
        Some((_, sum)) if *sum != found => {
            finding.verdict = Verdict::Unknown;
            finding.evidence.push("the file is not what the list says".to_owned());
        }
        _ => settle(pinned, &found, finding),
    }
    if let FileSigner::FileByCosign { proof, identity } = &publication.signer {
        finding.signature = signature::of_file(&upstream.asker, &place, proof, identity).await;
    }
    Ok(())
}

/// The text of the list and the sum that it has for this file. A list that is not there, or does not name the file,
/// leaves the file itself to be asked.
async fn listed(upstream: &Upstream, list: &str, url: &str, finding: &mut Finding) -> Result<Option<(String, Sha256)>> {
    let name = sums::name_in(url)?;
    let text = match upstream.asker.text(list).await? {
        Answer::There(text) => text,
        Answer::Gone(words) => {
            finding.evidence.push(format!("no list of sums: {words}"));
            return Ok(None);
        }
    };
    let list = upstream.asker.place(list);
    match sums::sum_of(&text, name).map_err(|error| error.context(format!("{list} is no list of sums")))? {
        Some(sum) => {
            finding.evidence.push(format!("{list} says sha256 {sum}"));
            Ok(Some((text, sum)))
        }
        None => {
            finding.evidence.push(format!("{list} does not name {name}"));
            Ok(None)
        }
    }
}

fn settle(pinned: Option<&Sha256>, found: &Sha256, finding: &mut Finding) {
    finding.upstream = Some(found.to_string());
    finding.verdict = match pinned {
        None => Verdict::Unpinned,
        Some(pinned) if pinned == found => Verdict::Same,
        Some(_) => Verdict::Changed,
    };
}

fn gone(words: String, finding: &mut Finding) {
    finding.verdict = Verdict::Gone;
    finding.evidence.push(words);
}
