//! What is in the set, and in an archive.

use std::collections::BTreeSet;
use std::process::Command;

use crate::elf;
use crate::served::{Set, VERSION, tree, unpacked};
use crate::support::{Home, sum, write_program};

#[test]
fn the_set_is_whole_and_its_sums_are_right() {
    let set = Set::built();
    let wanted = ["SHA256SUMS", "install.sh", "pgedge-bootstrap.cdx.json", "pgedge-bootstrap.vsix"];
    let mut wanted: Vec<String> = wanted.into_iter().map(str::to_owned).chain([set.archive()]).collect();
    wanted.sort();
    assert_eq!(set.names(), wanted);
    let others = wanted.iter().filter(|name| *name != "SHA256SUMS");
    let sums: String = others.map(|name| format!("{}  {name}\n", sum(&set.bytes(name)))).collect();
    assert_eq!(String::from_utf8(set.bytes("SHA256SUMS")).unwrap(), sums);
    assert_eq!(set.bytes("install.sh"), std::fs::read(tree().join("install.sh")).unwrap());
}

#[test]
fn the_set_is_of_this_tree() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pgedge-bootstrap");
    write_program(&program, &Set::built().program());
    let told = Command::new(program).arg("--version").output().unwrap().stdout;
    let here = Home::new().run(&["--version"]).stdout;
    assert_eq!(String::from_utf8(told).unwrap(), here, "scripts/release/set makes it anew");
}

#[test]
fn an_archive_holds_the_program_its_completions_and_its_manual() {
    let members = Set::built().members();
    let names: BTreeSet<&str> = members.keys().map(String::as_str).collect();
    let completions = [
        "pgedge-bootstrap.bash",
        "_pgedge-bootstrap",
        "pgedge-bootstrap.fish",
        "_pgedge-bootstrap.ps1",
        "pgedge-bootstrap.elv",
    ];
    let mut wanted: BTreeSet<String> = ["LICENSE", "README.md", "pgedge-bootstrap"].map(str::to_owned).into();
    wanted.extend(completions.map(|name| format!("completions/{name}")));
    let home = Home::new();
    assert_eq!(home.run(&["man", "--to", "man"]).code, 0);
    wanted.extend(home.files());
    assert_eq!(names, wanted.iter().map(String::as_str).collect());
    for name in ["LICENSE", "README.md"] {
        assert_eq!(members[name], std::fs::read(tree().join(name)).unwrap(), "{name}");
    }
    for (name, bytes) in &members {
        assert!(!bytes.is_empty(), "{name} is empty");
    }
    let bash = String::from_utf8(members["completions/pgedge-bootstrap.bash"].clone()).unwrap();
    assert!(bash.contains("complete -F _pgedge__bootstrap "), "it completes nothing");
}

#[test]
fn an_archive_says_nothing_of_who_packed_it_and_when() {
    let archive = Set::built();
    let bytes = archive.bytes(&archive.archive());
    let mut paths = Vec::new();
    let mut times = BTreeSet::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..])).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0), "{path}");
        assert_eq!((header.username().unwrap(), header.groupname().unwrap()), (Some(""), Some("")), "{path}");
        let mode = if path == "pgedge-bootstrap" || path.ends_with('/') { 0o755 } else { 0o644 };
        assert_eq!(header.mode().unwrap(), mode, "{path}");
        times.insert(header.mtime().unwrap());
        paths.push(path);
    }
    assert_eq!(times.len(), 1, "{times:?}");
    assert!(paths.is_sorted(), "{paths:?}");
    // gzip's own header: no name, no time
    assert_eq!(bytes[3..8], [0; 5]);
}

#[test]
fn the_same_binary_is_packed_into_the_same_bytes() {
    let (set, folder) = (Set::built(), tempfile::tempdir().unwrap());
    let (program, out) = (folder.path().join("program"), folder.path().join("out"));
    write_program(&program, &set.program());
    // by somebody else, elsewhere, later
    let packed = Command::new("sh")
        .args(["-c", "umask 077 && chmod 700 \"$1\" && exec scripts/release/package \"$2\" \"$1\" \"$3\"", "sh"])
        .args([program.as_os_str(), set.target().as_ref(), out.as_os_str()])
        .env("TZ", "Asia/Kolkata")
        .env("SOURCE_DATE_EPOCH", time_of(&set.bytes(&set.archive())))
        .current_dir(tree())
        .output()
        .unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    assert_eq!(sum(&std::fs::read(out.join(set.archive())).unwrap()), sum(&set.bytes(&set.archive())));
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
    assert_eq!(unpacked(&std::fs::read(out.join(set.archive())).unwrap()), set.members());
}

fn time_of(archive: &[u8]) -> String {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    archive.entries().unwrap().next().unwrap().unwrap().header().mtime().unwrap().to_string()
}

#[test]
#[cfg(target_os = "linux")]
fn the_program_is_static() {
    assert_eq!(elf::wants(&Set::built().program()), Vec::<&str>::new());
}

#[test]
fn the_program_names_no_path_of_the_machine_that_built_it() {
    let program = Set::built().program();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    for path in [tree().to_str().unwrap(), &cargo] {
        let found = program.windows(path.len()).position(|part| part == path.as_bytes());
        assert_eq!(found, None, "{path} is in the program");
    }
    // where the paths were, others are
    assert!(program.windows(16).any(|part| part == b"/cargo/registry/"));
}

#[test]
fn the_bill_of_materials_names_what_is_compiled_in_and_nothing_else() {
    let set = Set::built();
    let bill: serde_json::Value = serde_json::from_slice(&set.bytes("pgedge-bootstrap.cdx.json")).unwrap();
    assert_eq!((bill["bomFormat"].as_str(), bill["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    assert_eq!(bill["metadata"]["component"]["name"], "pgedge-bootstrap");
    assert_eq!(bill["metadata"]["component"]["version"], VERSION);
    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().map(|component| component["name"].as_str().unwrap()).collect();
    for name in ["rustls", "ring", "kube-client", "reqwest", "webpki-roots"] {
        assert!(names.contains(name), "{name} is not in it");
    }
    for name in ["insta", "vt100", "windows-sys"] {
        assert!(!names.contains(name), "{name} is in it");
    }
    // Our own crates come from the same commit as the program, and have no archive that a sum could be of.
    let of_this_tree = |component: &&serde_json::Value| {
        component["bom-ref"].as_str().unwrap().starts_with("pkg:github/pgedge/pgedge-bootstrap/crates/")
    };
    let (ours, others): (Vec<_>, Vec<_>) = components.iter().partition(of_this_tree);
    let crates = std::fs::read_dir(tree().join("crates")).unwrap();
    assert_eq!(ours.len(), crates.count(), "{ours:?}");
    for component in others {
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{component}");
    }
    assert!(!bill.to_string().contains("file://"), "a path is in it");
}
