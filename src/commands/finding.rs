//! What a look at a step finds, in the form in which `verify` and `up --dry-run` tell it.

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::failure;
use crate::step::{Observation, StepId};

/// What was found of one step.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// `done`, `missing`, `wrong`, `waiting`, or `failed` where the look itself found an expected failure.
    state: &'static str,
    detail: String,
    /// The failure's id and what to do about it.
    failure: Option<&'static str>,
    hint: Option<String>,
}

impl Finding {
    /// Looks at a step, for as long as a person waits.
    ///
    /// # Errors
    /// What is not an expected failure.
    pub(super) async fn of(context: &Context, step: StepId) -> Result<Self> {
        Self::from_look(super::look(context, step).await)
    }

    /// # Errors
    /// What is not an expected failure.
    pub(super) fn from_look(look: Result<Observation>) -> Result<Self> {
        match look {
            Ok(seen) => Ok(Self { state: seen.word(), detail: seen.detail().to_owned(), failure: None, hint: None }),
            Err(error) => match failure::of(&error) {
                Some(found) => {
                    let seen = found.seen().first().map(|seen| format!(": {seen}")).unwrap_or_default();
                    let detail = format!("{}{seen}", found.summary());
                    let (id, hint) = (found.id().as_str(), found.advice());
                    Ok(Self { state: "failed", detail, failure: Some(id), hint: Some(hint) })
                }
                None => Err(error),
            },
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.state == "done"
    }

    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }

    pub(super) fn state(&self) -> &'static str {
        self.state
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
