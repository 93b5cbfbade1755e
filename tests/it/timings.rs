//! `--timings`: a page for every way in which a run can end, and that a browser shows it as it is meant.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Behaviour, Browser, Home, Ran, Server};
use crate::support::{TOOLS, World};

const NETWORK: [&str; 3] = ["--pins", "pins.json", "--mirror"];

/// What a web page must not take for its own.
const HOSTILE: &str = "</script><script>document.body.dataset.error='run'</script>\\\" onload='x'";

fn tools(world: &World) -> Ran {
    let arguments = [&["tools", "--timings", "run.html"], &NETWORK[..], &[&world.server.address]].concat();
    world.home.run(&arguments)
}

fn page(home: &Home) -> PathBuf {
    home.path().join("run.html")
}

/// The data in a page, as a program reads it.
fn data(page: &Path) -> Value {
    let text = std::fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("<script type=\"application/json\" id=\"run\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn step<'a>(data: &'a Value, id: &str) -> &'a Value {
    data["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

#[test]
fn the_page_of_a_run_tells_when_each_step_ran() {
    let world = World::new();
    let ran = tools(&world);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let data = data(&page(&world.home));
    assert_eq!((&data["schema"], &data["end"], &data["cluster"]), (&1.into(), &"done".into(), &"pgedge".into()));
    let total = data["seconds"].as_f64().unwrap();
    for tool in TOOLS {
        let step = step(&data, tool);
        let moment = |name: &str| step[name].as_f64().unwrap();
        assert_eq!(step["outcome"], "changed", "{step}");
        assert!(moment("start") < moment("end") && moment("end") <= total, "{step}");
        assert!(moment("own") <= moment("end") - moment("start") + 1e-5, "{step}");
        assert!(step["bytes"]["done"].as_u64().unwrap() > 0, "{step}");
        assert_eq!(step["bytes"]["done"], step["bytes"]["total"], "{step}");
    }
    let critical = &data["critical"];
    assert!(critical["ratio"].as_f64().unwrap() >= 1.0, "{critical}");
    assert!(critical["seconds"].as_f64().unwrap() <= total, "{critical}");
    assert!(!critical["links"].as_array().unwrap().is_empty(), "{critical}");
}

#[test]
fn a_second_page_replaces_the_first_and_nothing_is_left_beside_it() {
    let world = World::new();
    assert_eq!(tools(&world).code, 0);
    assert_eq!(tools(&world).code, 0);
    assert_eq!(step(&data(&page(&world.home)), "kind")["outcome"], "done");
    let left: Vec<String> = world.home.files().into_iter().filter(|file| file.contains(".timings-")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_failed_run_has_a_page_too() {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::Status(404, "")]);
    let ran = tools(&world);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let data = data(&page(&world.home));
    assert_eq!(data["end"], "failed");
    let kind = step(&data, "kind");
    assert_eq!((&kind["outcome"], &kind["failure"]), (&"failed".into(), &"download-failed".into()));
}

#[test]
fn an_interrupted_run_has_a_page_too() {
    let world = World::new();
    let mut run = stalled(&world, "run.html");
    interrupt(&mut run);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let data = data(&page(&world.home));
    assert_eq!(data["end"], "interrupted");
    let kind = step(&data, "kind");
    assert_eq!(kind["outcome"], "cancelled");
    assert!(kind["waits"].to_string().contains("trying again"), "{kind}");
}

#[test]
fn a_page_that_cannot_be_written_any_more_is_a_warning_and_the_run_ends_as_it_would() {
    let world = World::new();
    let folder = world.home.path().join("pages");
    std::fs::create_dir(&folder).unwrap();
    let mut run = stalled(&world, "pages/run.html");
    std::fs::remove_dir(&folder).unwrap();
    interrupt(&mut run);
    let ran = world.home.ran(&run.wait_with_output().unwrap());
    assert_eq!(ran.code, 130);
    assert!(ran.stderr.contains("warning: the timings cannot be written to pages/run.html: "), "{}", ran.stderr);
}

#[test]
fn a_place_where_no_page_can_be_is_refused_before_anything_is_done() {
    let (home, server) = (Home::new(), Server::start());
    for command in ["up", "tools"] {
        let ran = home.run(&[command, "--timings", "nowhere/run.html", "--mirror", &server.address]);
        assert_eq!(ran.code, 1);
        let (first, rest) = ran.stderr.split_once('\n').unwrap();
        assert_eq!(first, "error: the timings cannot be written to nowhere/run.html (directory-not-writable)");
        assert!(
            rest.ends_with("hint: --timings needs the name of a file in a directory that is there and writable\n"),
            "{rest}"
        );
    }
    assert_eq!((home.files(), server.requests()), (Vec::new(), Vec::new()));
}

#[test]
fn a_browser_shows_a_row_for_every_step_at_any_width() {
    let world = World::new();
    // Docker's words reach the page; no image can be pulled, so the run fails.
    let answer = format!(
        r#"{{"ID": "1", "ServerVersion": "{HOSTILE}", "CgroupVersion": "2", "NCPU": 2, "MemTotal": 1, "DockerRootDir": "/nowhere"}}"#
    );
    std::fs::write(world.home.path().join("answer"), answer).unwrap();
    world.home.docker("case $1 in info) cat \"$HOME/answer\" ;; image | pull) exit 1 ;; esac");
    let arguments = [&["--local", "--timings", "run.html"], &NETWORK[..], &[&world.server.address]].concat();
    let ran = world.home.run(&arguments);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let page = page(&world.home);
    let docker = data(&page);
    let detail = step(&docker, "docker")["detail"].as_str().unwrap();
    assert!(detail.starts_with("</script><script>"), "the hostile words are not in the page: {detail}");
    for (width, height) in [(1280, 900), (500, 900)] {
        let dom = Browser::dom(&page, width, height);
        let (_, body) = dom.split_once("<body").unwrap();
        let (attributes, rows) = body.split_once('>').unwrap();
        assert!(!attributes.contains("data-error"), "at {width}: a script failed: {attributes}");
        for expected in ["data-rows=\"18 of 18\"", "data-found=\"\"", "data-card=\"shown\""] {
            assert!(attributes.contains(expected), "at {width}: {expected} is not among {attributes}");
        }
        assert!(attributes.contains(&format!("data-width=\"{width}\"")), "{attributes}");
        for step in docker["steps"].as_array().unwrap() {
            let row = format!("data-step=\"{}\"", step["id"].as_str().unwrap());
            assert_eq!(rows.matches(&row).count(), 1, "at {width}: {row}");
        }
    }
}

/// A run that waits for a server which wants to be asked again later.
fn stalled(world: &World, page: &str) -> Child {
    world.server.then(&world.kind(), vec![Behaviour::Status(503, "Retry-After: 30\r\n"); 9]);
    let rest = ["tools", "--output", "json", "--timings", page];
    let arguments = [&rest[..], &NETWORK[..], &[&world.server.address]].concat();
    let mut run = world.home.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.as_mut().unwrap()).lines();
    let waits = |line: &str| line.contains("\"step-waiting\"") && line.contains("trying again");
    assert!(lines.any(|line| waits(&line.unwrap())), "the run ended without waiting");
    drop(lines);
    run
}

/// As Ctrl-C does.
fn interrupt(run: &mut Child) {
    let sent = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(sent.success());
}
