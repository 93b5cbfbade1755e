//! What a person typed, or the environment gave, is never told as a defect of this program, and never ends it without a word.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::support::{Home, Ran, World};

/// Commands that between them read every option and every place.
const COMMANDS: [&[&str]; 8] = [
    &["tools"],
    &["status"],
    &["verify", "docker", "helm"],
    &["env"],
    &["versions"],
    &["down"],
    &["up", "--dry-run"],
    &["wait", "--appear", "1ms"],
];

/// A HOME with a docker that has nothing, and files to be named wrongly.
fn home() -> Home {
    let home = Home::new();
    home.empty_docker();
    let files: [(&str, &[u8]); 3] = [("file", b"text\n"), ("empty", b""), ("binary", &[0, 255, 7, 128])];
    for (name, bytes) in files {
        std::fs::write(home.path().join(name), bytes).unwrap();
    }
    std::fs::create_dir(home.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("loop", home.path().join("loop")).unwrap();
    home
}

/// It ends with success, with an expected failure or as a mistake in the command line, and says something that helps.
fn expected(ran: &Ran, what: &str) {
    assert!(matches!(ran.code, 0..=2), "{what} ended with {}: {}{}", ran.code, ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("(unexpected)") && !ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
    assert!(ran.code == 0 || !(ran.stdout.is_empty() && ran.stderr.is_empty()), "{what} said nothing");
}

fn run(home: &Home, command: &mut Command, what: &str) -> Ran {
    let ran = home.ran(&command.output().unwrap());
    expected(&ran, what);
    ran
}

#[test]
fn no_value_of_an_option_is_a_defect_of_this_program() {
    let home = home();
    let long = "x".repeat(5000);
    let paths = [
        "",
        " ",
        "file",
        "empty",
        "binary",
        "folder",
        "loop",
        "file/below",
        "loop/below",
        "nowhere/at/all",
        &long,
        "/dev/null",
        "/dev/null/x",
    ];
    let addresses = [
        "",
        " ",
        "artifacts.corp.example",
        "ftp://a",
        "http://",
        "http://[::1",
        "http://a b",
        "http://a:99999",
        "http:a",
        "ö",
        &long,
    ];
    let mirrors = [
        "",
        "=",
        "ghcr.io",
        "ghcr.io=",
        "=http://a",
        "ghcr.io=a",
        "ghcr.io=ftp://a",
        "a b=http://a",
        "ghcr.io=http://a,",
    ];
    let names = ["", " ", "A", "a b", "../x", "logs", "owner", "-x", "x-", "ö", "a\u{1}", &long];
    let numbers = ["", "0", "1", "10", "-1", "256", "3.5", "three", "99999999999999999999"];
    let times = ["", "0s", "-1m", "soon", "1d", "99999999999999999999h"];
    let table: [(&str, &[&str]); 11] = [
        ("--name", &names),
        ("--namespace", &names),
        ("--nodes", &numbers),
        ("--workers", &numbers),
        ("--bin-dir", &paths),
        ("--pins", &paths),
        ("--ca-file", &paths),
        ("--mirror", &addresses),
        ("--registry-mirror", &mirrors),
        ("--output", &["", "yaml", "JSON"]),
        ("--deadline", &times),
    ];
    for (option, values) in table {
        for value in values {
            let what = format!("{option} {:?}", value.chars().take(40).collect::<String>());
            run(&home, &mut home.command(&["up", "--dry-run", option, value]), &what);
        }
    }
    for (arguments, option) in
        [(&["tutorial", "export", "walkthrough"][..], "--to"), (&["man"], "--to"), (&["up", "--dry-run"], "--timings")]
    {
        for value in paths {
            let what = format!("{arguments:?} {option} {:?}", value.chars().take(40).collect::<String>());
            run(&home, home.command(arguments).args([option, value]), &what);
        }
    }
    let bytes = OsStr::from_bytes(b"\xff\xfe");
    for option in ["--name", "--bin-dir", "--pins", "--mirror", "--registry-mirror", "--ca-file", "--namespace"] {
        run(&home, home.command(&["up", "--dry-run"]).arg(option).arg(bytes), &format!("{option} with bytes"));
    }
}

#[test]
fn an_address_without_a_scheme_is_a_mistake_in_the_command_line() {
    let home = home();
    let ran = home.run(&["tools", "--mirror", "artifacts.corp.example"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("--mirror <BASE>"), "{}", ran.stderr);
}

#[test]
fn an_empty_variable_is_not_set() {
    let home = home();
    let names = ["NAME", "MIRROR", "CA_FILE", "PINS", "BIN_DIR", "REGISTRY_MIRROR"];
    for command in COMMANDS.iter().filter(|command| command[0] != "tools") {
        let plain = run(&home, &mut home.command(command), "nothing set");
        for value in ["", "  "] {
            let mut given = home.command(command);
            given.envs(names.map(|name| (format!("PGEDGE_BOOTSTRAP_{name}"), value)));
            let ran = run(&home, &mut given, &format!("{command:?} with {value:?}"));
            assert_eq!((ran.code, &ran.stdout), (plain.code, &plain.stdout), "{command:?} {}", ran.stderr);
        }
    }
}

#[test]
fn no_variable_of_the_environment_is_a_defect_of_this_program() {
    let home = home();
    let values = ["", "file", "$HOME/file", "$HOME/loop", "$HOME/file/below", "http://[::1"];
    let names = [
        "HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "PGEDGE_BOOTSTRAP_NAME",
        "PGEDGE_BOOTSTRAP_MIRROR",
        "PGEDGE_BOOTSTRAP_REGISTRY_MIRROR",
        "PGEDGE_BOOTSTRAP_CA_FILE",
        "PGEDGE_BOOTSTRAP_PINS",
        "PGEDGE_BOOTSTRAP_BIN_DIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "KUBECONFIG",
        "NO_COLOR",
        "COLUMNS",
        "LC_ALL",
        "TERM",
        "CODESPACES",
        "USER",
    ];
    for name in names {
        for value in values {
            let value = value.replace("$HOME", &home.path().display().to_string());
            for command in [&["status"][..], &["up", "--dry-run"]] {
                run(&home, home.command(command).env(name, &value), &format!("{command:?} with {name}={value:?}"));
            }
        }
        let bytes = OsStr::from_bytes(b"\xff\xfe");
        run(&home, home.command(&["status"]).env(name, bytes), &format!("status with {name} of bytes"));
    }
}

#[test]
fn a_missing_home_is_told_with_what_to_set() {
    let home = home();
    for value in [None, Some(""), Some("rel"), Some(".")] {
        for command in COMMANDS.iter().filter(|command| command[0] != "versions") {
            let mut command = home.command(command);
            command.env_remove("HOME").envs(value.map(|value| ("HOME", value)));
            // A number that no user of this machine has, where this test may take one.
            if rustix::process::geteuid().is_root() {
                command.uid(54321);
            }
            let ran = run(&home, &mut command, &format!("HOME={value:?}"));
            assert_eq!(ran.code, 1, "{value:?}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("(home-missing)") && ran.stderr.contains("hint: set HOME"), "{}", ran.stderr);
        }
    }
    let mut given = home.command(&["env"]);
    let folder = home.path().join("folder");
    given.env_remove("HOME").envs(["STATE", "CACHE", "DATA"].map(|name| (format!("XDG_{name}_HOME"), &folder)));
    assert_eq!(run(&home, &mut given, "XDG alone").code, 0);
}

#[test]
fn a_home_that_is_a_file_is_told_by_the_path() {
    let home = home();
    for command in [&["up", "--local"][..], &["down"], &["tools"]] {
        let mut given = home.command(command);
        given.env("HOME", home.path().join("file"));
        let ran = run(&home, &mut given, &format!("{command:?}"));
        assert_eq!(ran.code, 1, "{command:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("(directory-not-writable)"), "{command:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("$HOME/file"), "{command:?}: {}", ran.stderr);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_told_with_what_names_it() {
    let world = World::new();
    let file = world.home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("below");
    for (variable, path, command) in [
        ("HOME", "/proc/nowhere", "down"),
        ("HOME", "/proc/nowhere", "tools"),
        ("XDG_STATE_HOME", "/proc/nowhere", "down"),
        ("XDG_STATE_HOME", "/dev/null", "down"),
        ("XDG_STATE_HOME", below.to_str().unwrap(), "down"),
        ("XDG_CACHE_HOME", "/proc/nowhere", "tools"),
        ("XDG_DATA_HOME", "/sys/nowhere", "tools"),
        ("PGEDGE_BOOTSTRAP_BIN_DIR", "/proc/nowhere", "tools"),
        ("TMPDIR", "/proc/nowhere", "--killercoda --dry-run"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let arguments = if command == "tools" { world.arguments("tools", &[]) } else { words };
        let mut given = world.home.command(&arguments);
        let ran = run(&world.home, given.env(variable, path), &format!("{variable}={path}"));
        let shown = path.replace(&world.home.path().display().to_string(), "$HOME");
        assert_eq!(ran.code, 1, "{variable}={path}: {}{}", ran.stdout, ran.stderr);
        for told in
            ["(directory-not-writable)", &format!("{variable} leads to {shown}"), &format!("hint: {variable} must")]
        {
            assert!(ran.stderr.contains(told), "{variable}={path}, {told}: {}", ran.stderr);
        }
    }
    let ran = world.home.run(&world.arguments("tools", &["--bin-dir", "/proc/nowhere"]));
    assert!(ran.code == 1 && ran.stderr.contains("--bin-dir leads to /proc/nowhere"), "{}", ran.stderr);
}

#[test]
fn a_folder_for_programs_that_is_a_file_is_told() {
    let world = World::new();
    std::fs::write(world.home.path().join("file"), "").unwrap();
    for place in ["file", "file/below", "/dev/null"] {
        let ran = world.home.run(&world.arguments("tools", &["--bin-dir", place]));
        assert_eq!(ran.code, 1, "{place}: {}", ran.stderr);
        assert!(ran.stderr.contains("(directory-not-writable)"), "{place}: {}", ran.stderr);
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_and_spaces_are_trimmed() {
    let world = World::new();
    for (value, code, told) in [
        ("htp://proxy.corp:8080", 1, "HTTPS_PROXY is not the address of a proxy: htp://proxy.corp:8080"),
        ("http://[::1", 1, "(proxy-invalid)"),
        ("", 0, ""),
        ("  ", 0, ""),
    ] {
        let mut command = world.home.command(&world.arguments("tools", &[]));
        let ran = world.home.ran(&command.env("HTTPS_PROXY", value).output().unwrap());
        assert_eq!(ran.code, code, "{value:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{value:?}: {}", ran.stderr);
    }
}
