//! The floors of the house: a module imports what is below it, and an outside name has one home. Between crates the compiler sees
//! to that; this is about the modules of one crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From the cellar upwards. A module may import modules of lower floors; within a floor, those in the same row are
/// one folder and may know its parent's public face only.
const FLOORS: &[&[&str]] = &[
    &[
        "adoption",
        "deadline",
        "duration",
        "edition",
        "event",
        "failure",
        "file",
        "given",
        "identity",
        "image",
        "lesson",
        "logs",
        "matrix",
        "name",
        "owner",
        "patience",
        "platform",
        "redact",
        "run_state",
        "step",
        "step_id",
        "stack",
        "stop",
        "sum",
        "timeline",
        "wait",
        "work",
    ],
    &["follow", "process", "record", "signals", "ui"],
    &["verdict", "kubernetes", "tools", "download", "lock"],
    &["options", "sql", "upstream"],
    &["places", "replication"],
    &["context"],
    &["engine"],
    &["plan"],
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
    ("hyper_util", &["download"]),
    ("rustls", &["download"]),
    ("tar", &["download"]),
    ("flate2", &["download", "kubernetes"]),
    ("kube", &["kubernetes", "verdict", "sql", "context", "steps", "stack"]),
    ("rustix", &["file", "identity", "process", "lock", "steps", "ui"]),
    ("process::Command", &["process", "tools", "steps"]),
    ("tokio::process", &["process"]),
    ("std::process::exit", &[]),
    // fs_err names the path in its errors; these use the standard library's types, not its functions.
    ("std::fs", &["download", "file", "given", "lock", "logs", "record", "ui"]),
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

/// A command of ours that is written as words in a hint names the wrong cluster where it is pasted.
#[test]
fn a_command_of_this_program_in_a_hint_is_a_value() {
    // What is told before a run is known, and what is told of a lesson to whoever reads it elsewhere.
    let elsewhere = ["src/cli.rs", "src/cli/usage.rs", "src/lesson/"];
    let wrong: Vec<String> = lines()
        .into_iter()
        .filter(|(_, file, line)| {
            let file = file.display().to_string();
            let is_test = file.contains("tests")
                || line.contains("assert")
                || line.contains(".contains(")
                || file.contains("failure/hint");
            !is_test && !elsewhere.iter().any(|place| file.starts_with(place)) && line.contains("`pgedge-bootstrap ")
        })
        .map(|(_, file, line)| format!("{}: {}", file.display(), line.trim()))
        .collect();
    assert!(wrong.is_empty(), "write these with hint![…, Ours::…, …]:\n{}", wrong.join("\n"));
}

/// Lengths of time that bound no wait: the pace of what is drawn or written down, and the longest that may be asked for.
const NO_PATIENCE: &[&str] =
    &["crates/screen/", "crates/run/src/event.rs", "crates/run/src/record/journal.rs", "crates/run/src/duration.rs"];

/// Who changes one, or asks what else waits for the same, has them beside each other.
#[test]
fn how_long_is_waited_stands_in_the_table_of_its_crate() {
    let mut wrong = Vec::new();
    for file in sources().iter().flat_map(|source| rust_files(source)) {
        let relative = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split_once("mod tests {").map_or(text.as_str(), |(code, _)| code);
        if relative.contains("test")
            || relative.ends_with("/patience.rs")
            || NO_PATIENCE.iter().any(|place| relative.starts_with(place))
        {
            continue;
        }
        let constants = code.lines().filter(|line| line.contains("const ") && line.contains(": Duration ="));
        wrong.extend(constants.map(|line| format!("{relative}: {}", line.trim())));
    }
    assert!(wrong.is_empty(), "these belong into patience.rs:\n{}", wrong.join("\n"));
}

/// A failure that no test has seen may be told with the wrong words, or never.
#[test]
fn every_failure_is_named_in_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("crates/run/src/failure/table.rs")).unwrap();
    let rows = table.lines().filter_map(|line| line.trim().strip_suffix('"')?.split_once(" \""));
    let rows: Vec<(&str, &str)> =
        rows.filter(|(name, _)| name.chars().all(|letter| letter.is_ascii_alphanumeric())).collect();
    assert!(rows.len() > 60, "the table was not read: {rows:?}");
    let mut tests = String::new();
    for file in rust_files(&root.join("tests")).into_iter().filter(|file| !file.ends_with("floors.rs")) {
        tests += &std::fs::read_to_string(file).unwrap();
    }
    let sources = sources().into_iter().flat_map(|source| rust_files(&source));
    for file in sources.filter(|file| !file.ends_with("failure/table.rs")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_test = file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("test"));
        tests += if is_test { &text } else { text.split_once("mod tests {").map_or("", |(_, tests)| tests) };
    }
    let names = |word: &str| {
        let inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        tests
            .match_indices(word)
            .any(|(start, _)| !tests[..start].ends_with(inside) && !tests[start + word.len()..].starts_with(inside))
    };
    let missing: Vec<&str> =
        rows.iter().filter(|(name, id)| !names(name) && !names(id)).map(|(name, _)| *name).collect();
    assert_eq!(missing, Vec::<&str>::new(), "no test has seen these");
}

/// The folders of sources: the product's, and those of its crates.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).unwrap();
    std::iter::once(root.join("src")).chain(crates.map(|entry| entry.unwrap().path().join("src"))).collect()
}

/// Every line of code (no comments) with its module: the first folder or file below a folder of sources, or the crate's own name
/// where the crate is one module.
fn lines() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = Vec::new();
    for source in sources() {
        for file in rust_files(&source) {
            let first = file.strip_prefix(&source).unwrap().components().next().unwrap();
            let first = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
            let is_engine = source.ends_with("crates/engine/src");
            let module = if is_engine { "engine".to_owned() } else { first };
            let relative = file.strip_prefix(root).unwrap().to_owned();
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                if module != "lib" && !line.trim_start().starts_with("//") {
                    lines.push((module.clone(), relative.clone(), line.to_owned()));
                }
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
