//! The plan of a run: its steps, and what each needs first. Pure data.

use std::collections::BTreeSet;
use std::time::Duration;

use bootstrap_run::event::PlannedStep;
use bootstrap_run::step::{Stage, Step, StepName};

/// The steps of one run in reading order. Each stands behind everything that it needs, yields to, or is seen through.
#[derive(Debug, Clone)]
pub struct Plan<S> {
    rows: Vec<Row<S>>,
}

/// A step of a plan.
#[derive(Debug, Clone)]
pub struct Row<S> {
    /// The step, as the world knows it. No two rows of a plan have the same.
    pub id: S,
    /// A sentence that is true once the step holds.
    pub title: String,
    /// The group of steps that a person sees it in.
    pub stage: Stage,
    /// What must hold before a run observes it, and applies it.
    pub needs: Vec<S>,
    /// What an observation of it depends on, which may be less than what applying it needs: a release that exists can be seen without
    /// the chart that it was installed from, and without the operators that created its nodes. Only a survey uses it.
    pub seen_through: Vec<S>,
    /// What it leaves the link to: it is applied when these hold. It would work beside them too, but whoever waits for
    /// a byte waits less if fewer bytes are on their way.
    pub yields_to: Vec<S>,
    /// The longest time that making the step true may take, after which the run ends with what was last seen.
    pub deadline: Duration,
}

impl<S: Step> Row<S> {
    /// Sets what the step needs, in the place of what was set before.
    pub fn needs(mut self, needs: impl IntoIterator<Item = S>) -> Self {
        self.needs = needs.into_iter().collect();
        self
    }

    /// Sets what a look at the step goes through, in the place of what was set before.
    pub fn seen_through<const N: usize>(mut self, others: [S; N]) -> Self {
        self.seen_through = others.to_vec();
        self
    }

    /// Sets what the step yields to, in the place of what was set before.
    pub fn yields_to(mut self, others: impl IntoIterator<Item = S>) -> Self {
        self.yields_to = others.into_iter().collect();
        self
    }
}

impl<S: Step> Plan<S> {
    /// A plan of these rows. The caller puts each behind everything that it needs, yields to, or is seen through.
    pub fn of(rows: Vec<Row<S>>) -> Self {
        Self { rows }
    }

    /// Without the steps that are not wanted.
    pub fn only(mut self, is_wanted: impl Fn(S) -> bool) -> Self {
        self.rows.retain(|row| is_wanted(row.id));
        self
    }

    /// The steps in reading order.
    pub fn rows(&self) -> impl Iterator<Item = &Row<S>> {
        self.rows.iter()
    }

    /// The place of a step in reading order.
    pub(super) fn place(&self, step: S) -> Option<usize> {
        self.rows.iter().position(|row| row.id == step)
    }

    /// Those of this plan that a look at a step goes through.
    pub(super) fn seen_through(&self, step: S) -> BTreeSet<S> {
        let row = self.rows.iter().find(|row| row.id == step);
        row.map(|row| self.planned(&row.seen_through)).unwrap_or_default()
    }

    /// With one step looked at before all others that need nothing, if it is in this plan.
    pub fn behind(mut self, first: S) -> Self {
        if self.place(first).is_some() {
            for row in self.rows.iter_mut().filter(|row| row.id != first && row.needs.is_empty()) {
                row.needs.push(first);
            }
        }
        self
    }

    /// Those of some steps that are in this plan. A need that is not in it is taken to hold: it belongs to somebody else.
    pub fn planned(&self, steps: &[S]) -> BTreeSet<S> {
        steps.iter().copied().filter(|step| self.place(*step).is_some()).collect()
    }

    /// The plan as it is told to a reporter: without what belongs to a longer plan.
    pub fn described(&self) -> Vec<PlannedStep> {
        let names = |steps: &[S]| -> Vec<StepName> { self.planned(steps).into_iter().map(Step::name).collect() };
        let described = |row: &Row<S>| PlannedStep {
            id: row.id.name(),
            title: row.title.clone(),
            stage: row.stage,
            needs: names(&row.needs),
            yields_to: names(&row.yields_to),
        };
        self.rows().map(described).collect()
    }
}
