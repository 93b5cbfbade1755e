use super::*;
use crate::failure::{self, Failure, FailureId};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_status_other_than_zero_is_an_error_with_the_output() {
    let error = Command::new("sh", SOON).args(["-c", "echo why >&2; exit 3"]).stdout().await.unwrap_err();
    let failure = crate::failure::of(&error).unwrap();
    assert_eq!(failure.id(), FailureId::CommandFailed);
    assert_eq!(failure.seen(), ["why"]);
    assert!(failure.summary().contains("exit status: 3"), "{failure}");
}

#[tokio::test]
async fn a_deadline_ends_the_program_and_its_children() {
    let marker = tempfile::tempdir().unwrap();
    let file = marker.path().join("child");
    let script = format!(
        "echo begun; sh -c 'echo $$ > {0}.part; mv {0}.part {0}; exec tail -f /dev/null' & wait",
        file.display()
    );
    let error = Command::new("sh", Duration::from_secs(2)).args(["-c", &script]).stdout().await.unwrap_err();
    let failure = crate::failure::of(&error).unwrap();
    assert_eq!((failure.id(), failure.seen()), (FailureId::CommandDeadline, &["begun".to_owned()][..]));
    let child: i32 = fs_err::read_to_string(&file).unwrap().trim().parse().unwrap();
    let gone = || {
        let state = fs_err::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // A killed child that nobody has reaped yet is a zombie: it runs no more.
        state.is_empty() || state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
    };
    let end = std::time::Instant::now() + SOON;
    while !gone() {
        assert!(std::time::Instant::now() < end, "the child {child} outlived its deadline");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_apart() {
    let error = Command::new("/nonexistent/program", SOON).stdout().await.unwrap_err();
    assert_eq!(error.downcast_ref::<StartError>(), Some(&StartError::NotFound));
    assert_eq!(crate::failure::of(&error).map(Failure::id), Some(FailureId::CommandFailed));
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart_and_never_kept_whole() {
    for (script, words) in [("exec cat /dev/zero", "more than 16 MiB"), ("exec yes >&2", "more than 16 MiB")] {
        let started = Instant::now();
        let error = Command::new("sh", SOON).args(["-c", script]).finish().await.unwrap_err();
        let failure = failure::of(&error).unwrap();
        assert!(error.is::<Rubbish>() && failure.to_string().contains(words), "{script}: {error:?}");
        assert!(started.elapsed() < SOON, "it was read to the deadline");
        assert!(failure.seen().iter().all(|line| line.len() < 1000), "{failure:?}");
    }
    let error = Command::new("printf", SOON).args([r"\377\376"]).stdout().await.unwrap_err();
    assert!(error.is::<Rubbish>(), "{error:?}");
    assert_eq!(failure::of(&error).map(Failure::id), Some(FailureId::CommandFailed));
}

#[tokio::test]
async fn a_purpose_is_told_in_the_place_of_the_command() {
    let command = |program: &str, deadline| {
        let command = Command::new(program, deadline).args(["-c", "exec sleep 100", "{{json .}}"]);
        command.purpose("list the things", "docker things")
    };
    let missing = command("/nonexistent/docker", SOON).stdout().await.unwrap_err();
    let failed = command("false", SOON).stdout().await.unwrap_err();
    let late = command("sh", Duration::from_millis(200)).stdout().await.unwrap_err();
    for (error, words) in [
        (missing, "docker cannot be run to list the things"),
        (failed, "false could not list the things: exit status: 1"),
        (late, "sh did not list the things within 0 s and was stopped"),
    ] {
        let failure = failure::of(&error).unwrap();
        assert_eq!(failure.summary(), words);
        assert!(!format!("{failure:?}").contains("{{"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let error = Command::new(folder.path(), SOON).stdout().await.unwrap_err();
    assert_eq!(error.downcast_ref::<StartError>(), Some(&StartError::Unusable));
    assert!(failure::of(&error).unwrap().seen()[0].ends_with(" is a directory"), "{error:?}");
}

#[tokio::test]
async fn input_reaches_the_program() {
    let output = Command::new("cat", SOON).input("text").stdout().await.unwrap();
    assert_eq!(output, "text");
}

#[test]
fn a_command_line_can_be_pasted() {
    let command = Command::new("psql", SOON).args(["-c", "SELECT 'a'"]);
    assert_eq!(command.line(), r"psql -c 'SELECT '\''a'\'''");
}
