//! Lessons: written once under `tutorial/`, and shown in a terminal, as a scenario, and as a document.
//!
//! A lesson is a folder: `lesson.md` introduces it, `<number>-<id>.md` are its steps, `finish.md` ends it. What a step
//! makes true is among its checks, so that doing it and having done it are told apart by the state of the world.

mod export;
mod parse;
mod shelf;

use std::collections::BTreeSet;

use bootstrap_run::step::Stage;
use serde::Deserialize;

pub(crate) use export::export;
pub(crate) use shelf::find;

use crate::step_id::StepId;

/// A lesson, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lesson {
    /// The name of its folder.
    pub(crate) id: String,
    pub(crate) title: String,
    /// One sentence.
    pub(crate) summary: String,
    /// How long it takes a person who reads everything.
    pub(crate) minutes: u32,
    /// What must hold before it can begin: this stage of a run.
    pub(crate) begins: Stage,
    pub(crate) introduction: Page,
    pub(crate) steps: Vec<LessonStep>,
    pub(crate) finish: Page,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LessonStep {
    /// The name of its file without number and ending: `prove` of `6-prove.md`.
    pub(crate) id: String,
    pub(crate) page: Page,
    /// All of them hold once the step was done.
    pub(crate) checks: Vec<Check>,
}

/// What a person reads at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) title: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
struct Block {
    content: Content,
    /// Empty: everywhere.
    only: BTreeSet<Delivery>,
}

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Markdown without blocks of code.
    Prose(String),
    /// A command for the person to run.
    Run(String),
    /// Something to look at, in this language.
    Show { language: String, text: String },
    /// What a command prints, or a picture made of letters.
    Output(String),
}

/// Where a lesson is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Delivery {
    /// `pgedge-bootstrap guide`.
    Guide,
    /// A Killercoda scenario.
    Killercoda,
    /// One document: `WALKTHROUGH.md`.
    Walkthrough,
    /// A walkthrough of Visual Studio Code.
    Vscode,
}

/// A fact about the state of the world, which a step of a lesson makes true.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Check {
    /// A step of a run holds.
    Holds(StepId),
    /// A file of the lesson's folder is there, and is YAML.
    File(String),
    /// A statement has this answer on every node.
    Query(Query),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    pub(crate) sql: String,
    /// The rows, compared as text.
    pub(crate) answer: Vec<Vec<Cell>>,
}

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Number(i64),
    Text(String),
}

impl Page {
    /// What this delivery shows, in order.
    pub(crate) fn contents(&self, delivery: Delivery) -> impl Iterator<Item = &Content> {
        let shown = move |block: &&Block| block.only.is_empty() || block.only.contains(&delivery);
        self.blocks.iter().filter(shown).map(|block| &block.content)
    }
}

impl Lesson {
    pub(crate) fn step(&self, id: &str) -> Option<&LessonStep> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl Delivery {
    pub(crate) const ALL: [Self; 4] = [Self::Guide, Self::Killercoda, Self::Walkthrough, Self::Vscode];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Killercoda => "killercoda",
            Self::Walkthrough => "walkthrough",
            Self::Vscode => "vscode",
        }
    }
}

impl Query {
    /// Whether these are the rows that are wanted.
    pub(crate) fn is_answered_by(&self, rows: &[Vec<String>]) -> bool {
        let row = |cells: &Vec<Cell>| cells.iter().map(Cell::text).collect::<Vec<_>>();
        self.answer.iter().map(row).eq(rows.iter().cloned())
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}
