//! The kubeconfig of a cluster that kind made is replaced by another person's: no command asks anything of theirs.

use serde_json::Value;

use crate::support::{Home, KUBECONFIG, Server, kubeconfig, write_program};

/// A HOME with a cluster, and another person's server to which its kubeconfig leads.
struct Astray {
    home: Home,
    ours: Server,
    theirs: Server,
}

impl Astray {
    fn new() -> Self {
        let astray = Self { home: Home::new(), ours: Server::start(), theirs: Server::start() };
        astray.home.cluster_at(&astray.ours.address);
        astray.home.leads_to(&astray.theirs.address);
        astray
    }
}

fn now(home: &Home) -> String {
    std::fs::read_to_string(home.path().join(KUBECONFIG)).unwrap()
}

#[test]
fn no_command_follows_a_kubeconfig_that_leads_to_another_persons_server() {
    for command in [
        &["up", "--dry-run"][..],
        &["verify"],
        &["status"],
        &["prove"],
        &["guide", "--yes"],
        &["values"],
        &["env"],
        &["down"],
        &["wait", "--appear", "10ms"],
    ] {
        let Astray { home, theirs, ours: _ours } = Astray::new();
        let ran = home.run(command);
        assert_eq!(theirs.requests(), Vec::<String>::new(), "{command:?}: {}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("(unexpected)"), "{command:?}: {}", ran.stderr);
    }
}

#[test]
fn a_look_tells_it_and_leaves_it_to_up() {
    let Astray { home, theirs, ours: _ours } = Astray::new();
    let before = now(&home);
    let verify =
        home.run(&["verify", "cluster", "kubernetes-api", "cert-manager", "release", "nodes", "--output", "json"]);
    let document: Value = serde_json::from_str(&verify.stdout).unwrap();
    let steps = document["steps"].as_array().unwrap();
    for (step, state) in steps.iter().zip(["wrong", "wrong", "failed", "failed", "failed"]) {
        assert_eq!(step["state"], state, "{document}");
        assert!(step["detail"].as_str().unwrap().contains(&theirs.address), "{step}");
        let failure = if state == "failed" { "cluster-changed".into() } else { Value::Null };
        assert_eq!(step["failure"], failure, "{step}");
    }
    let status: Value = serde_json::from_str(&home.run(&["status", "--output", "json"]).stdout).unwrap();
    assert_eq!(status["failure"]["id"], "cluster-changed", "{status}");
    assert!(status["failure"]["hint"].as_str().unwrap().contains("`pgedge-bootstrap --local` rewrites it"), "{status}");
    let look = home.run(&["up", "--dry-run", "--output", "json"]);
    let plan: Value = serde_json::from_str(&look.stdout).unwrap();
    assert_eq!((look.code, &plan["ok"]), (0, &true.into()), "what up sets right is to do: {plan}");
    assert_eq!(now(&home), before, "a look changes nothing");
    assert_eq!(theirs.requests(), Vec::<String>::new());
}

#[test]
fn what_is_handed_to_a_shell_or_writes_leads_home_first_and_says_so() {
    for command in [&["env"][..], &["prove"], &["guide", "--yes"]] {
        let Astray { home, ours, theirs } = Astray::new();
        let ran = home.run(command);
        assert_eq!(now(&home).trim(), kubeconfig(&ours.address), "{command:?}: {}", ran.stderr);
        assert!(!ours.requests().is_empty(), "{command:?}: {}", ran.stderr);
        let said = ran.stderr.replace('\n', " ");
        assert!(said.contains("was rewritten from what kind says") && said.contains(&theirs.address), "{said}");
        assert_eq!(ran.code, i32::from(command != ["env"]), "{command:?}: nothing is there: {}", ran.stderr);
        assert_eq!(theirs.requests(), Vec::<String>::new());
    }
}

#[test]
fn a_kind_that_is_not_the_pinned_one_is_never_run() {
    for command in
        [&["env"][..], &["verify"], &["status"], &["prove"], &["values"], &["guide", "--yes"], &["up", "--dry-run"]]
    {
        let Astray { home, theirs, ours: _ours } = Astray::new();
        let traces = home.path().join("was-run");
        write_program(&home.bin().join("kind"), format!("#!/bin/sh\necho run >> {}\n", traces.display()).as_bytes());
        let ran = home.run(command);
        assert!(!traces.exists(), "{command:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(theirs.requests(), Vec::<String>::new(), "{command:?}");
    }
}

#[test]
fn another_owners_server_is_asked_nothing_even_if_the_kubeconfig_leads_there() {
    for command in [
        &["verify"][..],
        &["verify", "active-active/prove"],
        &["status"],
        &["prove"],
        &["values"],
        &["env"],
        &["guide", "--yes"],
        &["up", "--dry-run"],
        &["up", "--until", "cluster"],
        &["down"],
    ] {
        let (home, theirs) = (Home::new(), Server::start());
        home.cluster_of("0123456789abcdef0123456789abcdef", &theirs.address);
        home.leads_to(&theirs.address);
        let ran = home.run(command);
        assert_eq!(theirs.requests(), Vec::<String>::new(), "{command:?}: {}{}", ran.stdout, ran.stderr);
        // What the chart would be told needs no cluster.
        assert_eq!(ran.code, i32::from(command != ["values"]), "{command:?}: {}{}", ran.stdout, ran.stderr);
    }
}

/// kubectl in that shell reaches nothing, and not this person's other clusters either; when somebody can tell, it reaches the right one.
#[test]
fn a_shell_gets_no_cluster_before_somebody_can_tell_where_the_kubeconfig_leads() {
    let Astray { home, ours, theirs } = Astray::new();
    home.docker("echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1");
    let env = |arguments: &[&str]| home.run(&[&["env"], arguments].concat());
    let document: Value = serde_json::from_str(&env(&["--output", "json"]).stdout).unwrap();
    let shell = home.path().join(KUBECONFIG).with_file_name("shell.kubeconfig");
    let given = "$HOME/.local/state/pgedge-bootstrap/pgedge/shell.kubeconfig";
    assert_eq!((&document["KUBECONFIG"], &document["confirmed"]), (&given.into(), &false.into()), "{document}");
    let text = env(&[]);
    assert!(text.code == 0 && text.stdout.contains(&format!("export KUBECONFIG='{given}'\n")), "{}", text.stdout);
    let said = text.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "reach no cluster in this shell before a command of this program knows, such as `pgedge-bootstrap status`"
        ),
        "{said}"
    );
    let led = || std::fs::read_to_string(&shell).unwrap();
    assert!(
        led().contains("https://kubeconfig-not-confirmed.invalid") && !led().contains(&theirs.address),
        "{}",
        led()
    );

    // Docker is back, and so is the file.
    home.cluster_at(&ours.address);
    home.leads_to(&ours.address);
    home.run(&["status"]);
    assert_eq!(led().trim(), kubeconfig(&ours.address), "it does not lead to the cluster");
    let document: Value = serde_json::from_str(&env(&["--output", "json"]).stdout).unwrap();
    let own = "$HOME/.local/state/pgedge-bootstrap/pgedge/kubeconfig";
    assert_eq!((&document["KUBECONFIG"], &document["confirmed"]), (&own.into(), &true.into()), "{document}");
}

#[test]
fn where_nobody_tells_whose_the_server_is_nothing_is_asked_of_it() {
    for docker in [
        "echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1",
        "exit 0",
        // The cluster is gone from docker.
        "[ \"$1\" = info ] && echo '{\"ID\": \"1\", \"ServerVersion\": \"28\", \"CgroupVersion\": \"2\", \"NCPU\": 4, \"MemTotal\": 8589934592, \"DockerRootDir\": \"/nowhere\"}'; exit 0",
    ] {
        for command in [&["verify"][..], &["status"], &["prove"], &["guide", "--yes"], &["values"], &["env"]] {
            let Astray { home, theirs, ours: _ours } = Astray::new();
            home.docker(docker);
            let ran = home.run(command);
            assert_eq!(theirs.requests(), Vec::<String>::new(), "{command:?}: {}{}", ran.stdout, ran.stderr);
            if command == ["env"] {
                assert!(ran.stderr.replace('\n', " ").contains("is not known: "), "{}", ran.stderr);
                assert!(!ran.stdout.contains("/kubeconfig"), "it is handed to a shell: {}", ran.stdout);
            }
            // The tools are of use without a cluster.
            let code = i32::from(!["env", "values"].contains(&command[0]));
            assert_eq!(ran.code, code, "{docker} {command:?}: {}{}", ran.stdout, ran.stderr);
        }
    }
}
