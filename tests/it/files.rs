//! A file that a person names is read whole or refused at once, with the reason and the name under which it was given. Nothing
//! that they name keeps the program waiting, and nothing is told under another name.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::{Home, Ran, World};

/// Far longer than any of these commands takes, and shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Things to be named wrongly.
const ODD: [(&str, &str); 10] = [
    ("pipe", "a pipe or a socket"),
    ("huge", "21474836480 bytes"),
    ("loop", "symbolic links"),
    ("dangling", "a symbolic link to nowhere, which is not there"),
    ("nowhere", "it is not there"),
    ("folder", "it is a directory"),
    ("/dev/zero", "it is a device"),
    ("with space\nand line/x", "it is not there"),
    ("text/below", "Not a directory"),
    ("text", ""),
];

fn home() -> Home {
    let home = Home::new();
    home.docker("exit 1");
    let place = |name: &str| home.path().join(name);
    pipe(&place("pipe"));
    std::fs::File::create(place("huge")).unwrap().set_len(20 << 30).unwrap();
    std::os::unix::fs::symlink("loop", place("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", place("dangling")).unwrap();
    std::fs::create_dir(place("folder")).unwrap();
    std::fs::write(place("text"), "text\n").unwrap();
    home
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// As [`Home::run`], but a command that waits for ever is ended, and told.
fn run(home: &Home, mut command: Command) -> Ran {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let process = rustix::process::Pid::from_child(&child);
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match ended.recv_timeout(PATIENCE) {
        Ok(output) => home.ran(&output.unwrap()),
        Err(_) => {
            rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
            panic!("{command:?} waits for ever");
        }
    }
}

/// The command with something in its environment.
fn with(home: &Home, arguments: &[&str], variable: &str, value: &str) -> Ran {
    let mut command = home.command(arguments);
    command.env(variable, value);
    run(home, command)
}

#[test]
fn a_file_that_is_none_is_refused_at_once_under_the_name_by_which_it_was_given() {
    let home = home();
    for (option, id) in [("--pins", "(pins-invalid)"), ("--ca-file", "(certificate-untrusted)")] {
        for (path, why) in ODD {
            let ran = run(&home, home.command(&["up", "--dry-run", option, path]));
            let shown = path.replace('\n', " ");
            let told = [id, why, &format!("{shown}, which {option} names"), &format!("hint: {option} takes a file")];
            assert_eq!(ran.code, 1, "{option} {path:?}: {}", ran.stderr);
            for words in told {
                assert!(ran.stderr.contains(words), "{option} {path:?}, {words:?}: {}", ran.stderr);
            }
        }
    }
    for (variable, id) in [
        ("PGEDGE_BOOTSTRAP_PINS", "(pins-invalid)"),
        ("PGEDGE_BOOTSTRAP_CA_FILE", "(certificate-untrusted)"),
        ("SSL_CERT_FILE", "(certificate-untrusted)"),
        ("SSL_CERT_DIR", "(certificate-untrusted)"),
    ] {
        for (path, _) in ODD.into_iter().filter(|(path, _)| *path != "folder" || variable != "SSL_CERT_DIR") {
            let ran = with(&home, &["up", "--dry-run"], variable, path);
            assert_eq!(ran.code, 1, "{variable}={path:?}: {}", ran.stderr);
            for words in [id, &format!("which {variable} names"), variable] {
                assert!(ran.stderr.contains(words), "{variable}={path:?}, {words:?}: {}", ran.stderr);
            }
            let typed = ["--pins", "--ca-file"].iter().any(|option| ran.stderr.contains(option));
            assert!(!typed, "{variable} is told as an option: {}", ran.stderr);
        }
    }
}

/// Whoever removes a cluster may have removed the file before it.
#[test]
fn a_file_that_a_command_does_not_use_does_not_fail_it() {
    let home = home();
    home.empty_docker();
    let network = ["PGEDGE_BOOTSTRAP_CA_FILE", "SSL_CERT_FILE"];
    for (variable, commands) in [
        (
            &network[..],
            &[&["values"][..], &["env"], &["status"], &["verify", "docker"], &["prove"], &["guide", "--yes"]][..],
        ),
        (
            &["PGEDGE_BOOTSTRAP_PINS", network[0], network[1]],
            &[&["down"], &["down", "--purge"], &["wait", "--appear", "1ms"]],
        ),
    ]
    .into_iter()
    .flat_map(|(variables, commands)| variables.iter().map(move |variable| (*variable, commands)))
    {
        for command in commands {
            let without = run(&home, home.command(command)).code;
            let ran = with(&home, command, variable, "nowhere");
            let is_refused = ["(certificate-untrusted)", "(pins-invalid)"].iter().any(|id| ran.stderr.contains(id));
            assert!(ran.code == without && !is_refused, "{variable} {command:?}: {}{}", ran.stdout, ran.stderr);
        }
    }
    // What downloads says so before it begins.
    for command in [&["tools"][..], &["prefetch"], &["up"], &["pins", "check"]] {
        let ran = with(&home, command, network[0], "nowhere");
        assert!(ran.code == 1 && ran.stderr.contains("(certificate-untrusted)"), "{command:?}: {}", ran.stderr);
    }
}

#[test]
fn every_command_that_reads_pins_or_writes_them_refuses_a_pipe() {
    let home = home();
    for arguments in [
        &["versions", "--output", "json", "--pins", "pipe"][..],
        &["pins", "check", "--pins", "pipe"],
        &["pins", "check", "--mirror", "http://127.0.0.1:1", "--write", "pipe"],
        &["pins", "check", "--mirror", "http://127.0.0.1:1", "--write", "/dev/null"],
        &["pins", "check", "--mirror", "http://127.0.0.1:1", "--write", "folder"],
        &["tools", "--timings", "pipe"],
    ] {
        let ran = run(&home, home.command(arguments));
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: --"), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains("pinned"), "{arguments:?} asked upstream before: {}", ran.stdout);
    }
}

#[test]
fn a_file_of_the_lesson_that_is_a_pipe_does_not_hold_and_keeps_nobody_waiting() {
    let home = home();
    let checks = ["verify", "active-active/configure"];
    let name = "values-demo.yaml";
    let before = run(&home, home.command(&checks));
    assert!(before.stdout.contains(&format!("there is no {name}")), "{}{}", before.stdout, before.stderr);
    pipe(&home.path().join(name));
    let ran = run(&home, home.command(&checks));
    assert!(ran.code == 1 && ran.stdout.contains("a pipe or a socket"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_kubeconfig_that_is_none_is_refused_under_its_name() {
    let home = home();
    for (path, why) in ODD.into_iter().filter(|(path, _)| *path != "nowhere") {
        let ran = with(&home, &["--killercoda", "--dry-run"], "KUBECONFIG", path);
        assert!(ran.code == 1 && ran.stderr.contains("(kubeconfig-invalid)"), "{path:?}: {}", ran.stderr);
        let why = if ["with space\nand line/x", "dangling"].contains(&path) { "not there" } else { why };
        assert!(ran.stderr.contains(why), "{path:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("may be removed"), "{path:?}: {}", ran.stderr);
    }
    let entry =
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: a, user: u}}]\n";
    for (cluster, user, what) in [
        ("certificate-authority: pipe, server: 'https://127.0.0.1:1'", "token: t", "certificate-authority"),
        ("server: 'https://127.0.0.1:1'", "client-certificate: pipe, client-key: pipe", "client-certificate"),
        ("server: 'https://127.0.0.1:1'", "tokenFile: pipe", "tokenFile"),
    ] {
        let text =
            format!("{entry}clusters: [{{name: a, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n");
        std::fs::write(home.path().join("config"), text).unwrap();
        let ran = with(&home, &["--killercoda", "--dry-run"], "KUBECONFIG", "config");
        assert!(ran.code == 1 && ran.stderr.contains("a pipe or a socket"), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(what) && ran.stderr.contains("$HOME/pipe"), "{what}: {}", ran.stderr);
    }
}

#[test]
fn a_mistake_in_a_variable_is_told_by_the_name_of_the_variable() {
    let home = home();
    for (variable, value, option) in [
        ("PGEDGE_BOOTSTRAP_NODES", "abc", "--nodes"),
        ("PGEDGE_BOOTSTRAP_NODES", "10", "--nodes"),
        ("PGEDGE_BOOTSTRAP_NAME", "A/B", "--name"),
        ("PGEDGE_BOOTSTRAP_NAMESPACE", "X", "--namespace"),
        ("PGEDGE_BOOTSTRAP_MIRROR", "artifacts.example", "--mirror"),
        ("PGEDGE_BOOTSTRAP_REGISTRY_MIRROR", "ghcr.io", "--registry-mirror"),
    ] {
        let ran = with(&home, &["status"], variable, value);
        assert_eq!(ran.code, 2, "{variable}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("'{value}' for '{variable}'")), "{variable}: {}", ran.stderr);
        assert!(!ran.stderr.contains(option), "{variable} is told as {option}: {}", ran.stderr);
        // What is typed goes before the variable, and a mistake in it is none of the variable's.
        let mut typed = home.command(&["status", option, value]);
        typed.env(variable, "9");
        let ran = run(&home, typed);
        assert!(ran.code == 2 && ran.stderr.contains(&format!("for '{option} <")), "{option}: {}", ran.stderr);
    }
    let mut bytes = home.command(&["status"]);
    bytes.env("PGEDGE_BOOTSTRAP_NAMESPACE", std::os::unix::ffi::OsStrExt::from_bytes(b"\xff") as &std::ffi::OsStr);
    let ran = run(&home, bytes);
    assert!(ran.code == 2 && ran.stderr.contains("the value of PGEDGE_BOOTSTRAP_NAMESPACE"), "{}", ran.stderr);
    // Of two mistakes each is told by its own name.
    let mut two = home.command(&["status", "--name", "A"]);
    two.env("PGEDGE_BOOTSTRAP_NODES", "abc");
    let ran = run(&home, two);
    assert!(ran.code == 2 && !ran.stderr.contains("'A' for 'PGEDGE"), "{}", ran.stderr);
}

#[test]
fn what_is_wrong_in_a_file_is_told_without_words_of_rust() {
    let home = home();
    for (text, words) in [
        ("[]", "a list stands where a mapping"),
        (r#"{"schema": "x"}"#, "a string stands where a whole number"),
        (r#"{"schema": 1, "tools": []}"#, "a list stands where a mapping"),
        (r#"{"schema": 1, "tools": {"helm": 5}}"#, "a number stands where a mapping"),
        ("", "the file ends"),
    ] {
        std::fs::write(home.path().join("pins"), text).unwrap();
        let ran = run(&home, home.command(&["versions", "--pins", "pins"]));
        assert!(ran.code == 1 && ran.stderr.contains(words), "{text}: {}", ran.stderr);
        assert!(!ran.stderr.contains("struct") && !ran.stderr.contains("u32"), "{text}: {}", ran.stderr);
    }
}

#[test]
fn an_empty_variable_of_certificates_is_not_set() {
    let world = World::new();
    let secure = crate::support::Secure::before(&world.server);
    let authority = secure.authority().display().to_string();
    let tools = ["tools", "--pins", "pins.json", "--mirror", &secure.address];
    for (file, directory, code) in
        [(Some(""), Some(""), 0), (Some(""), None, 0), (None, Some("  :"), 0), (Some("/dev/null"), None, 0)]
    {
        let mut command = world.home.command(&[&tools[..], &["--ca-file", &authority]].concat());
        command.envs(file.map(|value| ("SSL_CERT_FILE", value)));
        command.envs(directory.map(|value| ("SSL_CERT_DIR", value)));
        let ran = run(&world.home, command);
        assert_eq!(ran.code, code, "{file:?} {directory:?}: {}", ran.stderr);
    }
    // Set, each of them counts.
    let folder = secure.authority().parent().unwrap().display().to_string();
    for (variable, value) in [("SSL_CERT_FILE", &authority), ("SSL_CERT_DIR", &format!("/nowhere/at/all:{folder}"))] {
        std::fs::remove_dir_all(world.home.cache()).unwrap();
        std::fs::remove_dir_all(world.home.bin()).unwrap();
        let ran = with(&world.home, &tools, variable, value);
        assert_eq!(ran.code, 0, "{variable}: {}", ran.stderr);
    }
}

#[test]
fn a_mistake_in_a_kubeconfig_is_told_under_the_persons_file_and_context() {
    let home = home();
    let server = |server: &str| format!("cluster: {{server: {server:?}}}");
    for (cluster, words) in [
        (server("https://exa mple:6443"), "exa mple"),
        (server("ftp://example"), "is not an http or https address"),
        (server("example:6443"), "is not an http or https address"),
        (server("https://"), "https://"),
        (server("https://example:99999999"), "99999999"),
        (server("http://127.0.0.1:1").replace("server", "proxy-url: 'http://a b', server"), "proxy-url"),
        (server("http://127.0.0.1:1").replace("server", "certificate-authority-data: '%', server"), "base64"),
        (server("http://127.0.0.1:1").replace("server", "certificate-authority-data: aGVsbG8=, server"), "PEM"),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: theirs\ncontexts: [{{name: theirs, context: {{cluster: a, user: u}}}}]\n\
             clusters: [{{name: a, {cluster}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
        );
        std::fs::write(home.path().join("config"), text).unwrap();
        for arguments in [&["--killercoda", "--dry-run"][..], &["--killercoda", "--until", "cluster"]] {
            let ran = with(&home, arguments, "KUBECONFIG", "config");
            assert_eq!(ran.code, 1, "{cluster}: {}{}", ran.stdout, ran.stderr);
            for told in ["the kubeconfig $HOME/config cannot be used (kubeconfig-invalid)", "context \"theirs\"", words]
            {
                assert!(ran.stderr.contains(told), "{cluster}, {told}: {}", ran.stderr);
            }
            for other in ["/tmp/.tmp", "may be removed"] {
                assert!(!ran.stderr.contains(other), "{cluster}: {}", ran.stderr);
            }
        }
    }
}

#[test]
fn what_down_leaves_is_what_the_readme_says() {
    let home = home();
    home.docker(r#"case "$1" in info) echo '{"ID": "1", "ServerVersion": "28.2.2", "NCPU": 4, "MemTotal": 8589934592, "DockerRootDir": "/"}';; image) exit 1;; esac"#);
    let nowhere = ["up", "--local", "--mirror", "http://127.0.0.1:1", "--bin-dir", "folder/bin", "--deadline", "1s"];
    assert_eq!(run(&home, home.command(&nowhere)).code, 1);
    let kept = |home: &Home| -> Vec<String> {
        let files = home.files().into_iter().filter_map(|file| file.strip_prefix(".local/").map(str::to_owned));
        files.filter(|file| !file.contains("/logs/")).collect()
    };
    assert_eq!(run(&home, home.command(&["down"])).code, 0);
    let [lock, memory, owner] =
        ["pgedge.lock", "pgedge.bin-dir", "owner.id"].map(|name| format!("state/pgedge-bootstrap/{name}"));
    assert_eq!(kept(&home), [owner.clone(), memory, lock.clone()]);
    assert_eq!(run(&home, home.command(&["down", "--purge"])).code, 0);
    assert_eq!(kept(&home), [owner, lock]);
    assert!(!home.cache().exists() && !home.files().iter().any(|file| file.contains("/logs/")));
}

#[test]
fn a_hint_with_a_path_is_right_when_it_is_pasted() {
    let home = home();
    home.docker(r#"case "$1" in info) echo '{"ID": "1", "ServerVersion": "28.2.2", "NCPU": 4, "MemTotal": 8589934592, "DockerRootDir": "/"}';; image) exit 1;; esac"#);
    let pins = home.run(&["versions", "--output", "json"]).stdout;
    for name in ["it's a  file", "two\nlines", "$(touch pasted)", "a`b\\c\"d"] {
        std::fs::write(home.path().join(name), &pins).unwrap();
        let ran = run(&home, home.command(&["prove", "--pins", name]));
        // The words between the first mark and the last are the command.
        let hint = ran.stderr.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap();
        let command = hint.split_once('`').unwrap().1.rsplit_once('`').unwrap().0;
        home.program("pgedge-bootstrap", "for word; do printf '<%s>' \"$word\"; done");
        let mut shell = Command::new("bash");
        let path = format!("{}:/usr/bin:/bin", home.programs().display());
        shell.args(["-c", command]).env("PATH", path).current_dir(home.path());
        let pasted = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        assert!(pasted.contains(&format!("<--pins><{name}>")), "{name:?}: {command} -> {pasted}");
        assert!(!home.path().join("pasted").exists(), "{command}");
    }
}
