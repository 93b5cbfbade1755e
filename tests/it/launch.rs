//! Where people are sent: every link to what is ours leads where `docs/launch/places.json` says, to something that is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::files_below;

/// What people read, or what is read for them.
const READ: [&str; 15] = [
    ".github",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "WALKTHROUGH.md",
    "Cargo.toml",
    "install.sh",
    ".devcontainer",
    "devcontainer-feature",
    "docs",
    "killercoda",
    "scripts",
    "tutorial",
    "vscode-extension",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn places() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("docs/launch/places.json")).unwrap()).unwrap()
}

/// Name and text of each of those files.
fn read() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for name in READ {
        let path = root().join(name);
        let below = if path.is_dir() { files_below(&path) } else { Vec::new() };
        files.extend(below.into_iter().filter(|file| !file.starts_with("node_modules")).map(|file| path.join(file)));
        if path.is_file() {
            files.push(path);
        }
    }
    // What is no text has no links.
    files.into_iter().filter_map(|file| Some((file.clone(), std::fs::read_to_string(&file).ok()?))).collect()
}

/// The addresses in a text, as far as they are written out.
fn addresses(text: &str) -> Vec<String> {
    let ends = |letter: char| letter.is_whitespace() || "\"'`<>)]}|\\,;$".contains(letter);
    let after = text.split("https://").skip(1).map(|rest| rest.split(ends).next().unwrap_or_default());
    after.map(|address| address.trim_end_matches(['.', ':', '*', '_']).to_owned()).collect()
}

/// What is wrong with an address, if it is one of ours: of the repository, its Codespace, its scenario.
fn wrong(address: &str, places: &Value) -> Option<String> {
    let ours = |key: &str| places[key].as_str().unwrap().to_owned();
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let (path, anchor) = path.split_once('#').map_or((path, None), |(path, anchor)| (path, Some(anchor)));
    let path = path.trim_end_matches('/');
    let unlike = |wanted: &str| (path != wanted).then(|| format!("{host} has us at {wanted}"));
    match host {
        "codespaces.new" => unlike(&ours("repository")),
        "killercoda.com" if !["", "creators"].contains(&path) => unlike(&ours("killercoda")),
        "github.com" => {
            let repository = ours("repository");
            let name = repository.split('/').nth(1).unwrap();
            let parts: Vec<&str> = path.splitn(3, '/').collect();
            if parts.get(1).is_none_or(|second| !second.eq_ignore_ascii_case(name)) {
                return None;
            }
            if parts[..2].join("/") != repository {
                return Some(format!("the repository is {repository}"));
            }
            wrong_in_repository(parts.get(2).copied().unwrap_or_default(), anchor, places)
        }
        _ => None,
    }
}

fn wrong_in_repository(path: &str, anchor: Option<&str>, places: &Value) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let has_asset = |name: &&str| places["assets"].as_array().unwrap().iter().any(|asset| asset == *name);
    match parts.as_slice() {
        // GitHub's own name for where the document begins.
        [""] if anchor == Some("readme") => None,
        [""] => wrong_anchor(&root().join("README.md"), anchor),
        ["issues" | "releases" | "tags" | "actions" | "security", ..] if parts.len() == 1 => None,
        // The rest of the address is put together where it is used.
        ["releases", "download"] | ["releases", "latest"] | ["releases", "latest", "download"] => None,
        ["releases", "latest", "download", asset] if has_asset(asset) => None,
        ["releases", "download", tag, asset] if has_asset(asset) && tag.starts_with('v') => None,
        ["tree" | "blob", branch, inner @ ..] if places["branch"] == *branch && !inner.contains(&"") => {
            let file = root().join(inner.join("/"));
            if file.exists() { wrong_anchor(&file, anchor) } else { Some(format!("{} is not there", file.display())) }
        }
        _ => Some("it leads to nothing that is known to be there".to_owned()),
    }
}

fn wrong_anchor(file: &Path, anchor: Option<&str>) -> Option<String> {
    let anchor = anchor?;
    let headings = headings(&std::fs::read_to_string(file).ok()?);
    (!headings.contains(anchor)).then(|| format!("{} has no heading #{anchor}, but {headings:?}", file.display()))
}

/// The anchors that GitHub makes of the headings of a document.
fn headings(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut headings = BTreeSet::new();
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if let (false, Some((_, title))) =
            (in_code, line.split_once("# ").filter(|(signs, _)| signs.chars().all(|sign| sign == '#')))
        {
            let kept = title.to_lowercase().replace(' ', "-");
            headings.insert(kept.chars().filter(|sign| sign.is_alphanumeric() || "-_".contains(*sign)).collect());
        }
    }
    headings
}

#[test]
fn every_link_to_what_is_ours_leads_there() {
    let places = places();
    let mut wrongs = Vec::new();
    let mut seen = 0;
    for (file, text) in read() {
        for address in addresses(&text) {
            seen += 1;
            wrongs.extend(wrong(&address, &places).map(|why| format!("{}: https://{address}: {why}", file.display())));
        }
    }
    assert!(wrongs.is_empty() && seen > 30, "{wrongs:#?}");
}

#[test]
fn every_link_within_the_documents_leads_to_something() {
    let mut wrongs = Vec::new();
    for (file, text) in read().into_iter().filter(|(file, _)| file.extension().is_some_and(|end| end == "md")) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link)) {
            if link.contains("://") || link.starts_with("command:") || link.contains('\n') {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            if !target.exists() {
                wrongs.push(format!("{}: {link}", file.display()));
            } else if let Some(why) = wrong_anchor(&target, anchor) {
                wrongs.push(format!("{}: {link}: {why}", file.display()));
            }
        }
    }
    assert!(wrongs.is_empty(), "{wrongs:#?}");
}

#[test]
fn the_three_buttons_are_in_the_readme_and_in_the_snippet() {
    let places = places();
    let repository = places["repository"].as_str().unwrap();
    let wanted = [
        format!("https://killercoda.com/{}", places["killercoda"].as_str().unwrap()),
        format!("https://codespaces.new/{repository}"),
    ];
    for page in ["README.md", "docs/launch/buttons.html"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for link in &wanted {
            assert!(text.contains(link), "{page} lacks {link}");
        }
    }
    let snippet = std::fs::read_to_string(root().join("docs/launch/buttons.html")).unwrap();
    assert!(snippet.contains(&format!("https://github.com/{repository}#install")), "{snippet}");
    assert_eq!(snippet.matches("<a ").count(), 3);
    assert!(!snippet.contains("<script"), "a page that includes it would have to trust it");
}

/// The feature is named without a scheme, and in the workflow in two parts.
#[test]
fn the_feature_and_the_extension_have_one_name_each() {
    let places = places();
    let feature = places["feature"].as_str().unwrap();
    let mut seen = 0;
    for (file, text) in read() {
        for rest in text.split("ghcr.io/").skip(1) {
            let name = rest.split(|sign: char| sign.is_whitespace() || "\"':`$,".contains(sign)).next().unwrap();
            if name.to_lowercase().starts_with("pgedge/pgedge-bootstrap") {
                assert_eq!(format!("ghcr.io/{name}"), feature, "{}", file.display());
                seen += 1;
            }
        }
        for rest in text.split("--namespace ").skip(1) {
            let namespace = rest.split_whitespace().next().unwrap_or_default();
            if !namespace.contains("/") {
                continue;
            }
            assert_eq!(format!("ghcr.io/{namespace}/pgedge-bootstrap"), feature, "{}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 3, "{seen}");
    let manifest = std::fs::read_to_string(root().join("vscode-extension/package.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let id = format!("{}.{}", manifest["publisher"].as_str().unwrap(), manifest["name"].as_str().unwrap());
    assert_eq!(places["extension"], id);
    assert!(std::fs::read_to_string(root().join(".devcontainer/prepare")).unwrap().contains(&format!(" {id} ")));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let places = places();
    for nowhere in [
        "codespaces.new/pgedge/try-it",
        "killercoda.com/pgedge/scenario/another",
        "github.com/another/pgedge-bootstrap",
        "github.com/pgEdge/pgedge-bootstrap/blob/main/no-such-file",
        "github.com/pgEdge/pgedge-bootstrap/blob/main//etc/passwd",
        "github.com/pgEdge/pgedge-bootstrap/blob/master/README.md",
        "github.com/pgEdge/pgedge-bootstrap/releases/latest/download/pgedge-bootstrap.exe",
        "github.com/pgEdge/pgedge-bootstrap#no-such-heading",
        "github.com/pgEdge/pgedge-bootstrap/wiki",
    ] {
        assert!(wrong(nowhere, &places).is_some(), "{nowhere}");
    }
    for there in
        ["killercoda.com", "github.com/pgEdge/pgedge-helm", "github.com/pgEdge/pgedge-bootstrap/issues", "example.com"]
    {
        assert_eq!(wrong(there, &places), None);
    }
    assert_eq!(addresses("(https://a/b). `https://c` \"https://d/$e\""), ["a/b", "c", "d/"]);
    assert_eq!(headings("# A B!\n```sh\n# no\n```\n## `c`-d\n"), BTreeSet::from(["a-b".to_owned(), "c-d".to_owned()]));
}
