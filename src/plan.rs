//! The table of contents of the product: the steps of a run, and what each needs first. Pure data.

use crate::event::PlannedStep;
use crate::pins::Tool;
use crate::step::{Operator, Stage, StepId};

/// The steps of one run in reading order. Each stands behind everything that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    steps: Vec<(StepId, Vec<StepId>)>,
}

impl Plan {
    /// Everything up to and including a stage.
    pub(crate) fn until(last: Stage) -> Self {
        let mut steps = Self::whole();
        steps.retain(|(step, _)| step.stage() <= last);
        Self { steps }
    }

    /// The four tools and nothing else.
    pub(crate) fn tools() -> Self {
        let mut steps = Self::whole();
        steps.retain(|(step, _)| matches!(step, StepId::Tool(_)));
        Self { steps }
    }

    /// The proof alone, of what is there.
    pub(crate) fn proof() -> Self {
        Self { steps: vec![(StepId::Proof, Vec::new())] }
    }

    fn whole() -> Vec<(StepId, Vec<StepId>)> {
        use StepId as Step;
        let cert_manager = Operator::CertManager;
        let cloudnative_pg = Operator::CloudnativePg;
        vec![
            (Step::Docker, vec![]),
            // Bytes from the network, all at the same time.
            (Step::Tool(Tool::Helm), vec![]),
            (Step::Tool(Tool::Kind), vec![]),
            (Step::Tool(Tool::Kubectl), vec![]),
            (Step::Tool(Tool::KubectlCnpg), vec![]),
            (Step::Manifest(cert_manager), vec![]),
            (Step::Manifest(cloudnative_pg), vec![]),
            (Step::Chart, vec![]),
            (Step::NodeImage, vec![Step::Docker]),
            // The cluster needs one tool and one image, not all of them.
            (Step::Cluster, vec![Step::Tool(Tool::Kind), Step::NodeImage]),
            (Step::Images, vec![Step::Cluster]),
            (Step::Operator(cert_manager), vec![Step::Cluster, Step::Manifest(cert_manager)]),
            (Step::Operator(cloudnative_pg), vec![Step::Cluster, Step::Manifest(cloudnative_pg)]),
            // The chart's objects pass through both webhooks.
            (
                Step::Release,
                vec![Step::Tool(Tool::Helm), Step::Chart, Step::Operator(cert_manager), Step::Operator(cloudnative_pg)],
            ),
            (Step::Nodes, vec![Step::Release]),
            (Step::Replication, vec![Step::Nodes]),
            (Step::Proof, vec![Step::Replication]),
        ]
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = (StepId, &[StepId])> {
        self.steps.iter().map(|(step, needs)| (*step, needs.as_slice()))
    }

    /// The plan as it is told to a reporter.
    pub(crate) fn described(&self) -> Vec<PlannedStep> {
        let described = |(step, needs): (StepId, &[StepId])| PlannedStep {
            id: step,
            title: step.title().to_owned(),
            stage: step.stage(),
            needs: needs.to_vec(),
            yields_to: Vec::new(),
        };
        self.steps().map(described).collect()
    }

    #[cfg(test)]
    pub(crate) fn of(steps: Vec<(StepId, Vec<StepId>)>) -> Self {
        Self { steps }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_step_is_planned_once_behind_all_that_it_needs() {
        let mut before = BTreeSet::new();
        for (step, needs) in Plan::until(Stage::Prove).steps() {
            for need in needs {
                assert!(before.contains(need), "{step} stands before {need}");
            }
            assert!(before.insert(step), "{step} is planned twice");
        }
        assert_eq!(before, BTreeSet::from(StepId::ALL));
    }

    #[test]
    fn the_picture_in_architecture_is_the_plan() {
        let drawn: String = Plan::until(Stage::Prove)
            .steps()
            .map(|(step, needs)| {
                let needs = needs.iter().map(|need| need.as_str()).collect::<Vec<_>>().join(", ");
                format!("{:<11}{:<25}{needs}", step.stage().as_str(), step.as_str()).trim_end().to_owned() + "\n"
            })
            .collect();
        let picture = format!("```\n{:<11}{:<25}needs\n{drawn}```\n", "stage", "step");
        let page = include_str!("../ARCHITECTURE.md");
        assert!(page.contains(&picture), "ARCHITECTURE.md should hold\n{picture}");
    }

    #[test]
    fn no_step_needs_a_later_stage() {
        for (step, needs) in Plan::until(Stage::Prove).steps() {
            for need in needs {
                assert!(
                    need.stage() <= step.stage(),
                    "{step} of {:?} needs {need} of {:?}",
                    step.stage(),
                    need.stage()
                );
            }
        }
    }
}
