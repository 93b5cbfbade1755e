//! Stacks of one's own: how they are checked, and that a cluster keeps the one that it has.

use crate::support::Home;

/// A home with a stack of its own in `own.yaml`: the default one with the plugin under another name.
fn with_own_stack() -> Home {
    let home = Home::new();
    home.empty_docker();
    let shown = home.run(&["stacks", "show", "pgedge"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    std::fs::write(home.path().join("own.yaml"), shown.stdout.replace("kubectl-cnpg:", "kubectl-own:")).unwrap();
    home
}

#[test]
fn the_stacks_are_listed_and_shown_and_what_is_shown_can_be_given() {
    let home = Home::new();
    let listed = home.run(&["stacks", "list"]);
    assert_eq!(listed.code, 0);
    assert!(
        listed.stdout.starts_with("pgedge ") && listed.stdout.contains("cert-manager, CloudNativePG"),
        "{}",
        listed.stdout
    );
    let home = with_own_stack();
    let checked = home.run(&["stacks", "check", "own.yaml"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{}", checked.stdout);
    let versions = home.run(&["versions", "--stack", "own.yaml"]);
    assert!(
        versions.stdout.contains("kubectl-own ") && !versions.stdout.contains("kubectl-cnpg "),
        "{}",
        versions.stdout
    );
}

#[test]
fn a_mistake_in_a_stack_is_told_with_its_line() {
    let home = with_own_stack();
    let text = std::fs::read_to_string(home.path().join("own.yaml")).unwrap();
    let line = text.lines().position(|line| line == "    namespace: cnpg-system").unwrap() + 1;
    std::fs::write(
        home.path().join("own.yaml"),
        text.replace("    namespace: cnpg-system", "    namespce: cnpg-system"),
    )
    .unwrap();
    for arguments in
        [&["stacks", "check", "own.yaml"][..], &["versions", "--stack", "own.yaml"], &["verify", "--stack", "own.yaml"]]
    {
        let ran = home.run(arguments);
        let wanted = format!("own.yaml:{line}: there is no field `namespce`");
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("(stack-invalid)") && ran.stderr.contains(&wanted),
            "{arguments:?}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("`pgedge-bootstrap stacks show pgedge`"), "{}", ran.stderr);
    }
    let ran = home.run(&["stacks", "check", "pgegde"]);
    assert!(ran.code == 1 && ran.stderr.contains("cannot use the stack pgegde"), "{}", ran.stderr);
}

#[test]
fn a_checksum_that_is_not_known_is_listed_and_no_file_is_fetched_without_it() {
    let home = with_own_stack();
    let text = std::fs::read_to_string(home.path().join("own.yaml")).unwrap();
    let text: String = text
        .lines()
        .map(|line| {
            if line.starts_with("        sha256: ") { "        sha256: null\n".to_owned() } else { format!("{line}\n") }
        })
        .collect();
    std::fs::write(home.path().join("own.yaml"), text).unwrap();
    let checked = home.run(&["stacks", "check", "own.yaml"]);
    assert_eq!(checked.code, 1);
    assert_eq!(checked.stdout.matches("no checksum is pinned yet: https://").count(), 16, "{}", checked.stdout);
    let ran = home.run(&["tools", "--stack", "own.yaml", "--mirror", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("(pin-unknown)") && ran.stderr.contains("`pgedge-bootstrap pins check --stack own.yaml"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_cluster_keeps_the_stack_that_it_was_made_with() {
    let home = with_own_stack();
    home.docker("echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    let up = home.run(&["--local", "--stack", "own.yaml", "--mirror", "http://127.0.0.1:1"]);
    assert_eq!(up.code, 1, "docker does not answer: {}", up.stderr);
    // The file may go: the cluster has what it was.
    std::fs::rename(home.path().join("own.yaml"), home.path().join("moved.yaml")).unwrap();
    let known = home.run(&["verify", "kubectl-own"]);
    assert!(known.code == 1 && known.stdout.contains("missing   kubectl-own"), "{}{}", known.stdout, known.stderr);
    let unknown = home.run(&["verify", "kubectl-cnpg"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("kubectl-own"), "{}", unknown.stderr);
    for other in ["pgedge", "moved.yaml"] {
        let refused = home.run(&["verify", "--stack", other]);
        assert_eq!(refused.code, 1);
        let wanted = format!("own.yaml, not {other} (shape-differs)");
        assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    }
    home.empty_docker();
    let removed = home.run(&["down"]);
    assert_eq!(removed.code, 0, "{}", removed.stderr);
    assert!(home.run(&["verify", "kubectl-cnpg"]).stdout.contains("missing   kubectl-cnpg"));
}
