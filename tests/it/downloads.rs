//! Downloads that go wrong, one way at a time: nothing that is not the pinned file is ever placed or run, and nothing
//! half-written is left.

use crate::support::{Behaviour, Secure, TOOLS, World, program, sum};

#[test]
fn the_four_tools_are_placed_and_run_once() {
    let world = World::new();
    let ran = world.tools();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "$HOME/.local/share/pgedge-bootstrap/bin\n");
    for tool in TOOLS {
        assert_eq!(std::fs::read(world.home.bin().join(tool)).unwrap(), program(tool), "{tool}");
        assert!(world.was_run(tool), "{tool}");
    }
    assert_eq!(world.leftovers(), Vec::<String>::new());
}

#[test]
fn a_second_run_fetches_nothing_and_changes_nothing() {
    let world = World::new();
    assert_eq!(world.tools().code, 0);
    // Each run has a log of its own.
    let files = || -> Vec<String> { world.home.files().into_iter().filter(|file| !file.contains("/logs/")).collect() };
    let (requests, before) = (world.server.requests(), files());
    let ran = world.tools();
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("everything was there already"), "{}", ran.stderr);
    assert_eq!((world.server.requests(), files()), (requests, before));
}

#[test]
fn a_tool_that_was_changed_is_put_right_from_the_store() {
    let world = World::new();
    assert_eq!(world.tools().code, 0);
    let requests = world.server.requests();
    std::fs::write(world.home.bin().join("kind"), "#!/bin/sh\necho tampered\n").unwrap();
    assert_eq!(world.tools().code, 0);
    assert_eq!(std::fs::read(world.home.bin().join("kind")).unwrap(), program("kind"));
    assert_eq!(world.server.requests(), requests);
}

#[test]
fn a_tool_that_may_not_be_executed_any_more_is_told_and_put_right() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    assert_eq!(world.tools().code, 0);
    let kind = world.home.bin().join("kind");
    std::fs::set_permissions(&kind, std::fs::Permissions::from_mode(0o644)).unwrap();
    let verify = world.home.run(&world.arguments("verify", &["kind", "--output", "json"]));
    let document: serde_json::Value = serde_json::from_str(&verify.stdout).unwrap();
    assert_eq!((verify.code, document["steps"][0]["state"].as_str()), (1, Some("wrong")), "{document}");
    assert_eq!(world.tools().code, 0);
    assert_eq!(std::fs::metadata(&kind).unwrap().permissions().mode() & 0o111, 0o111);
}

#[test]
fn a_persons_own_program_is_neither_replaced_nor_removed() {
    let world = World::new();
    let bin = world.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("kubectl"), "my own").unwrap();
    let with_bin = |arguments: &[&str]| {
        let rest = ["--bin-dir", "bin", "--pins", "pins.json", "--mirror", &world.server.address];
        world.home.run(&[arguments, &rest].concat())
    };
    let ran = with_bin(&["tools"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("(file-foreign)") && ran.stderr.contains("bin/kubectl is not a file of this program"),
        "{}",
        ran.stderr
    );
    assert_eq!(std::fs::read_to_string(bin.join("kubectl")).unwrap(), "my own");
    std::fs::remove_file(bin.join("kubectl")).unwrap();
    assert_eq!(with_bin(&["tools"]).code, 0);
    assert_eq!(with_bin(&["tools"]).code, 0);
}

#[test]
fn a_program_that_was_to_be_replaced_when_the_run_was_killed_is_still_ours() {
    let world = World::new();
    let bin = world.home.path().join("bin");
    let with_bin =
        || world.home.run(&["tools", "--bin-dir", "bin", "--pins", "pins.json", "--mirror", &world.server.address]);
    assert_eq!(with_bin().code, 0);
    // As it is between the mark of a new program and the program itself: the mark names both, and the old one is there.
    let (mark, new) = (bin.join(".helm.pgedge-bootstrap"), program("helm"));
    let old = b"#!/bin/sh\necho the one before\n";
    std::fs::write(bin.join("helm"), old).unwrap();
    std::fs::write(&mark, format!("{}\n{}", sum(&new), sum(old))).unwrap();
    let ran = with_bin();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(std::fs::read(bin.join("helm")).unwrap(), new);
    assert!(std::fs::read_to_string(mark).unwrap().starts_with(&sum(&new)));
}

#[test]
fn a_wrong_checksum_is_never_run() {
    let world = World::new();
    world.server.file(&world.kind(), "#!/bin/sh\necho kind >> \"$HOME/was-run\"\n");
    let ran = world.tools();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("(checksum-mismatch)")
            && ran.stderr.contains("pinned sha256")
            && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
    assert!(!world.was_run("kind") && !world.home.bin().join("kind").exists());
    let wrong = "#!/bin/sh\necho kind >> \"$HOME/was-run\"\n";
    let kept = |file: &String| std::fs::read(world.home.path().join(file)).unwrap() == wrong.as_bytes();
    assert_eq!(world.home.files().into_iter().find(kept), None, "the wrong file was kept");
    assert_eq!(
        world.leftovers().into_iter().filter(|file| !file.ends_with(".partial")).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}

#[test]
fn a_connection_that_breaks_is_resumed_where_it_broke() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::CutAfter(50_000), Behaviour::CutAfter(30_000)]);
    let ran = world.tools();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let starts: Vec<String> =
        world.requests_of_kind().iter().map(|request| request.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(starts, ["-", "50000", "80000"]);
    assert_eq!(std::fs::read(world.home.bin().join("kind")).unwrap(), program("kind"));
}

#[test]
fn a_link_that_always_breaks_but_brings_bytes_gets_there() {
    let world = World::new();
    world.server.then(&world.kind(), (0..12).map(|_| Behaviour::CutAfter(15_000)));
    let ran = world.tools();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(world.requests_of_kind().len(), 13);
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::CutAfter(50_000), Behaviour::IgnoreRange]);
    assert_eq!(world.tools().code, 0);
    assert_eq!(std::fs::read(world.home.bin().join("kind")).unwrap(), program("kind"));
}

#[test]
fn parts_of_two_editions_are_thrown_away_and_fetched_anew() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::CutAfter(50_000), Behaviour::OtherEdition]);
    let ran = world.tools();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(world.requests_of_kind().len(), 3);
    assert_eq!(std::fs::read(world.home.bin().join("kind")).unwrap(), program("kind"));
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Status(503, ""), Behaviour::Status(429, "Retry-After: 1\r\n")]);
    let ran = world.tools();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("answered 429 Too Many Requests; trying again in"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_gone_is_not_asked_for_again() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Status(404, "")]);
    let ran = world.tools();
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("(download-failed)") && ran.stderr.contains("404"), "{}", ran.stderr);
    assert_eq!(world.requests_of_kind().len(), 1);
}

#[test]
fn a_web_page_in_the_place_of_a_program_is_told_as_one() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Html]);
    let ran = world.tools();
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("(download-not-a-file)") && ran.stderr.contains("<!DOCTYPE html>"), "{}", ran.stderr);
}

#[test]
fn an_authority_that_nobody_knows_is_told_at_once() {
    let world = World::new();
    let secure = Secure::before(&world.server);
    let arguments = ["tools", "--pins", "pins.json", "--mirror", &secure.address];
    let ran = world.home.run(&arguments);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("(certificate-untrusted)") && !ran.stderr.contains("trying again"), "{}", ran.stderr);
    assert_eq!(world.server.requests(), Vec::<String>::new());
    let authority = secure.authority().display().to_string();
    let ran = world.home.run(&[&arguments[..], &["--ca-file", &authority]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn two_runs_at_once_share_one_download() {
    let world = World::new();
    let address = world.server.address.clone();
    let start = || {
        world
            .home
            .command(&["tools", "--pins", "pins.json", "--mirror", &address])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut one, mut other) = (start(), start());
    assert!(one.wait().unwrap().success() && other.wait().unwrap().success());
    assert_eq!(world.requests_of_kind().len(), 1);
}

#[test]
fn a_tool_that_says_another_version_is_an_error() {
    let world = World::new();
    let text = std::fs::read_to_string(world.home.path().join("pins.json")).unwrap();
    let mut pins: serde_json::Value = serde_json::from_str(&text).unwrap();
    pins["tools"]["kind"]["version"] = "0.34.0".into();
    std::fs::write(world.home.path().join("pins.json"), pins.to_string()).unwrap();
    let ran = world.tools();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("(tool-broken)") && ran.stderr.contains(r#"it says that it is "0.33.0", pinned is 0.34.0"#),
        "{}",
        ran.stderr
    );
}
