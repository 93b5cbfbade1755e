#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::event::made_up::planned;

const KIND: StepName = StepName::fixed("kind");

fn run() -> RunState {
    RunState::new("pgedge", "up", None)
}

fn started(run: &mut RunState) {
    let steps = [KIND, StepName::fixed("cluster")].map(|id| planned(id, &[]));
    let (version, cluster) = ("1".to_owned(), "pgedge".to_owned());
    happens(run, &Event::RunStarted { schema: 1, version, cluster, steps: steps.to_vec() });
}

fn happens(run: &mut RunState, event: &Event) {
    run.record(&Stamped::now(event));
}

fn finished(end: RunEnd) -> Event {
    Event::RunFinished { ok: end == RunEnd::Done, end, changed: 1, seconds: 4.0 }
}

fn failed(step: StepName, id: &str) -> Event {
    let (id, summary, hint) = (id.to_owned(), "it broke".to_owned(), "mend it".to_owned());
    let failure =
        Report { id, layer: crate::failure::Layer::Machine, summary, evidence: vec!["seen".to_owned()], hint };
    Event::StepFailed { step, failure, seconds: 2.0 }
}

#[test]
fn a_step_goes_through_its_states() {
    let mut run = run();
    started(&mut run);
    assert_eq!((run.steps[0].state, run.steps[0].since), (StepPhase::Pending, None));
    happens(&mut run, &Event::StepStarted { step: KIND });
    assert_eq!(run.steps[0].state, StepPhase::Running);
    happens(&mut run, &Event::StepQueued { step: KIND, behind: vec![StepName::fixed("cluster")] });
    assert_eq!((run.steps[0].state, run.steps[0].detail.as_str()), (StepPhase::Queued, "after cluster"));
    let (found, detail) = ("missing".to_owned(), "not in bin".to_owned());
    happens(&mut run, &Event::StepApplying { step: KIND, found, detail });
    happens(&mut run, &Event::StepWaiting { step: KIND, reason: "the mirror is busy".to_owned() });
    happens(&mut run, &Event::StepBytes { step: KIND, done: 3_000_000, total: Some(9_000_000) });
    assert_eq!((run.steps[0].state, run.steps[0].detail.as_str()), (StepPhase::Running, "the mirror is busy"));
    assert_eq!(run.at(), "kind (3 of 9 MB)");
    happens(&mut run, &Event::StepDone { step: KIND, detail: "0.33.0".to_owned(), changed: true, seconds: 1.5 });
    let step = &run.steps[0];
    assert_eq!((step.state, step.detail.as_str(), step.seconds), (StepPhase::Done, "0.33.0", Some(1.5)));
    assert_eq!((run.at().as_str(), run.changed), ("no step", 1));
}

#[test]
fn the_first_failure_is_the_runs() {
    let mut run = run();
    started(&mut run);
    for step in [KIND, StepName::fixed("cluster")] {
        happens(&mut run, &Event::StepStarted { step });
    }
    happens(&mut run, &failed(KIND, "download-failed"));
    happens(&mut run, &failed(StepName::fixed("cluster"), "command-failed"));
    assert_eq!(run.state, Phase::Running);
    happens(&mut run, &finished(RunEnd::Failed));
    let failure = run.failure.unwrap();
    assert_eq!((failure.step, failure.report.id.as_str()), (KIND, "download-failed"));
    assert_eq!((run.state, run.seconds), (Phase::Failed, Some(4.0)));
    assert!(run.steps.iter().all(|step| step.state == StepPhase::Failed));
}

#[test]
fn what_was_written_is_read() {
    let mut run = run();
    started(&mut run);
    happens(&mut run, &Event::StepStarted { step: StepName::fixed("cluster") });
    happens(&mut run, &Event::StepCancelled { step: StepName::fixed("cluster"), seconds: 1.0 });
    happens(&mut run, &finished(RunEnd::Interrupted));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status.json");
    assert_eq!(RunState::read(&file).unwrap(), None);
    fs_err::write(&file, serde_json::to_string(&run).unwrap()).unwrap();
    let read = RunState::read(&file).unwrap().unwrap();
    assert_eq!(read, run);
    assert!(read.is_same_run(&run) && !read.is_same_run(&self::run()));
}

#[test]
fn a_file_of_another_form_is_an_error_and_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status.json");
    fs_err::write(&file, "{\"schema\": 9}").unwrap();
    assert_eq!(RunState::read(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn parts_of_dead_processes_go_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let status = folder.path().join("pgedge.status.json");
    let (dead, alive) = (part(&status, i32::MAX.unsigned_abs()), part(&status, std::process::id()));
    assert!(dead.ends_with("pgedge.status.2147483647.part"));
    let others =
        ["pgedge.status.json", "pgedge-lab.status.2147483647.part", "pgedge.lock"].map(|name| folder.path().join(name));
    for file in [&dead, &alive].into_iter().chain(&others) {
        fs_err::write(file, "").unwrap();
    }
    remove_parts_of_the_dead(&status);
    assert!(!dead.exists() && alive.exists() && others.iter().all(|file| file.exists()));
}
