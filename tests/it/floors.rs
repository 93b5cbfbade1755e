//! The floors of the house: a module imports what is below it, and an outside name has one home.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From the cellar upwards. A module may import modules of lower floors; within a floor, those in the same row are
/// one folder and may know its parent's public face only.
const FLOORS: &[&[&str]] = &[
    &[
        "adoption",
        "edition",
        "event",
        "failure",
        "file",
        "identity",
        "image",
        "lesson",
        "logs",
        "matrix",
        "options",
        "pins",
        "places",
        "platform",
        "redact",
        "run_state",
        "step",
        "stop",
        "sum",
        "timeline",
        "work",
    ],
    &["follow", "process", "signals", "ui"],
    &["verdict", "kubernetes", "tools", "download", "lock"],
    &["sql", "upstream"],
    &["replication"],
    &["context"],
    &["plan"],
    &["converge"],
    &["steps"],
    &["cli"],
    &["commands"],
];

/// Names from outside and the modules that may use them.
const HOMES: &[(&str, &[&str])] = &[
    ("clap", &["cli", "main", "commands"]),
    ("clap_mangen", &["commands"]),
    ("console", &["ui"]),
    ("pulldown_cmark", &["lesson", "ui"]),
    ("regex", &["redact"]),
    ("reqwest", &["download"]),
    ("rustls", &["download"]),
    ("tar", &["download"]),
    ("flate2", &["download", "kubernetes"]),
    ("kube", &["kubernetes", "verdict", "sql", "steps"]),
    ("rustix", &["identity", "process", "lock", "steps", "ui"]),
    ("process::Command", &["process", "tools", "steps"]),
    ("tokio::process", &["process"]),
    ("std::process::exit", &[]),
    // fs_err names the path in its errors; these use the standard library's types, not its functions.
    ("std::fs", &["download", "file", "lock", "logs", "ui"]),
];

#[test]
fn no_module_imports_upwards() {
    let floor: BTreeMap<&str, usize> =
        FLOORS.iter().enumerate().flat_map(|(floor, names)| names.iter().map(move |name| (*name, floor))).collect();
    let mut wrong = Vec::new();
    for (module, file, line) in lines() {
        if module == "main" {
            continue;
        }
        let here =
            *floor.get(module.as_str()).unwrap_or_else(|| panic!("src/{module} stands on no floor: add it to FLOORS"));
        for name in imported(&line) {
            let Some(there) = floor.get(name.as_str()) else { continue };
            if name != module && *there > here {
                wrong.push(format!("{}: {} imports {} from above", file.display(), module, name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_of_one_floor_do_not_import_each_other_in_a_circle() {
    let mut knows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, _, line) in lines() {
        knows.entry(module.clone()).or_default().extend(imported(&line).filter(|name| *name != module));
    }
    let modules: Vec<String> = knows.keys().filter(|module| *module != "main").cloned().collect();
    for start in &modules {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = knows.get(start).into_iter().flatten().collect();
        while let Some(module) = next.pop() {
            assert!(module != start, "{start} imports itself by way of others");
            if seen.insert(module) {
                next.extend(knows.get(module).into_iter().flatten());
            }
        }
    }
}

#[test]
fn an_outside_name_has_one_home() {
    let mut wrong = Vec::new();
    for (module, file, line) in lines() {
        for (name, homes) in HOMES {
            let used = line.contains(&format!("{name}::"))
                || line.contains(&format!("use {name};"))
                || line.trim_end().ends_with(name);
            let crate_path = line.contains(&format!("crate::{name}"))
                || line.contains(&format!("::{name}::")) && !name.contains("::");
            if used && !crate_path && !homes.contains(&module.as_str()) {
                wrong.push(format!("{}: {name} is at home in {homes:?}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every line of code (no comments) with its module, the first folder or file below src.
fn lines() -> Vec<(String, PathBuf, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut lines = Vec::new();
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).unwrap().to_owned();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            if !line.trim_start().starts_with("//") {
                lines.push((module.clone(), relative.clone(), line.to_owned()));
            }
        }
    }
    assert!(lines.len() > 1000, "the sources were not found");
    lines
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules that a line names as `crate::module`.
fn imported(line: &str) -> impl Iterator<Item = String> {
    line.split("crate::").skip(1).filter_map(|rest| {
        let name: String = rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        (!name.is_empty()).then_some(name)
    })
}
