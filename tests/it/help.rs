//! The first things that are typed.

use crate::support::Home;

#[test]
fn the_short_version_is_one_line() {
    let ran = Home::new().run(&["-V"]);
    assert_eq!((ran.code, ran.stdout.trim()), (0, concat!("pgedge-bootstrap ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn without_arguments_the_help_is_shown_and_nothing_is_done() {
    let home = Home::new();
    let ran = home.run(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("Usage: pgedge-bootstrap"), "{}", ran.stderr);
    assert_eq!(home.files(), Vec::<String>::new());
}

#[test]
fn help_names_every_command() {
    let ran = Home::new().run(&["--help"]);
    assert_eq!(ran.code, 0);
    for command in [
        "up",
        "tools",
        "prefetch",
        "verify",
        "prove",
        "status",
        "wait",
        "versions",
        "pins",
        "stacks",
        "down",
        "env",
        "guide",
        "values",
        "tutorial",
        "completions",
    ] {
        assert!(
            ran.stdout.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))),
            "{command} is not in\n{}",
            ran.stdout
        );
    }
}

#[test]
fn what_is_misspelt_is_a_usage_error() {
    for arguments in [
        &["--locl"][..],
        &["verify", "clusster"],
        &["--local", "--name", "../x"],
        &["--local", "--nodes", "1"],
        &["verify", "proof"],
        &["--codespace", "--killercoda"],
    ] {
        let ran = Home::new().run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Home::new().run(&["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("pgedge-bootstrap"), "{shell}: {}", ran.stdout);
    }
}

#[test]
fn every_command_gets_a_page_of_the_manual() {
    let home = Home::new();
    assert_eq!(home.run(&["man", "--to", "man"]).code, 0);
    let help = home.run(&["--help"]).stdout;
    let commands = help.split_once("Commands:\n").unwrap().1.lines().map_while(|line| line.split_whitespace().next());
    let mut wanted: Vec<String> = commands
        .filter(|name| *name != "help")
        .map(|name| format!("man/pgedge-bootstrap-{name}.1"))
        .chain(
            ["", "-tutorial-export", "-pins-check", "-stacks-list", "-stacks-show", "-stacks-check"]
                .map(|name| format!("man/pgedge-bootstrap{name}.1")),
        )
        .collect();
    wanted.sort();
    assert_eq!(home.files(), wanted);
    for file in wanted {
        let text = std::fs::read_to_string(home.path().join(&file)).unwrap();
        assert!(text.contains(".TH pgedge-bootstrap") && text.contains(".SH SYNOPSIS"), "{file}: {text}");
    }
}

#[test]
fn env_prints_what_a_shell_evaluates() {
    let home = Home::new();
    let ran = home.run(&["env", "--name", "other"]);
    insta::assert_snapshot!(ran.stdout, @r#"
    export KUBECONFIG='$HOME/.local/state/pgedge-bootstrap/other/kubeconfig'
    export PGEDGE_CHART='$HOME/.cache/pgedge-bootstrap/charts/91c1c6de4519dcd59767d176efed743ebb28b9490579afa575ec809dc1a5dd23/pgedge'
    export PATH='$HOME/.local/share/pgedge-bootstrap/bin':"$PATH"
    "#);
}
