//! Signatures, by the programs that know them. Where such a program is missing nothing was checked, and that is what is
//! said.

use std::path::Path;

use anyhow::Result;
use bootstrap_fetch::download::{Answer, Asker};
use bootstrap_fetch::image::ImageName;
use bootstrap_fetch::sum::{Digest, Sha256};
use bootstrap_run::process::{Command, Finished, StartError};
use serde::Serialize;

use super::published::{FileSigner, ImageSigner};
use super::{Upstream, words_of};
use crate::patience;
use crate::stack::{CosignProof, GpgFacts, Identity, PublicKey};
use crate::tools::program;

/// The statuses with which cosign tells of an image
/// (<https://github.com/sigstore/cosign/blob/main/doc/cosign_exit-codes.md>).
const WITHOUT_SIGNATURE: i32 = 10;
const NO_MATCHING_SIGNATURE: i32 = 12;

/// What is known of the signature of a pin, with the words for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "detail", rename_all = "kebab-case")]
pub(crate) enum Signature {
    /// By whom it is signed.
    Verified(String),
    /// Why nobody has looked.
    NotChecked(String),
    /// Why there is none to look at.
    None(String),
    /// There is one, or should be, and it is not right.
    Refused(String),
}

impl Signature {
    /// What is known before anybody has looked.
    pub(super) fn of_file(signer: &FileSigner) -> Self {
        match signer {
            FileSigner::Nobody(why) => Self::None(why.clone()),
            FileSigner::SumsByGpg(_) => Self::NotChecked("there is no list of sums".to_owned()),
            FileSigner::FileByCosign { .. } => Self::NotChecked("it takes the file itself: --download".to_owned()),
        }
    }

    /// What is known before anybody has looked.
    pub(super) fn of_image(signer: &ImageSigner) -> Self {
        match signer {
            ImageSigner::Nobody(why) => Self::None(why.clone()),
            ImageSigner::Key(_) | ImageSigner::Identity(_) => {
                Self::NotChecked("the image could not be looked at".to_owned())
            }
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    fn unless(looked: Result<Self>) -> Self {
        looked.unwrap_or_else(|error| Self::NotChecked(words_of(&error).join("; ")))
    }
}

/// The signature of a list of sums, by one of the signers, whose keys are among those at an address.
pub(super) async fn of_sums(asker: &Asker, list: &str, facts: &GpgFacts) -> Signature {
    Signature::unless(gpg(asker, list, facts).await)
}

async fn gpg(asker: &Asker, list: &str, facts: &GpgFacts) -> Result<Signature> {
    let folder = tempfile::tempdir()?;
    let command = |arguments: &[&str]| program::gpg(folder.path(), patience::GPG_VERIFIES).args(arguments);
    let Some(known) = ask(command(&["--version"])).await? else {
        return Ok(Signature::NotChecked("no gpg here".to_owned()));
    };
    // One before 2.1 has other options, and its refusal of ours is no word about a signature.
    if !known.status.success() {
        return Ok(Signature::NotChecked(format!("the gpg here is not one of 2.1 or newer: {}", last_line(&known))));
    }
    let mut files = Vec::new();
    for (name, url) in [("keys", &facts.keys), ("list.asc", &facts.signature)] {
        match asker.text(url).await? {
            Answer::There(text) => files.push((name, text)),
            Answer::Gone(words) => return Ok(missing(asker, words)),
        }
    }
    files.push(("list", list.to_owned()));
    for (name, text) in files {
        fs_err::write(folder.path().join(name), text)?;
    }
    let place = |name: &str| folder.path().join(name).display().to_string();
    // A set of keys with one that this gpg does not understand is still a set of keys: what counts is the verification.
    ask(command(&["--import", &place("keys")])).await?;
    let verify = command(&["--status-fd", "1", "--verify", &place("list.asc"), &place("list")]);
    let Some(verified) = ask(verify).await? else { return Ok(Signature::NotChecked("no gpg here".to_owned())) };
    Ok(from_status(&verified, &facts.signers))
}

/// What gpg says to programs (<https://github.com/gpg/gnupg/blob/master/doc/DETAILS>).
fn from_status(verified: &Finished, signers: &[String]) -> Signature {
    let text = String::from_utf8_lossy(&verified.stdout);
    let said = |word: &str| {
        let line = text.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")?.strip_prefix(word));
        line.filter(|rest| rest.is_empty() || rest.starts_with(' ')).map(|rest| rest.trim().to_owned()).next()
    };
    // The last word is the fingerprint of the primary key, whichever of its keys has signed.
    let key = said("VALIDSIG").and_then(|rest| rest.split(' ').next_back().map(str::to_owned));
    match (verified.status.success(), said("GOODSIG"), key) {
        // Whoever can put a signature in its place can put a key beside the others, too.
        (true, Some(_), Some(key)) if !signers.contains(&key) => {
            Signature::Refused(format!("gpg: key {key} is none of the known signers'"))
        }
        (true, Some(who), Some(key)) => {
            let name = who.split_once(' ').map_or(who.as_str(), |(_, name)| name);
            Signature::Verified(format!("gpg: {name}, key {key}"))
        }
        _ if said("BADSIG").is_some() => Signature::Refused("gpg: the signature is of something else".to_owned()),
        _ if said("REVKEYSIG").is_some() => Signature::Refused("gpg: the key was revoked".to_owned()),
        _ if said("EXPKEYSIG").is_some() => Signature::NotChecked("gpg: the key has expired since".to_owned()),
        _ if said("NO_PUBKEY").is_some() => Signature::Refused("gpg: the signer is not among the keys".to_owned()),
        _ => Signature::Refused(format!("gpg: {}", last_line(verified))),
    }
}

/// The signature of a file without a key.
pub(super) async fn of_file(asker: &Asker, file: &Path, proof: &CosignProof, identity: &Identity) -> Signature {
    Signature::unless(cosign_file(asker, file, proof, identity).await)
}

async fn cosign_file(asker: &Asker, file: &Path, proof: &CosignProof, identity: &Identity) -> Result<Signature> {
    if !has_cosign().await? {
        return Ok(no_cosign());
    }
    let folder = tempfile::tempdir()?;
    let mut command =
        program::cosign(patience::COSIGN_VERIFIES).args(["verify-blob"]).args([file]).args(signed_by(identity));
    let proofs = match proof {
        CosignProof::Bundle(bundle) => vec![("--bundle", bundle)],
        CosignProof::Detached { signature, certificate } => {
            vec![("--signature", signature), ("--certificate", certificate)]
        }
    };
    for (flag, url) in proofs {
        let place = folder.path().join(flag.trim_start_matches('-'));
        match asker.text(url).await? {
            Answer::There(text) => fs_err::write(&place, text)?,
            Answer::Gone(words) => return Ok(missing(asker, words)),
        }
        command = command.args([flag]).args([&place]);
    }
    let Some(verified) = ask(command).await? else { return Ok(no_cosign()) };
    // For files it has no status that tells one failure from another.
    Ok(match verified.status.success() {
        true => Signature::Verified(format!("cosign: {}", identity.name)),
        false => Signature::Refused(format!("cosign: {}", last_line(&verified))),
    })
}

/// The signature of an image, by its digest.
pub(super) async fn of_image(
    upstream: &Upstream,
    name: &ImageName,
    digest: &Digest,
    signer: &ImageSigner,
) -> Signature {
    Signature::unless(cosign_image(upstream, name, digest, signer).await)
}

async fn cosign_image(
    upstream: &Upstream,
    name: &ImageName,
    digest: &Digest,
    signer: &ImageSigner,
) -> Result<Signature> {
    if let ImageSigner::Nobody(why) = signer {
        return Ok(Signature::None(why.clone()));
    }
    if !has_cosign().await? {
        return Ok(no_cosign());
    }
    let folder = tempfile::tempdir()?;
    let mirror = upstream.registry.mirror(name);
    let place = mirror.map_or(name.registry(), |mirror| mirror.address());
    let mut command = program::cosign(patience::COSIGN_VERIFIES).args(["verify"]);
    let whom = match signer {
        ImageSigner::Key(key) => {
            let place = folder.path().join("key.pem");
            match known_key(&upstream.asker, key).await? {
                Ok(text) => fs_err::write(&place, text)?,
                Err(why) => return Ok(missing(&upstream.asker, why)),
            }
            command = command.args(["--key"]).args([&place]).args(flags_of(key));
            &key.url
        }
        ImageSigner::Identity(identity) => {
            command = command.args(signed_by(identity));
            &identity.name
        }
        ImageSigner::Nobody(why) => return Ok(Signature::None(why.clone())),
    };
    let command = command.args([format!("{place}/{}@{digest}", name.path())]);
    let Some(verified) = ask(command).await? else { return Ok(no_cosign()) };
    let words = || format!("cosign: {}", last_line(&verified));
    Ok(match verified.status.code() {
        Some(0) => Signature::Verified(format!("cosign: {whom}")),
        Some(WITHOUT_SIGNATURE) if mirror.is_some() => Signature::NotChecked("the mirror has no signature".to_owned()),
        Some(WITHOUT_SIGNATURE | NO_MATCHING_SIGNATURE) => Signature::Refused(words()),
        _ => Signature::NotChecked(words()),
    })
}

/// The key, or why it is not to be used.
async fn known_key(asker: &Asker, key: &PublicKey) -> Result<Result<String, String>> {
    let text = match asker.text(&key.url).await? {
        Answer::There(text) => text,
        Answer::Gone(words) => return Ok(Err(words)),
    };
    Ok(if Sha256::of(&text) == key.sha256 { Ok(text) } else { Err(format!("{} is not the known key", key.url)) })
}

fn signed_by(identity: &Identity) -> [&str; 4] {
    let flag = if identity.is_pattern { "--certificate-identity-regexp" } else { "--certificate-identity" };
    [flag, &identity.name, "--certificate-oidc-issuer", &identity.issuer]
}

/// How a key signs, in the words of cosign.
fn flags_of(key: &PublicKey) -> Vec<&str> {
    let digest = key.digest_algorithm.iter().flat_map(|algorithm| ["--signature-digest-algorithm", algorithm]);
    digest.chain(key.without_log.then_some("--insecure-ignore-tlog")).collect()
}

async fn has_cosign() -> Result<bool> {
    Ok(ask(program::cosign(patience::COSIGN_VERIFIES).args(["version"])).await?.is_some())
}

/// What takes part in a signature is not there, or is another one. A mirror may just not have it; upstream, which has
/// published it, no longer stands by it.
fn missing(asker: &Asker, why: String) -> Signature {
    if asker.has_mirror() { Signature::NotChecked(why) } else { Signature::Refused(why) }
}

fn no_cosign() -> Signature {
    Signature::NotChecked("no cosign here".to_owned())
}

/// What the program said, or `None` if there is no such program.
async fn ask(command: Command) -> Result<Option<Finished>> {
    match command.finish().await {
        Ok(finished) => Ok(Some(finished)),
        Err(error) if error.downcast_ref::<StartError>() == Some(&StartError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn last_line(finished: &Finished) -> String {
    finished.tail().lines().last().unwrap_or("it says nothing").trim().to_owned()
}
