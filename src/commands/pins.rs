//! `pins check`: what upstream, or a mirror, says of everything that is pinned.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use bootstrap_fetch::download::{Asker, Authorities, Mirror, Registry, TrustedRoots};
use bootstrap_run::failure::{Failure, FailureId};
use bootstrap_run::{file, given};
use bootstrap_screen::ui;
use futures::StreamExt as _;
use serde_json::json;

use super::Verdict;
use crate::cli::{Check, Common, Output};
use crate::upstream::{self, Finding, Newest, Signature, Upstream, Verdict as Standing};

/// The version of the JSON form.
const SCHEMA: u32 = 1;

pub(super) async fn check(arguments: &Check) -> Result<Verdict> {
    let common = &arguments.common;
    if let Some(path) = arguments.write.as_deref() {
        refuse_as_place(path)?;
    }
    let (stack, text) = super::stack(common)?;
    let upstream = upstream_of(common, arguments.download)?;
    let is_text = common.output == Output::Text;
    let mut findings = Vec::new();
    let mut stream = std::pin::pin!(upstream.findings(&stack));
    while let Some(finding) = stream.next().await {
        if is_text && !(common.quiet && finding.is_good()) {
            ui::print_lines(&in_words(&finding))?;
        }
        findings.push(finding);
    }
    let newest = upstream.newest(&stack).await;
    let good = findings.iter().all(Finding::is_good);
    let written = match arguments.write.as_deref() {
        Some(path) => write(path, &text, &findings)?,
        None => Written::NotAsked,
    };
    match common.output {
        Output::Json => {
            let document = json!({
                "schema": SCHEMA, "ok": good, "pins": findings, "newest": newest,
                "written": matches!(written, Written::Yes),
            });
            ui::print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
        }
        Output::Text => ui::print_lines(&conclusion(common, &findings, &newest))?,
    }
    say(arguments, &written);
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

fn upstream_of(common: &Common, download: bool) -> Result<Upstream> {
    let authorities = common.ca_file.as_deref().map(Authorities::read).transpose()?;
    let roots = TrustedRoots::load(authorities.as_ref())?;
    let asker = Asker::new(&roots, Mirror::new(common.mirror.as_deref())?)?;
    let registry = Registry::new(asker.clone(), common.registry_mirror.clone());
    Ok(Upstream { asker, registry, download })
}

/// Better said before upstream is asked than after it.
fn refuse_as_place(path: &Path) -> Result<()> {
    given::refuse_as_place(path).map_err(|why| {
        let what = format!("the pins cannot be written to {}", path.display());
        let failure = Failure::new(FailureId::DirectoryNotWritable, what).evidence(why);
        failure.hint("--write needs the name of a file, which may be there already").into()
    })
}

/// What became of `--write`.
enum Written {
    NotAsked,
    Yes,
    /// The file has these bytes already.
    Same,
    /// So many pins have no value that could be written.
    Unsettled(usize),
}

/// Puts what upstream says into a file of pins: all of it or nothing.
fn write(path: &Path, text: &str, findings: &[Finding]) -> Result<Written> {
    let unsettled = findings.iter().filter(|finding| !finding.is_settled()).count();
    if unsettled > 0 {
        return Ok(Written::Unsettled(unsettled));
    }
    let differ = findings.iter().filter(|finding| finding.upstream != finding.pinned);
    let values: Vec<(&str, &str)> =
        differ.filter_map(|finding| Some((finding.pointer.as_str(), finding.upstream.as_deref()?))).collect();
    let text = upstream::rewritten(text, &values)?;
    if fs_err::read(path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(Written::Same);
    }
    // A path of one part has an empty parent, which is no directory.
    file::replace(&std::path::absolute(path)?, text.as_bytes(), file::PUBLIC)?;
    Ok(Written::Yes)
}

fn say(arguments: &Check, written: &Written) {
    let Some(path) = arguments.write.as_deref().map(Path::display) else { return };
    let from_mirror = arguments.common.mirror.is_some() || !arguments.common.registry_mirror.is_empty();
    match written {
        Written::NotAsked => {}
        Written::Yes if from_mirror => {
            ui::say(&format!("{path} was written, with what a mirror says, not upstream itself\n"));
        }
        Written::Yes => ui::say(&format!("{path} was written\n")),
        Written::Same => ui::say(&format!("{path} stays as it is\n")),
        Written::Unsettled(number) => {
            ui::say(&format!("{path} was not written: {number} of the pins could not be settled\n"));
        }
    }
}

fn in_words(finding: &Finding) -> String {
    let mut lines = vec![format!("{:<10}{} {}", finding.verdict.as_str(), finding.what, finding.version)];
    // What is the same stands in the evidence.
    if finding.verdict != Standing::Same {
        lines.push(format!("          pinned   {}", finding.pinned.as_deref().unwrap_or("nothing")));
        lines.push(format!("          upstream {}", finding.upstream.as_deref().unwrap_or("nothing")));
    }
    lines.extend(finding.evidence.iter().map(|evidence| format!("          {evidence}")));
    let (state, detail) = match &finding.signature {
        Signature::Verified(by) => ("verified", by),
        Signature::NotChecked(why) => ("not checked", why),
        Signature::None(why) => ("none", why),
        Signature::Refused(why) => ("WRONG", why),
    };
    lines.push(format!("          signature: {state}: {detail}"));
    lines.join("\n") + "\n"
}

fn conclusion(common: &Common, findings: &[Finding], newest: &[Newest]) -> String {
    let mut text = String::new();
    for found in newest {
        match &found.newest {
            Some(newest) if found.is_newer => {
                let evidence = found.evidence.join("; ");
                text.push_str(&format!("newer     {} {newest}, pinned is {}: {evidence}\n", found.what, found.pinned));
            }
            Some(_) => {}
            None if common.quiet => {}
            None => {
                let why = found.evidence.join("; ");
                text.push_str(&format!("newer?    {}: not known whether there is one: {why}\n", found.what));
            }
        }
    }
    let mut verdicts = BTreeMap::new();
    for finding in findings {
        *verdicts.entry(finding.verdict).or_insert(0) += 1;
    }
    let verdicts: Vec<String> =
        verdicts.iter().map(|(verdict, number)| format!("{number} {}", verdict.as_str())).collect();
    let count = |is: fn(&Signature) -> bool| findings.iter().filter(|finding| is(&finding.signature)).count();
    let signatures = [
        (count(|signature| matches!(signature, Signature::Verified(_))), "verified"),
        (count(|signature| matches!(signature, Signature::NotChecked(_))), "not checked"),
        (count(|signature| matches!(signature, Signature::Refused(_))), "wrong"),
    ];
    let signatures: Vec<String> = signatures.iter().map(|(number, word)| format!("{number} {word}")).collect();
    text.push_str(&format!(
        "{} pins: {}; signatures: {}\n",
        findings.len(),
        verdicts.join(", "),
        signatures.join(", ")
    ));
    text
}
