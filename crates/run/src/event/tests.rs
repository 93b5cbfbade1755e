use std::sync::Arc;

use super::recorder::Recorder;
use super::*;
use crate::failure::Layer;

fn told(event: Event) -> Event {
    let recorder = Arc::<Recorder>::default();
    Events::to(Arc::<Recorder>::clone(&recorder)).tell(event);
    recorder.events().remove(0)
}

#[test]
fn no_reporter_hears_a_secret() {
    const STEP: StepName = StepName::fixed("release");
    let secret = || "PGPASSWORD=hunter22 psql".to_owned();
    let report =
        Report { id: "x".to_owned(), layer: Layer::Run, summary: secret(), evidence: vec![secret()], hint: secret() };
    let step = Some(STEP);
    for event in [
        Event::StepApplying { step: STEP, found: "wrong".to_owned(), detail: secret() },
        Event::StepWaiting { step: STEP, reason: secret() },
        Event::StepDone { step: STEP, detail: secret(), changed: true, seconds: 1.0 },
        Event::StepFailed { step: STEP, failure: report, seconds: 1.0 },
        Event::CommandEnded { step, command: secret(), exit: Some(0), seconds: 1.0, output: vec![secret()] },
    ] {
        let text = format!("{:?}", told(event.clone()));
        assert!(text.contains("psql") && !text.contains("hunter22"), "{text}");
    }
    // A key that goes over many lines of an output.
    let key = ["-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBg", "-----END PRIVATE KEY-----"].map(str::to_owned);
    let text = format!(
        "{:?}",
        told(Event::CommandEnded { step, command: "x".to_owned(), exit: None, seconds: 0.0, output: key.to_vec() })
    );
    assert!(!text.contains("MIIEvQIBADANBg"), "{text}");
}

#[test]
fn events_are_heard_in_the_order_of_their_times() {
    #[derive(Default)]
    struct Times(Mutex<Vec<Timestamp>>);
    impl Reporter for Times {
        fn report(&self, stamped: &Stamped) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stamped.time);
        }
    }
    let times = Arc::<Times>::default();
    let events = Events::to(Arc::<Times>::clone(&times));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| events.tell(Event::StepStarted { step: StepName::fixed("docker") })));
        }
    });
    let times = times.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(times.len() == 800 && times.is_sorted());
}
