#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Mutex;

use super::*;
use crate::event::{Event, Stamped};
use crate::failure::{Layer, Report};
use crate::patience::HEARTBEAT;
use crate::step::StepName;

const SILENCE: Duration = Duration::from_secs(30);
const STEP: StepName = StepName::fixed("cluster");

/// Remembers what it is told: the kind of each event, and words.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Reporter for Told {
    fn report(&self, stamped: &Stamped) {
        let word = match &stamped.event {
            Event::RunStarted { .. } => "run".to_owned(),
            Event::StepStarted { step } => format!("started {step}"),
            Event::StepWaiting { reason, .. } => reason.clone(),
            Event::StepBytes { done, .. } => format!("{done} bytes"),
            Event::StepDone { step, .. } => format!("done {step}"),
            Event::StepFailed { failure, .. } => format!("failed {}", failure.id),
            Event::StepCancelled { step, .. } => format!("cancelled {step}"),
            Event::RunFinished { end, .. } => format!("{end:?}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(word);
    }
}

impl Told {
    /// What was told since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct World {
    folder: tempfile::TempDir,
    told: Arc<Told>,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), told: Arc::default() }
    }

    fn status(&self) -> PathBuf {
        self.folder.path().join("status.json")
    }

    /// A run of this process, whose log has this name.
    fn run(&self, log: &str) -> RunState {
        let run = RunState::new("pgedge", "up", Some(self.folder.path().join(log)));
        self.write(&run);
        run
    }

    fn write(&self, run: &RunState) {
        let part = self.folder.path().join("part");
        fs_err::write(&part, serde_json::to_string(run).unwrap()).unwrap();
        fs_err::rename(part, self.status()).unwrap();
    }

    fn happens(run: &RunState, events: &[Event]) {
        use std::io::Write as _;
        let mut log = fs_err::OpenOptions::new().create(true).append(true).open(run.log.as_ref().unwrap()).unwrap();
        for event in events {
            writeln!(log, "{}", serde_json::to_string(&Stamped::now(event)).unwrap()).unwrap();
        }
    }

    fn follower(&self, run: &RunState) -> Follower {
        Follower::new(self.status(), run.clone(), Arc::<Told>::clone(&self.told), SILENCE)
    }
}

fn waiting(reason: &str) -> Event {
    Event::StepWaiting { step: STEP, reason: reason.to_owned() }
}

fn done(step: StepName) -> Event {
    Event::StepDone { step, detail: String::new(), changed: true, seconds: 1.0 }
}

fn finished(end: RunEnd) -> Event {
    Event::RunFinished { ok: end == RunEnd::Done, end, changed: 1, seconds: 2.0 }
}

/// No system numbers its processes so high.
fn gone(run: &mut RunState) {
    run.writer.pid = i32::MAX.unsigned_abs();
}

#[test]
fn the_past_is_told_in_short_and_the_present_in_full() {
    let world = World::new();
    let run = world.run("log");
    World::happens(&run, &[Event::StepStarted { step: StepName::fixed("docker") }, done(StepName::fixed("docker"))]);
    World::happens(&run, &[Event::StepStarted { step: STEP }, waiting("a"), waiting("b")]);
    let bytes = [1, 2, 3].map(|done| Event::StepBytes { step: STEP, done, total: None });
    World::happens(&run, &bytes);
    let mut follower = world.follower(&run);
    assert_eq!(follower.look(Instant::now()), None);
    assert_eq!(world.told.take(), ["started docker", "done docker", "started cluster", "b", "3 bytes"]);
    World::happens(&run, &[waiting("c"), waiting("d"), done(STEP), finished(RunEnd::Done)]);
    assert_eq!(follower.look(Instant::now()), Some(Ended::Told(RunEnd::Done)));
    assert_eq!(world.told.take(), ["c", "d", "done cluster", "Done"]);
}

#[test]
fn a_run_whose_log_ended_early_is_told_from_its_status() {
    let world = World::new();
    let mut run = world.run("log");
    World::happens(&run, &[Event::StepStarted { step: STEP }, Event::StepStarted { step: StepName::fixed("images") }]);
    let mut follower = world.follower(&run);
    assert_eq!(follower.look(Instant::now()), None);
    let (id, summary, hint) = ("disk-full".to_owned(), "full".to_owned(), String::new());
    let failure = Report { id, layer: Layer::Machine, summary, evidence: Vec::new(), hint };
    let failed = Event::StepFailed { step: STEP, failure, seconds: 1.0 };
    for event in [failed, finished(RunEnd::Failed)] {
        run.record(&Stamped::now(&event));
    }
    world.write(&run);
    assert_eq!(follower.look(Instant::now()), Some(Ended::Told(RunEnd::Failed)));
    let told = ["started images", "failed disk-full", "cancelled images", "Failed"];
    assert_eq!(world.told.take()[1..], told);
}

#[test]
fn a_writer_that_is_killed_is_gone_at_once() {
    let world = World::new();
    let mut run = world.run("log");
    gone(&mut run);
    world.write(&run);
    World::happens(&run, &[Event::StepStarted { step: STEP }]);
    assert_eq!(world.follower(&run).look(Instant::now()), Some(Ended::WriterGone));
    assert_eq!(world.told.take(), ["started cluster"]);
}

#[test]
fn a_writer_that_ended_well_before_it_went_is_not_lost() {
    let world = World::new();
    let mut run = world.run("log");
    gone(&mut run);
    let mut follower = world.follower(&run);
    run.record(&Stamped::now(&finished(RunEnd::Done)));
    world.write(&run);
    assert_eq!(follower.look(Instant::now()), Some(Ended::Told(RunEnd::Done)));
}

#[test]
fn silence_is_what_does_not_change_while_we_look() {
    let world = World::new();
    let mut run = world.run("log");
    let mut follower = world.follower(&run);
    let start = Instant::now();
    assert_eq!(follower.look(start + Duration::from_secs(29)), None);
    // A machine that slept: the heartbeat is old, and changes soon.
    run.heartbeat -= Duration::from_secs(3600);
    world.write(&run);
    let woken = start + Duration::from_secs(31);
    assert_eq!(follower.look(woken), None);
    assert_eq!(follower.look(woken + patience::HEARTBEAT_IS_LATE - patience::POLL_RUN), None);
    run.heartbeat = Timestamp::now();
    world.write(&run);
    let heard = woken + patience::HEARTBEAT_IS_LATE;
    assert_eq!(follower.look(heard), None);
    assert_eq!(follower.look(heard + SILENCE - patience::POLL_RUN), None);
    assert_eq!(follower.look(heard + SILENCE), Some(Ended::WriterSilent));
    // An old heartbeat that does not change for a few seconds is enough.
    run.heartbeat -= Duration::from_secs(31);
    world.write(&run);
    let mut late = world.follower(&run);
    assert_eq!(late.look(Instant::now()), None);
    assert_eq!(late.look(Instant::now() + patience::HEARTBEAT_IS_LATE), Some(Ended::WriterSilent));
}

#[test]
fn a_run_that_takes_the_place_of_a_killed_one_is_followed() {
    let world = World::new();
    let old = world.run("old");
    World::happens(&old, &[Event::StepStarted { step: STEP }]);
    let mut follower = world.follower(&old);
    assert_eq!(follower.look(Instant::now()), None);
    fs_err::remove_file(old.log.as_ref().unwrap()).unwrap();
    let new = world.run("new");
    World::happens(&new, &[Event::StepStarted { step: STEP }, waiting("again"), done(STEP)]);
    assert_eq!(follower.look(Instant::now()), None);
    assert_eq!(world.told.take(), ["started cluster", "cancelled cluster", "started cluster", "done cluster"]);
    World::happens(&new, &[finished(RunEnd::Interrupted)]);
    assert_eq!(follower.look(Instant::now()), Some(Ended::Told(RunEnd::Interrupted)));
}

#[test]
fn a_run_that_ended_before_another_took_its_place_is_the_one_that_was_asked_for() {
    let world = World::new();
    let old = world.run("old");
    let mut follower = world.follower(&old);
    assert_eq!(follower.look(Instant::now()), None);
    World::happens(&old, &[finished(RunEnd::Done)]);
    world.run("new");
    assert_eq!(follower.look(Instant::now()), Some(Ended::Told(RunEnd::Done)));
    assert!(follower.run.is_same_run(&old));
}

#[tokio::test]
async fn the_deadline_ends_it() {
    let world = World::new();
    let run = world.run("log");
    let limits = Limits { deadline: HEARTBEAT / 10, silence: SILENCE };
    let followed = follow(&world.status(), run, Arc::<Told>::clone(&world.told), limits).await.unwrap();
    assert_eq!(followed.ended, Ended::Deadline);
}
