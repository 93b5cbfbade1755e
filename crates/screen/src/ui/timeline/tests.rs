//! The page of a recorded run, of runs that hold hostile text, and what is kept of a run's events.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use bootstrap_run::event::PlannedStep;
use bootstrap_run::failure::{Layer, Report};
use bootstrap_run::step::Stage;

use super::*;

const HOSTILE: &str = "</script><script>alert(1)</script>\" onload='x' &lt; <!-- \u{1b}[31m ]]> \u{2028}";

/// A whole `up` of 45 seconds, with queues, downloads, waits and commands.
fn recorded() -> Vec<Stamped> {
    let lines = include_str!("../../../../../tests/fixtures/timeline/events.ndjson").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn page_of(events: &[Stamped]) -> String {
    page::render(&Timeline::of(events).unwrap())
}

fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"run\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// Every event that carries words, each with the same ones.
fn hostile() -> Vec<Event> {
    let (step, words) = (StepName::fixed("docker"), || HOSTILE.to_owned());
    let planned = PlannedStep { id: step, title: words(), stage: Stage::Cluster, needs: vec![], yields_to: vec![] };
    vec![
        Event::RunStarted { schema: 1, version: words(), cluster: words(), steps: vec![planned] },
        Event::StepStarted { step },
        Event::StepApplying { step, found: words(), detail: words() },
        Event::StepWaiting { step, reason: words() },
        Event::CommandEnded { step: Some(step), command: words(), exit: None, seconds: 0.1, output: vec![words()] },
        Event::StepFailed {
            step,
            failure: Report {
                id: words(),
                layer: Layer::Unknown,
                summary: words(),
                evidence: vec![words()],
                hint: words(),
            },
            seconds: 1.0,
        },
        Event::RunFinished { ok: false, end: RunEnd::Failed, changed: 0, seconds: 1.0 },
    ]
}

#[test]
fn a_page_shows_every_step_and_holds_the_data() {
    let page = page_of(&recorded());
    let data = data(&page);
    let steps = data["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 17);
    for step in steps {
        let id = step["id"].as_str().unwrap();
        assert!(page.contains(&format!("data-step=\"{id}\"")), "{id} has no row");
        assert!(page.contains(&format!("<th scope=\"row\">{id}</th>")), "{id} is not in the table");
    }
    keep("timeline.html", &page);
}

#[test]
fn a_page_of_a_failed_run_says_what_failed() {
    let (step, words) = (StepName::fixed("cert-manager"), || "its webhook does not answer".to_owned());
    let mut events = recorded();
    let end =
        events.iter().position(|of| matches!(of.event, Event::StepDone { step: done, .. } if done == step)).unwrap();
    let time = events[end].time;
    events.truncate(end);
    let failed = Event::StepFailed {
        step,
        failure: Report {
            id: "step-deadline".to_owned(),
            layer: Layer::Run,
            summary: words(),
            evidence: vec![],
            hint: words(),
        },
        seconds: 10.7,
    };
    let finished = Event::RunFinished { ok: false, end: RunEnd::Failed, changed: 13, seconds: 31.6 };
    events.extend([failed, finished].map(|event| Stamped { time, event }));
    let page = page_of(&events);
    assert!(page.contains("<p class=\"failure\">cert-manager: its webhook does not answer (step-deadline)</p>"));
    assert!(page.contains("<details class=\"step critical failed\" data-step=\"cert-manager\">"));
    assert_eq!(data(&page)["steps"][13]["outcome"], "never-started");
    keep("timeline-of-a-failed-run.html", &page);
}

/// Puts a page among the files of the build, for a person to look at.
fn keep(name: &str, page: &str) {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join("tmp");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join(name), page).unwrap();
}

#[test]
fn the_recorded_run_is_near_its_critical_path() {
    let data = data(&page_of(&recorded()));
    let chain = |of: &serde_json::Value| -> Vec<String> {
        of["links"].as_array().unwrap().iter().map(|link| link["step"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ["docker", "node-image", "cluster", "cert-manager", "release", "nodes", "replication", "proof"];
    assert_eq!(chain(&data["critical"]), expected);
    let ratio = data["critical"]["ratio"].as_f64().unwrap();
    assert!((1.0..1.01).contains(&ratio), "{ratio}");
    assert_eq!(data["end"], "done");
}

#[test]
fn no_text_of_a_run_becomes_markup() {
    let stamped: Vec<Stamped> = hostile().iter().map(Stamped::now).collect();
    let page = page_of(&stamped);
    let frame = page_of(&recorded());
    for (what, count) in [("<script", 2), ("</script", 2), ("alert(1)</script", 0), ("<!--", 0), ("\u{1b}", 0)] {
        assert_eq!(page.matches(what).count(), count, "{what}");
        assert_eq!(frame.matches(what).count(), count, "{what} in the recorded run");
    }
    let markup = page.split_once("<script type=").unwrap().0;
    assert!(markup.contains("&quot; onload=&#39;x&#39;") && !markup.contains("\" onload"), "{markup}");
    assert_eq!(data(&page)["steps"][0]["waits"][0]["reason"], HOSTILE);
    assert_eq!(data(&page)["commands"][0]["command"], HOSTILE);
}

#[test]
fn nothing_is_fetched_by_a_page() {
    let page = page_of(&recorded());
    for what in ["http:", "https:", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(what), "{what}");
    }
}

#[test]
fn of_a_transfer_four_samples_a_second_and_the_first_and_the_last_are_kept() {
    let (mut recorder, began) = (Recorder::default(), Timestamp::now());
    let bytes = |done| Event::StepBytes { step: StepName::fixed("chart"), done, total: Some(1000) };
    for count in 0..=1000_u64 {
        recorder.record(Stamped { time: began + Duration::from_millis(count), event: bytes(count) });
    }
    let event = Event::StepDone { step: StepName::fixed("chart"), detail: String::new(), changed: true, seconds: 1.0 };
    recorder.record(Stamped { time: began + Duration::from_millis(1001), event });
    let kept: Vec<Event> = recorder.finish().into_iter().map(|stamped| stamped.event).collect();
    // 0, 250, 500, 750 and 1000 of a second; what ends a transfer is its last sample.
    assert_eq!(kept[..5], [bytes(0), bytes(250), bytes(500), bytes(750), bytes(1000)]);
    assert_eq!(kept.len(), 6);
}

#[test]
fn a_transfer_that_halts_keeps_the_sample_before_the_halt() {
    let (mut recorder, began) = (Recorder::default(), Timestamp::now());
    for (done, at) in [(0, 0), (50, 100), (60, 150), (70, 5000)] {
        let event = Event::StepBytes { step: StepName::fixed("chart"), done, total: None };
        recorder.record(Stamped { time: began + Duration::from_millis(at), event });
    }
    assert_eq!(recorder.finish().len(), 3);
}

#[test]
fn a_sample_that_was_held_back_is_not_lost_when_the_run_ends() {
    let (mut recorder, began) = (Recorder::default(), Timestamp::now());
    for (step, done, at) in [
        (StepName::fixed("chart"), 1, 0),
        (StepName::fixed("chart"), 2, 10),
        (StepName::fixed("node-image"), 7, 20),
        (StepName::fixed("chart"), 3, 30),
    ] {
        let event = Event::StepBytes { step, done, total: None };
        recorder.record(Stamped { time: began + Duration::from_millis(at), event });
    }
    let done: Vec<u64> = recorder
        .finish()
        .iter()
        .filter_map(|stamped| match stamped.event {
            Event::StepBytes { done, .. } => Some(done),
            _ => None,
        })
        .collect();
    assert_eq!(done, [1, 7, 3]);
}

#[test]
fn a_run_that_is_given_up_has_a_page_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.html");
    let page = Page::new(&file).unwrap();
    for event in &hostile()[..4] {
        page.report(&Stamped::now(event));
    }
    assert!(!file.exists());
    drop(page);
    let data = data(&fs_err::read_to_string(&file).unwrap());
    assert_eq!((&data["end"], &data["steps"][0]["outcome"]), (&"interrupted".into(), &"cancelled".into()));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "something was left beside the page");
}

#[test]
fn a_run_that_never_began_has_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.html");
    drop(Page::new(&file).unwrap());
    assert!(!file.exists());
}

#[test]
fn a_page_replaces_files_only() {
    let folder = tempfile::tempdir().unwrap();
    for place in [folder.path().to_owned(), folder.path().join("nowhere/run.html"), "/dev/null".into()] {
        let error = Page::new(&place).map(drop).unwrap_err();
        let failure = failure::of(&error).unwrap();
        assert_eq!(failure.id(), FailureId::DirectoryNotWritable, "{}", place.display());
    }
}
