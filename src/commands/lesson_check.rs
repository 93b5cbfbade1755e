//! The checks of a step of a lesson: whether the world is as it is when the step was done.

use std::path::Path;

use anyhow::Result;
use bootstrap_cluster::sql::Role;
use bootstrap_run::failure;
use bootstrap_run::given::{self, Unread, parser_words as words};
use bootstrap_run::step::Observation;
use bootstrap_run::stop::Interrupted;

use super::finding::Finding;
use super::look;
use crate::context::Context;
use crate::lesson::{Check, LessonStep, Query};
use crate::patience;
use crate::step_id::StepId;
use crate::steps;

/// What a look at one check found.
#[derive(Debug)]
pub(super) struct Checked {
    /// A fact, in words: what holds or does not.
    pub(super) fact: String,
    pub(super) finding: Finding,
}

/// Looks at all checks of the step at the same time.
///
/// # Errors
/// What is not an expected failure.
pub(super) async fn check(context: &Context, step: &LessonStep) -> Result<Vec<Checked>> {
    let looks = step
        .checks
        .iter()
        .map(|check| async move { Ok(Checked { fact: fact(context, check), finding: look(context, check).await? }) });
    futures::future::try_join_all(looks).await
}

fn fact(context: &Context, check: &Check) -> String {
    match check {
        Check::Holds(step) => step.title(&context.stack),
        Check::File(name) => format!("{name} is here"),
        Check::Query(query) => format!("every node answers `{}` as it should", query.sql),
    }
}

async fn look(context: &Context, check: &Check) -> Result<Finding> {
    match check {
        Check::Holds(step) => Finding::of(context, *step).await,
        Check::File(name) => Finding::from_look(file(name), &context.invocation),
        Check::Query(query) => {
            let look = tokio::time::timeout(patience::LOOK_OF_A_COMMAND, ask(context, query)).await;
            let look = look.unwrap_or_else(|_| look::silence(context, StepId::Replication));
            Finding::from_look(look, &context.invocation)
        }
    }
}

/// In the current directory, where the lesson's commands are run.
fn file(name: &str) -> Result<Observation> {
    if fs_err::symlink_metadata(name).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(Observation::Missing(format!("there is no {name} in this directory")));
    }
    let text = match given::read_text(Path::new(name)) {
        Ok(text) => text,
        Err(Unread::Because(why)) => return Ok(Observation::Wrong(format!("{name} cannot be read: {why}"))),
        Err(Unread::Stopped) => return Err(Interrupted.into()),
    };
    Ok(match serde_saphyr::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::Object(_)) => Observation::Done(name.to_owned()),
        Ok(_) => Observation::Wrong(format!("{name} has no fields")),
        Err(error) => {
            Observation::Wrong(format!("{name} is not YAML: {}", words(&error.without_snippet().to_string())))
        }
    })
}

async fn ask(context: &Context, query: &Query) -> Result<Observation> {
    let databases = steps::databases(context).await?;
    let answers = databases.iter().map(|database| async move {
        (database.node.clone(), database.run(Role::Application, &query.sql, patience::LESSON_STATEMENT).await)
    });
    for (node, answer) in futures::future::join_all(answers).await {
        match answer {
            Ok(rows) if query.is_answered_by(&rows) => {}
            Ok(rows) => {
                let rows: Vec<String> = rows.iter().map(|row| row.join(", ")).collect();
                let seen = if rows.is_empty() { "nothing".to_owned() } else { rows.join("; ") };
                return Ok(Observation::Missing(format!("{node} answers: {seen}")));
            }
            Err(error) => match failure::of(&error) {
                Some(found) => {
                    let seen = found.seen().first().map_or("", String::as_str);
                    return Ok(Observation::Missing(format!("{node}: {seen}")));
                }
                None => return Err(error),
            },
        }
    }
    let nodes: Vec<&str> = databases.iter().map(|database| database.node.as_str()).collect();
    Ok(Observation::Done(nodes.join(", ")))
}
