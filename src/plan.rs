//! The table of contents of the product: the steps of a run, and what each needs first. Pure data.

use std::collections::BTreeSet;

use crate::event::PlannedStep;
use crate::options::Provider;
use crate::pins::Tool;
use crate::step::{Operator, Stage, StepId};

/// The steps of one run in reading order. Each stands behind everything that it needs or yields to.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    steps: Vec<Step>,
}

/// A step of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) id: StepId,
    /// What must hold before it makes sense to look at it.
    pub(crate) needs: Vec<StepId>,
    /// What it leaves the link to: it is made true when these hold. It would work beside them too, but whoever waits for
    /// a byte waits less if fewer bytes are on their way.
    pub(crate) yields_to: Vec<StepId>,
}

impl Step {
    fn new(id: StepId) -> Self {
        Self { id, needs: Vec::new(), yields_to: Vec::new() }
    }

    fn needs<const N: usize>(mut self, needs: [StepId; N]) -> Self {
        self.needs = needs.to_vec();
        self
    }

    fn yields_to<const N: usize>(mut self, others: [StepId; N]) -> Self {
        self.yields_to = others.to_vec();
        self
    }
}

impl Plan {
    /// Everything up to and including a stage.
    pub(crate) fn until(provider: Provider, last: Stage) -> Self {
        let mut steps = match provider {
            Provider::Kind => Self::whole(),
            Provider::Adopted => Self::whole_of_adopted(),
        };
        steps.retain(|step| step.id.stage() <= last);
        Self { steps }
    }

    /// The four tools and nothing else.
    pub(crate) fn tools() -> Self {
        let mut steps = Self::whole();
        steps.retain(|step| matches!(step.id, StepId::Tool(_)));
        Self { steps }
    }

    /// What can be had before there is a cluster. What runs in it comes later: its nodes pull that themselves.
    pub(crate) fn prefetch() -> Self {
        let mut steps = Self::whole();
        steps.retain(|step| {
            matches!(
                step.id,
                StepId::Docker | StepId::Tool(_) | StepId::Manifest(_) | StepId::Chart | StepId::NodeImage
            )
        });
        Self { steps }
    }

    /// The proof alone, of what is there.
    pub(crate) fn proof() -> Self {
        Self { steps: vec![Step::new(StepId::Proof)] }
    }

    fn whole() -> Vec<Step> {
        use StepId::{Api, Chart, Cluster, Docker, Images, Manifest, NodeImage, Nodes, Proof, Release, Replication};
        let [helm, kind, kubectl, kubectl_cnpg] =
            [Tool::Helm, Tool::Kind, Tool::Kubectl, Tool::KubectlCnpg].map(StepId::Tool);
        let operators = [Operator::CertManager, Operator::CloudnativePg];
        let [cert_manager_manifest, cloudnative_pg_manifest] = operators.map(Manifest);
        let [cert_manager, cloudnative_pg] = operators.map(StepId::Operator);
        let step = Step::new;
        vec![
            step(Docker),
            // What the cluster waits for comes first over the link, then what the chart waits for, and last what nothing
            // waits for. kind, the manifests and the chart are small.
            step(kind),
            step(cert_manager_manifest),
            step(cloudnative_pg_manifest),
            step(Chart),
            step(NodeImage).needs([Docker]),
            step(helm).yields_to([NodeImage]),
            // The cluster needs one tool and one image, not all of them.
            step(Cluster).needs([kind, NodeImage]),
            // While kind sets up Kubernetes in the nodes, they pull already, and the API answers before all is ready.
            step(Api).needs([kind, NodeImage]),
            step(Images).needs([kind, NodeImage]),
            step(kubectl).yields_to([NodeImage, Images]),
            step(kubectl_cnpg).yields_to([NodeImage, Images]),
            step(cert_manager).needs([Api, cert_manager_manifest]),
            step(cloudnative_pg).needs([Api, cloudnative_pg_manifest]),
            // The chart's objects pass through both webhooks.
            step(Release).needs([Cluster, helm, Chart, cert_manager, cloudnative_pg]),
            step(Nodes).needs([Release]),
            step(Replication).needs([Nodes]),
            step(Proof).needs([Replication]),
        ]
    }

    /// The cluster is there and its container runtime is on this machine: the images can come at once, and nothing is left
    /// to be made but what runs in the cluster. How much of pgEdge it can hold is seen when the operators have their part.
    fn whole_of_adopted() -> Vec<Step> {
        use StepId::{Api, Chart, Cluster, Images, Manifest, Nodes, Proof, Release, Replication, Room};
        let [helm, kubectl, kubectl_cnpg] = [Tool::Helm, Tool::Kubectl, Tool::KubectlCnpg].map(StepId::Tool);
        let operators = [Operator::CertManager, Operator::CloudnativePg];
        let [cert_manager_manifest, cloudnative_pg_manifest] = operators.map(Manifest);
        let [cert_manager, cloudnative_pg] = operators.map(StepId::Operator);
        let step = Step::new;
        vec![
            step(cert_manager_manifest),
            step(cloudnative_pg_manifest),
            step(Chart),
            step(Api),
            step(Cluster).needs([Api]),
            step(Images),
            step(helm).yields_to([Images]),
            step(kubectl).yields_to([Images]),
            step(kubectl_cnpg).yields_to([Images]),
            step(cert_manager).needs([Cluster, cert_manager_manifest]),
            step(cloudnative_pg).needs([Cluster, cloudnative_pg_manifest]),
            step(Room).needs([cert_manager, cloudnative_pg]),
            step(Release).needs([helm, Chart, Images, Room]),
            step(Nodes).needs([Release]),
            step(Replication).needs([Nodes]),
            step(Proof).needs([Replication]),
        ]
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// Those of some steps that are in this plan.
    pub(crate) fn planned(&self, steps: &[StepId]) -> BTreeSet<StepId> {
        steps.iter().copied().filter(|step| self.steps.iter().any(|planned| planned.id == *step)).collect()
    }

    /// The steps of this plan that a step yields to.
    pub(crate) fn yields_to(&self, step: StepId) -> BTreeSet<StepId> {
        let planned = self.steps.iter().find(|planned| planned.id == step);
        planned.map_or_else(BTreeSet::new, |planned| self.planned(&planned.yields_to))
    }

    /// The plan as it is told to a reporter: without what belongs to a longer plan.
    pub(crate) fn described(&self) -> Vec<PlannedStep> {
        let described = |step: &Step| PlannedStep {
            id: step.id,
            title: step.id.title().to_owned(),
            stage: step.id.stage(),
            needs: self.planned(&step.needs).into_iter().collect(),
            yields_to: self.planned(&step.yields_to).into_iter().collect(),
        };
        self.steps().map(described).collect()
    }

    #[cfg(test)]
    pub(crate) fn of(steps: Vec<Step>) -> Self {
        Self { steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDERS: [Provider; 2] = [Provider::Kind, Provider::Adopted];

    #[test]
    fn every_step_is_planned_once_behind_all_that_it_needs_or_yields_to() {
        let mut all = BTreeSet::new();
        for provider in PROVIDERS {
            let mut before = BTreeSet::new();
            for step in Plan::until(provider, Stage::Prove).steps() {
                for other in step.needs.iter().chain(&step.yields_to) {
                    assert!(before.contains(other), "{} stands before {other}", step.id);
                }
                assert!(before.insert(step.id), "{} is planned twice", step.id);
            }
            all.extend(before);
        }
        assert_eq!(all, BTreeSet::from(StepId::ALL));
    }

    #[test]
    fn the_pictures_in_architecture_are_the_plans() {
        let words = |steps: &[StepId]| steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ");
        let row = |stage: &str, step: &str, needs: &str, yields_to: &str| {
            format!("{stage:<11}{step:<25}{needs:<53}{yields_to}").trim_end().to_owned() + "\n"
        };
        for provider in PROVIDERS {
            let plan = Plan::until(provider, Stage::Prove);
            let drawn: String = plan
                .steps()
                .map(|step| {
                    row(step.id.stage().as_str(), step.id.as_str(), &words(&step.needs), &words(&step.yields_to))
                })
                .collect();
            let picture = format!("```\n{}{drawn}```\n", row("stage", "step", "needs", "yields to"));
            let page = include_str!("../ARCHITECTURE.md");
            assert!(page.contains(&picture), "ARCHITECTURE.md should hold\n{picture}");
        }
    }

    #[test]
    fn no_step_needs_a_later_stage() {
        for provider in PROVIDERS {
            for step in Plan::until(provider, Stage::Prove).steps() {
                for need in &step.needs {
                    let (own, needed) = (step.id.stage(), need.stage());
                    assert!(needed <= own, "{} of {own:?} needs {need} of {needed:?}", step.id);
                }
            }
        }
    }

    #[test]
    fn a_shorter_plan_waits_for_nothing_that_is_not_in_it() {
        for plan in [Plan::tools(), Plan::prefetch(), Plan::until(Provider::Kind, Stage::Tools), Plan::proof()] {
            let planned: BTreeSet<StepId> = plan.steps().map(|step| step.id).collect();
            for step in plan.described() {
                assert!(step.needs.iter().chain(&step.yields_to).all(|other| planned.contains(other)), "{}", step.id);
            }
        }
    }
}
