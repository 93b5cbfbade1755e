#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use bootstrap_run::failure;

use super::*;
use crate::steps::test_run::TestRun;

/// Plays something of the lesson where nobody can be asked.
async fn played<T>(play: impl AsyncFnOnce(&Playing<'_>) -> Result<T>) -> Result<T> {
    let (run, lesson) = (TestRun::new(), crate::lesson::find("active-active").unwrap());
    let file = Place::file(&run.context.places.state, &lesson.id);
    let playing = Playing {
        context: &run.context,
        lesson: &lesson,
        file: &file,
        asks: false,
        variables: vec![("PGEDGE_BOOTSTRAP_PINS", "my pins.json".into())],
        place: Place::default(),
    };
    play(&playing).await
}

fn failed<T>(played: Result<T>) -> Failure {
    let Err(error) = played else { panic!("it did not fail") };
    failure::of(&error).unwrap_or_else(|| panic!("{error:#}")).clone()
}

#[tokio::test]
async fn a_command_that_fails_ends_a_lesson_that_nobody_watches() {
    let ended = async |command: &'static str| played(async |playing| playing.command(command).await).await;
    assert_eq!(ended("true").await.unwrap(), Next::On);
    let command = "true\nexit 7";
    let failure = failed(ended(command).await);
    assert_eq!(
        (failure.id(), failure.seen()),
        (FailureId::LessonFailed, &["true".to_owned(), "exit 7".to_owned()][..])
    );
    assert!(failure.summary().contains('7'), "{}", failure.summary());
    assert_eq!(failure.advice(&Invocation::default()), "`pgedge-bootstrap guide` continues where this stopped");
}

/// The tools of this program come first, and the lesson's own calls of it are about the same cluster.
#[tokio::test]
async fn a_command_is_run_with_what_reaches_the_cluster() {
    let command = r#"[ "$PGEDGE_BOOTSTRAP_NAME $PGEDGE_BOOTSTRAP_NODES $PGEDGE_BOOTSTRAP_NAMESPACE" = 'pgedge 3 default' ] &&
        [ "$PGEDGE_BOOTSTRAP_PINS" = 'my pins.json' ] &&
        [ "${PATH%%:*}" = "$(dirname "$(dirname "$(dirname "$KUBECONFIG")")")/bin" ]"#;
    assert_eq!(played(async |playing| playing.command(command).await).await.unwrap(), Next::On);
}

#[tokio::test]
async fn a_step_that_was_not_done_ends_a_lesson_that_nobody_watches() {
    let failure = failed(
        played(async |playing| {
            let step = playing.lesson.steps.iter().find(|step| step.id == "configure").unwrap();
            playing.check(step).await
        })
        .await,
    );
    assert_eq!(failure.id(), FailureId::LessonFailed);
    assert_eq!(failure.seen(), ["values-demo.yaml is here: there is no values-demo.yaml in this directory"]);
}

#[test]
fn a_command_about_a_node_that_is_not_there_is_left_out() {
    let command = "kubectl cnpg status pgedge-n2\nkubectl cnpg status pgedge-n3\n";
    assert_eq!(without_missing_nodes(command, 3), command);
    assert_eq!(without_missing_nodes(command, 2), "kubectl cnpg status pgedge-n2");
    assert_eq!(without_missing_nodes("kubectl cnpg psql pgedge-n3 -- app\n", 2), "");
}
