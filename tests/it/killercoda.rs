//! The scenario's files: what Killercoda does not complain about, and leaves blank or broken in silence.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::support::{Home, files_below};

/// The machines that Killercoda has (<https://killercoda.com/creators>).
const MACHINES: [&str; 8] = [
    "ubuntu",
    "ubuntu-4GB",
    "kubernetes-kubeadm-1node",
    "kubernetes-kubeadm-1node-4GB",
    "kubernetes-kubeadm-2nodes",
    "kubernetes-kubeadm-1node-rapid",
    "kubernetes-kubeadm-1node-4GB-rapid",
    "kubernetes-kubeadm-2nodes-rapid",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    title: String,
    description: String,
    details: Details,
    backend: Backend,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    intro: Intro,
    steps: Vec<Step>,
    finish: Finish,
    assets: Assets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Intro {
    text: String,
    background: String,
    foreground: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    title: String,
    text: String,
    verify: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finish {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assets {
    host01: Vec<Asset>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asset {
    file: String,
    target: String,
    chmod: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backend {
    imageid: String,
}

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("killercoda")
}

/// What is wrong with a scenario; nothing if it can be published.
fn complaints(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("index.json")).unwrap_or_default();
    let index: Index = match serde_json::from_str(&text) {
        Ok(index) => index,
        Err(error) => return vec![format!("index.json: {error}")],
    };
    let mut wrong = Vec::new();
    if !MACHINES.contains(&index.backend.imageid.as_str()) {
        wrong.push(format!("index.json: there is no machine {:?}", index.backend.imageid));
    }
    let details = &index.details;
    let titles = details.steps.iter().map(|step| &step.title).chain([&index.title, &index.description]);
    wrong.extend(titles.filter(|title| title.trim().is_empty()).map(|_| "index.json: a title is empty".to_owned()));
    for asset in &details.assets.host01 {
        if !asset.target.starts_with('/') || asset.chmod != "+x" {
            wrong.push(format!("index.json: asset {} goes to {} with {}", asset.file, asset.target, asset.chmod));
        }
    }

    let assets: Vec<String> = details.assets.host01.iter().map(|asset| format!("assets/{}", asset.file)).collect();
    let verifies: Vec<&String> = details.steps.iter().map(|step| &step.verify).collect();
    let programs: Vec<&String> = verifies.iter().copied().chain(&assets).chain([&details.intro.background]).collect();
    let texts: Vec<&String> =
        details.steps.iter().map(|step| &step.text).chain([&details.intro.text, &details.finish.text]).collect();
    let foreground = &details.intro.foreground;
    let named: BTreeSet<&str> =
        programs.iter().chain(&texts).map(|name| name.as_str()).chain([foreground.as_str(), "index.json"]).collect();
    let here = files_below(folder);
    let here: BTreeSet<&str> = here.iter().map(String::as_str).collect();
    wrong.extend(named.difference(&here).map(|name| format!("{name} is named and not there")));
    wrong.extend(here.difference(&named).map(|name| format!("{name} is there and never named")));

    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    for name in &here {
        wrong.extend(in_any_file(&read(name)).map(|what| format!("{name}: {what}")));
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode();
        if (mode & 0o111 != 0) != programs.iter().any(|program| program == name) {
            wrong.push(format!("{name}: has mode {mode:o}"));
        }
    }
    for name in &programs {
        wrong.extend(in_program(&read(name)).map(|what| format!("{name}: {what}")));
    }
    for name in &texts {
        wrong.extend(in_text(&read(name)).into_iter().map(|what| format!("{name}: {what}")));
    }
    for name in &verifies {
        wrong.extend(in_verify(&read(name)).map(|what| format!("{name}: {what}")));
    }
    wrong.extend(in_foreground(&read(foreground)).map(|what| format!("{foreground}: {what}")));
    wrong.extend(in_prepare(&read("assets/prepare.sh")).map(|what| format!("assets/prepare.sh: {what}")));
    wrong
}

fn in_any_file(text: &str) -> Option<&'static str> {
    if text.contains('\r') {
        return Some("has carriage returns, which end up in commands");
    }
    (!text.ends_with('\n')).then_some("does not end with a line end")
}

fn in_program(text: &str) -> Option<String> {
    if !text.starts_with("#!/bin/bash\n") {
        return Some("does not begin with #!/bin/bash".to_owned());
    }
    parses(text)
}

fn parses(text: &str) -> Option<String> {
    let parsed = Command::new("bash").args(["-n", "-c", text]).output().unwrap();
    (!parsed.status.success()).then(|| String::from_utf8_lossy(&parsed.stderr).into_owned())
}

/// It is typed into the learner's own shell: what ends or changes a script would end or change that.
fn in_foreground(text: &str) -> Option<String> {
    if text.trim_end().contains('\n') || text.starts_with("#!") {
        return Some("is not one plain line".to_owned());
    }
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    for word in words {
        if ["exit", "set", "exec", "return", "trap", "logout"].contains(&word) {
            return Some(format!("{word} would end or change the learner's shell"));
        }
    }
    parses(text)
}

/// Code that is meant to be run is, by a click; what is only shown is not. Links lead somewhere.
fn in_text(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut open: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let mut complain = |what: &str| wrong.push(format!("line {}: {what}", number + 1));
        match (&open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some(language.to_owned()),
            (Some(language), Some(rest)) => {
                match (language.as_str(), rest) {
                    ("sh", "{{exec}}") | ("text" | "yaml", "") => {}
                    ("sh", _) => complain("a command that no click runs"),
                    _ => complain("a click would run what is only to be read"),
                }
                open = None;
            }
            (None, None) => {
                for link in line.split("](").skip(1) {
                    if !link.starts_with("https://") {
                        complain("a link that leads nowhere from there");
                    }
                }
            }
            (Some(_), None) => {}
        }
    }
    if open.is_some() {
        wrong.push("a block of code is not closed".to_owned());
    }
    wrong
}

/// One call, of a step that there is.
fn in_verify(text: &str) -> Option<String> {
    let calls: Vec<&str> = text.lines().filter(|line| line.contains("pgedge-bootstrap verify ")).collect();
    let [call] = calls[..] else { return Some(format!("has {} calls of verify", calls.len())) };
    let step = call.split("pgedge-bootstrap verify ").nth(1).unwrap_or_default();
    // 2 is for what cannot be typed; 1 for what does not hold in an empty home.
    let ran = Home::new().run(&["verify", step]);
    (ran.code == 2).then(|| format!("there is no step {step:?}"))
}

fn in_prepare(text: &str) -> Option<String> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let (Some(url), Some(sum)) = (value("url"), value("sha256")) else {
        return Some("does not name what it downloads".to_owned());
    };
    let exact = url.starts_with("https://") && !url.contains("latest") && url.ends_with(".tar.gz");
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (!exact || !is_sum).then(|| format!("{url} with {sum} is no exact address with its sum"))
}

#[test]
fn the_scenario_can_be_published() {
    assert_eq!(complaints(&scenario()), Vec::<String>::new());
}

/// A copy of the scenario in which one file was changed.
fn spoilt(file: &str, change: impl Fn(String) -> String) -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").args(["-a", "--"]).arg(scenario().join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    let path = copy.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let changed = change(text.clone());
    assert_ne!(text, changed, "{file} was not changed");
    std::fs::write(&path, changed).unwrap();
    complaints(copy.path())
}

#[test]
fn what_killercoda_leaves_broken_in_silence_is_found() {
    let replaced = |from: &'static str, to: &'static str| move |text: String| text.replacen(from, to, 1);
    type Change = Box<dyn Fn(String) -> String>;
    let cases: [(&str, Change, &str); 17] = [
        ("index.json", Box::new(replaced("\"backend\"", "\"backends\"")), "unknown field `backends`"),
        ("index.json", Box::new(replaced("1node-4GB", "1node-8GB")), "there is no machine"),
        ("index.json", Box::new(replaced("4-deploy/text.md", "4-deploy/test.md")), "4-deploy/test.md is named and not"),
        (
            "index.json",
            Box::new(replaced("4-deploy/text.md", "5-health/text.md")),
            "4-deploy/text.md is there and never",
        ),
        ("index.json", Box::new(replaced("\"+x\"", "\"0644\"")), "goes to /opt/pgedge with 0644"),
        ("notes.md", Box::new(|_| "new\n".to_owned()), "notes.md is there and never named"),
        ("1-orient/text.md", Box::new(replaced("```{{exec}}", "```")), "a command that no click runs"),
        ("1-orient/text.md", Box::new(replaced("```text", "```sh")), "a command that no click runs"),
        ("1-orient/text.md", Box::new(replaced("```\n\nBetween", "```{{exec}}\n\nBetween")), "only to be read"),
        ("finish/text.md", Box::new(replaced("](https://", "](/")), "leads nowhere"),
        ("finish/text.md", Box::new(|text| text.replace('\n', "\r\n")), "carriage returns"),
        ("4-deploy/verify.sh", Box::new(replaced("active-active/deploy", "active-active/deploi")), "there is no step"),
        ("4-deploy/verify.sh", Box::new(replaced("#!/bin/bash", "#!/bin/sh")), "does not begin with"),
        ("intro/background.sh", Box::new(replaced("done", "")), "syntax error"),
        ("intro/foreground.sh", Box::new(|text| format!("set -e; {text}")), "set would end or change"),
        ("intro/foreground.sh", Box::new(|text| format!("#!/bin/bash\n{text}")), "not one plain line"),
        ("assets/prepare.sh", Box::new(replaced("/download/v0", "/latest/v0")), "no exact address"),
    ];
    for (file, change, words) in cases {
        let found = spoilt(file, change);
        assert!(found.iter().any(|complaint| complaint.contains(words)), "{file}: {words:?} is not among {found:?}");
    }
}

#[test]
fn a_program_that_may_not_be_run_and_a_text_that_may_are_found() {
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").args(["-a", "--"]).arg(scenario().join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    for (file, mode) in [("2-bootstrap/verify.sh", 0o644), ("intro/foreground.sh", 0o755)] {
        std::fs::set_permissions(copy.path().join(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let found = complaints(copy.path());
    assert!(found.len() == 2 && found.iter().all(|complaint| complaint.contains("has mode")), "{found:?}");
}

#[test]
fn a_release_is_written_into_the_scenario_and_nothing_else_is() {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("assets")).unwrap();
    let file = copy.path().join("assets/prepare.sh");
    std::fs::copy(scenario().join("assets/prepare.sh"), &file).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/killercoda-release");
    let release = |url: &str, sum: &str| Command::new(&script).args([url, sum]).arg(copy.path()).output().unwrap();
    let (before, sum) = (std::fs::read_to_string(&file).unwrap(), "0123456789abcdef".repeat(4));
    for (url, sum) in
        [("http://a/b.tar.gz", sum.as_str()), ("https://a/b.tar.gz", "0123"), ("https://a/$(id).tar.gz'", &sum)]
    {
        let refused = release(url, sum);
        assert!(!refused.status.success(), "{url}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("hint: "), "{url}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before, "{url}");
    }
    let url = "https://github.com/pgEdge/pgedge-bootstrap/releases/download/v1.2.3/pgedge-bootstrap.tar.gz";
    let written = release(url, &sum);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.contains(&format!("\nurl={url}\n")) && after.contains(&format!("\nsha256={sum}\n")));
    let changed = before.lines().zip(after.lines()).filter(|(before, after)| before != after).count();
    assert_eq!((changed, before.lines().count()), (2, after.lines().count()));
}
