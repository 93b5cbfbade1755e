//! The table of contents of the product: the steps of a run, and what each needs first. Pure data.

use bootstrap_engine::Row;
use bootstrap_run::step::Stage;

use crate::options::Provider;
use crate::pins::Tool;
use crate::step_id::{Operator, StepId};

/// A plan of the product's steps.
pub(crate) type Plan = bootstrap_engine::Plan<StepId>;

fn step(id: StepId) -> Row<StepId> {
    let (title, stage, deadline) = (id.title().to_owned(), id.stage(), id.deadline());
    Row { id, title, stage, needs: Vec::new(), seen_through: Vec::new(), yields_to: Vec::new(), deadline }
}

/// Everything up to and including a stage.
pub(crate) fn until(provider: Provider, last: Stage) -> Plan {
    let whole = match provider {
        Provider::Kind => whole(),
        Provider::Adopted => whole_of_adopted(),
    };
    whole.only(|step| step.stage() <= last)
}

/// The four tools and nothing else.
pub(crate) fn tools() -> Plan {
    whole().only(|step| matches!(step, StepId::Tool(_)))
}

/// What can be had before there is a cluster. What runs in it comes later: its nodes pull that themselves.
pub(crate) fn prefetch() -> Plan {
    whole().only(|step| {
        matches!(step, StepId::Docker | StepId::Tool(_) | StepId::Manifest(_) | StepId::Chart | StepId::NodeImage)
    })
}

/// What the commands of a lesson use that begins after this stage. How the cluster came to be is its own business: docker, kind and
/// the pinned images are not among them.
pub(crate) fn lesson(provider: Provider, begins: Stage) -> Plan {
    until(provider, begins).only(|step| match step {
        StepId::Tool(tool) => tool != Tool::Kind,
        StepId::Chart | StepId::Api | StepId::Operator(_) | StepId::Nodes | StepId::Replication => true,
        _ => false,
    })
}

/// The proof alone, of what is there.
pub(crate) fn proof() -> Plan {
    Plan::of(vec![step(StepId::Proof)])
}

/// With docker asked before all else, for it answers at once or is not there: who has none, or another program of that
/// name, need not wait for downloads to hear of it.
pub(crate) fn behind_docker(plan: Plan) -> Plan {
    plan.behind(StepId::Docker)
}

fn whole() -> Plan {
    use StepId::{Api, Chart, Cluster, Docker, Images, Manifest, NodeImage, Nodes, Proof, Release, Replication};
    let [helm, kind, kubectl, kubectl_cnpg] =
        [Tool::Helm, Tool::Kind, Tool::Kubectl, Tool::KubectlCnpg].map(StepId::Tool);
    let operators = [Operator::CertManager, Operator::CloudnativePg];
    let [cert_manager_manifest, cloudnative_pg_manifest] = operators.map(Manifest);
    let [cert_manager, cloudnative_pg] = operators.map(StepId::Operator);
    Plan::of(vec![
        step(Docker),
        // What the cluster waits for comes first over the link, then what the chart waits for, and last what nothing
        // waits for. kind, the manifests and the chart are small.
        step(kind),
        step(cert_manager_manifest),
        step(cloudnative_pg_manifest),
        step(Chart),
        step(NodeImage).needs([Docker]).seen_through([Docker]),
        step(helm).yields_to([NodeImage]),
        // The cluster needs one tool and one image, not all of them.
        step(Cluster).needs([kind, NodeImage]).seen_through([Docker]),
        // While kind sets up Kubernetes in the nodes, they pull already, and the API answers before all is ready.
        step(Api).needs([kind, NodeImage]).seen_through([Docker]),
        step(Images).needs([kind, NodeImage]).seen_through([Docker]),
        step(kubectl).yields_to([NodeImage, Images]),
        step(kubectl_cnpg).yields_to([NodeImage, Images]),
        step(cert_manager).needs([Api, cert_manager_manifest]).seen_through([Api]),
        step(cloudnative_pg).needs([Api, cloudnative_pg_manifest]).seen_through([Api]),
        // The chart's objects pass through both webhooks.
        step(Release).needs([Cluster, helm, Chart, cert_manager, cloudnative_pg]).seen_through([Api]),
        step(Nodes).needs([Release]).seen_through([Api]),
        step(Replication).needs([Nodes]).seen_through([Nodes]),
        step(Proof).needs([Replication]),
    ])
}

/// The cluster is there and its container runtime is on this machine: the images can come at once, and nothing is left
/// to be made but what runs in the cluster. How much of pgEdge it can hold is seen when the operators have their part.
fn whole_of_adopted() -> Plan {
    use StepId::{Api, Chart, Cluster, Images, Manifest, Nodes, Proof, Release, Replication, Room};
    let [helm, kubectl, kubectl_cnpg] = [Tool::Helm, Tool::Kubectl, Tool::KubectlCnpg].map(StepId::Tool);
    let operators = [Operator::CertManager, Operator::CloudnativePg];
    let [cert_manager_manifest, cloudnative_pg_manifest] = operators.map(Manifest);
    let [cert_manager, cloudnative_pg] = operators.map(StepId::Operator);
    Plan::of(vec![
        step(cert_manager_manifest),
        step(cloudnative_pg_manifest),
        step(Chart),
        step(Api),
        step(Cluster).needs([Api]).seen_through([Api]),
        step(Images),
        step(helm).yields_to([Images]),
        step(kubectl).yields_to([Images]),
        step(kubectl_cnpg).yields_to([Images]),
        step(cert_manager).needs([Cluster, cert_manager_manifest]).seen_through([Api]),
        step(cloudnative_pg).needs([Cluster, cloudnative_pg_manifest]).seen_through([Api]),
        step(Room).needs([cert_manager, cloudnative_pg]),
        step(Release).needs([helm, Chart, Images, Room]).seen_through([Api]),
        step(Nodes).needs([Release]).seen_through([Api]),
        step(Replication).needs([Nodes]).seen_through([Nodes]),
        step(Proof).needs([Replication]),
    ])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use anyhow::Result;

    use super::*;
    use bootstrap_engine::{Terms, World, converge};
    use bootstrap_run::event::StepReporter;
    use bootstrap_run::event::recorder::Recorder;
    use bootstrap_run::failure::Invocation;
    use bootstrap_run::step::{Observation, Step as _, StepName};
    use bootstrap_run::stop::Stop;

    const PROVIDERS: [Provider; 2] = [Provider::Kind, Provider::Adopted];

    #[test]
    fn every_step_is_planned_once_behind_all_that_it_needs_yields_to_or_is_seen_through() {
        let mut all = BTreeSet::new();
        for provider in PROVIDERS {
            let mut before = BTreeSet::new();
            for step in until(provider, Stage::Prove).rows() {
                for other in step.needs.iter().chain(&step.yields_to).chain(&step.seen_through) {
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
        let row = |columns: [&str; 5]| {
            let [stage, step, needs, seen_through, yields_to] = columns;
            format!("{stage:<11}{step:<25}{needs:<53}{seen_through:<16}{yields_to}").trim_end().to_owned() + "\n"
        };
        for provider in PROVIDERS {
            let plan = until(provider, Stage::Prove);
            let drawn: String = plan
                .rows()
                .map(|step| {
                    let lists = [&step.needs, &step.seen_through, &step.yields_to].map(|steps| words(steps));
                    row([step.id.stage().as_str(), step.id.as_str(), &lists[0], &lists[1], &lists[2]])
                })
                .collect();
            let picture = format!("```\n{}{drawn}```\n", row(["stage", "step", "needs", "seen through", "yields to"]));
            let page = include_str!("../ARCHITECTURE.md");
            assert!(page.contains(&picture), "ARCHITECTURE.md should hold\n{picture}");
        }
    }

    #[test]
    fn no_step_needs_a_later_stage() {
        for provider in PROVIDERS {
            for step in until(provider, Stage::Prove).rows() {
                for need in &step.needs {
                    let (own, needed) = (step.id.stage(), need.stage());
                    assert!(needed <= own, "{} of {own:?} needs {need} of {needed:?}", step.id);
                }
            }
        }
    }

    #[test]
    fn a_shorter_plan_waits_for_nothing_that_is_not_in_it() {
        for plan in [tools(), prefetch(), until(Provider::Kind, Stage::Tools), proof()] {
            let planned: BTreeSet<StepName> = plan.rows().map(|step| step.id.name()).collect();
            for step in plan.described() {
                assert!(step.needs.iter().chain(&step.yields_to).all(|other| planned.contains(other)), "{}", step.id);
            }
        }
    }

    /// A world in which a step holds once it was applied, and that knows what held then.
    #[derive(Default)]
    struct Applied(Mutex<Vec<(StepId, Vec<StepId>)>>);

    impl World for Applied {
        type Step = StepId;

        async fn observe(&self, step: StepId) -> Result<Observation> {
            let is_applied = self.0.lock().unwrap().iter().any(|(applied, _)| *applied == step);
            Ok(if is_applied { Observation::Done(String::new()) } else { Observation::Missing(String::new()) })
        }

        async fn apply(&self, step: StepId, _: &StepReporter) -> Result<()> {
            let mut applied = self.0.lock().unwrap();
            let before = applied.iter().map(|(earlier, _)| *earlier).collect();
            applied.push((step, before));
            Ok(())
        }
    }

    #[tokio::test]
    async fn no_step_is_applied_before_what_it_needs_or_yields_to_or_twice() {
        for provider in PROVIDERS {
            let (plan, world) = (until(provider, Stage::Prove), Arc::new(Applied::default()));
            let terms = Terms {
                cluster: "test".to_owned(),
                deadline: None,
                stop: Stop::default(),
                invocation: Invocation::default(),
            };
            let outcome = converge(Arc::clone(&world), &plan, &terms, Arc::new(Recorder::default())).await;
            assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
            let applied = world.0.lock().unwrap();
            assert_eq!(applied.len(), plan.rows().count());
            for (step, before) in applied.iter() {
                let row = plan.rows().find(|row| row.id == *step).unwrap();
                let missing = row.needs.iter().chain(&row.yields_to).find(|other| !before.contains(other));
                assert_eq!(missing, None, "{step} was applied too early");
            }
        }
    }
}
