//! The table of contents of the product: the steps of a run, and what each needs first. Pure data.

use bootstrap_engine::Row;
use bootstrap_run::step::Stage;

use crate::options::Provider;
use crate::stack::{OperatorName, Stack, ToolName};
use crate::step_id::StepId;

/// A plan of the product's steps.
pub(crate) type Plan = bootstrap_engine::Plan<StepId>;

/// Everything up to and including a stage.
pub(crate) fn until(stack: &Stack, provider: Provider, last: Stage) -> Plan {
    let rows = Rows { stack, operators: stack.operator_names().collect() };
    let whole = match provider {
        Provider::Kind => rows.whole(),
        Provider::Adopted => rows.whole_of_adopted(),
    };
    Plan::of(whole).only(|step| step.stage() <= last)
}

/// The tools and nothing else.
pub(crate) fn tools(stack: &Stack) -> Plan {
    until(stack, Provider::Kind, Stage::Tools).only(|step| matches!(step, StepId::Tool(_)))
}

/// What can be had before there is a cluster. What runs in it comes later: its nodes pull that themselves.
pub(crate) fn prefetch(stack: &Stack) -> Plan {
    until(stack, Provider::Kind, Stage::Cluster).only(|step| {
        matches!(step, StepId::Docker | StepId::Tool(_) | StepId::Manifest(_) | StepId::Chart | StepId::NodeImage)
    })
}

/// What the commands of a lesson use that begins after this stage. How the cluster came to be is its own business: docker, kind and
/// the pinned images are not among them.
pub(crate) fn lesson(stack: &Stack, provider: Provider, begins: Stage) -> Plan {
    until(stack, provider, begins).only(|step| match step {
        StepId::Tool(tool) => tool != ToolName::KIND,
        StepId::Chart | StepId::Api | StepId::Operator(_) | StepId::Nodes | StepId::Replication => true,
        _ => false,
    })
}

/// The proof alone, of what is there.
pub(crate) fn proof(stack: &Stack) -> Plan {
    Plan::of(vec![row(stack, StepId::Proof)])
}

/// With docker asked before all else, for it answers at once or is not there: who has none, or another program of that
/// name, need not wait for downloads to hear of it.
pub(crate) fn behind_docker(plan: Plan) -> Plan {
    plan.behind(StepId::Docker)
}

fn row(stack: &Stack, id: StepId) -> Row<StepId> {
    let (title, stage, deadline) = (id.title(stack), id.stage(), id.deadline());
    Row { id, title, stage, needs: Vec::new(), seen_through: Vec::new(), yields_to: Vec::new(), deadline }
}

/// Makes the rows of a plan with a stack.
struct Rows<'a> {
    stack: &'a Stack,
    operators: Vec<OperatorName>,
}

const HELM: StepId = StepId::Tool(ToolName::HELM);
const KIND: StepId = StepId::Tool(ToolName::KIND);

impl Rows<'_> {
    fn whole(&self) -> Vec<Row<StepId>> {
        use StepId::{Api, Chart, Cluster, Docker, Images, NodeImage, Release};
        // What the cluster waits for comes first over the link, then what the chart waits for, and last what nothing
        // waits for. kind, the manifests and the chart are small.
        let mut rows = vec![self.step(Docker), self.step(KIND)];
        rows.extend(self.manifests());
        rows.extend(self.of_chart(Chart));
        rows.push(self.step(NodeImage).needs([Docker]).seen_through([Docker]));
        rows.extend(self.of_chart(HELM).map(|row| row.yields_to([NodeImage])));
        // The cluster needs one tool and one image, not all of them.
        rows.push(self.step(Cluster).needs([KIND, NodeImage]).seen_through([Docker]));
        // While kind sets up Kubernetes in the nodes, they pull already, and the API answers before all is ready.
        rows.push(self.step(Api).needs([KIND, NodeImage]).seen_through([Docker]));
        rows.push(self.step(Images).needs([KIND, NodeImage]).seen_through([Docker]));
        rows.extend(self.other_tools().map(|row| row.yields_to([NodeImage, Images])));
        rows.extend(self.operators_behind(Api));
        // The chart's objects pass through the webhooks.
        let needs = [Cluster, HELM, Chart].into_iter().chain(self.operator_steps());
        rows.extend(self.of_chart(Release).map(|row| row.needs(needs).seen_through([Api])));
        rows.extend(self.of_pgedge());
        rows
    }

    /// The cluster is there and its container runtime is on this machine: the images can come at once, and nothing is left
    /// to be made but what runs in the cluster. How much of pgEdge it can hold is seen when the operators have their part.
    fn whole_of_adopted(&self) -> Vec<Row<StepId>> {
        use StepId::{Api, Chart, Cluster, Images, Release, Room};
        let mut rows: Vec<_> = self.manifests().collect();
        rows.extend(self.of_chart(Chart));
        rows.extend([self.step(Api), self.step(Cluster).needs([Api]).seen_through([Api]), self.step(Images)]);
        rows.extend(self.of_chart(HELM).into_iter().chain(self.other_tools()).map(|row| row.yields_to([Images])));
        rows.extend(self.operators_behind(Cluster));
        let mut needs = vec![HELM, Chart, Images];
        if self.stack.is_pgedge() {
            rows.push(self.step(Room).needs(self.operator_steps()));
            needs.push(Room);
        } else {
            needs.push(Cluster);
            needs.extend(self.operator_steps());
        }
        rows.extend(self.of_chart(Release).map(|row| row.needs(needs).seen_through([Api])));
        rows.extend(self.of_pgedge());
        rows
    }

    fn step(&self, id: StepId) -> Row<StepId> {
        row(self.stack, id)
    }

    fn manifests(&self) -> impl Iterator<Item = Row<StepId>> {
        self.operators.iter().map(|operator| self.step(StepId::Manifest(*operator)))
    }

    fn operators_behind(&self, cluster: StepId) -> impl Iterator<Item = Row<StepId>> {
        self.operators.iter().map(move |operator| {
            let row = self.step(StepId::Operator(*operator));
            row.needs([cluster, StepId::Manifest(*operator)]).seen_through([StepId::Api])
        })
    }

    fn operator_steps(&self) -> impl Iterator<Item = StepId> {
        self.operators.iter().copied().map(StepId::Operator)
    }

    /// The tools that nothing in a plan needs. Without a chart, helm is one of them.
    fn other_tools(&self) -> impl Iterator<Item = Row<StepId>> {
        let has_chart = self.stack.pins.chart.is_some();
        let others =
            self.stack.tools().map(StepId::Tool).filter(move |tool| *tool != KIND && (*tool != HELM || !has_chart));
        others.map(|tool| self.step(tool))
    }

    /// A step for the chart, if the stack has one.
    fn of_chart(&self, id: StepId) -> Option<Row<StepId>> {
        self.stack.pins.chart.as_ref().map(|_| self.step(id))
    }

    /// What only pgEdge has.
    fn of_pgedge(&self) -> Vec<Row<StepId>> {
        use StepId::{Api, Nodes, Proof, Release, Replication};
        if !self.stack.is_pgedge() {
            return Vec::new();
        }
        vec![
            self.step(Nodes).needs([Release]).seen_through([Api]),
            self.step(Replication).needs([Nodes]).seen_through([Nodes]),
            self.step(Proof).needs([Replication]),
        ]
    }
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

    fn pgedge() -> &'static Stack {
        Stack::pgedge().unwrap()
    }

    const PROVIDERS: [Provider; 2] = [Provider::Kind, Provider::Adopted];

    #[test]
    fn every_step_is_planned_once_behind_all_that_it_needs_yields_to_or_is_seen_through() {
        let mut all = BTreeSet::new();
        for provider in PROVIDERS {
            let mut before = BTreeSet::new();
            for step in until(pgedge(), provider, Stage::Prove).rows() {
                for other in step.needs.iter().chain(&step.yields_to) {
                    assert!(before.contains(other), "{} stands before {other}", step.id);
                }
                assert!(before.insert(step.id), "{} is planned twice", step.id);
            }
            all.extend(before);
        }
        assert_eq!(all, BTreeSet::from_iter(StepId::all(pgedge())));
    }

    #[test]
    fn the_pictures_in_architecture_are_the_plans() {
        let words = |steps: &[StepId]| steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ");
        let row = |columns: [&str; 5]| {
            let [stage, step, needs, seen_through, yields_to] = columns;
            format!("{stage:<11}{step:<25}{needs:<53}{seen_through:<16}{yields_to}").trim_end().to_owned() + "\n"
        };
        for provider in PROVIDERS {
            let plan = until(pgedge(), provider, Stage::Prove);
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
            for step in until(pgedge(), provider, Stage::Prove).rows() {
                for need in &step.needs {
                    let (own, needed) = (step.id.stage(), need.stage());
                    assert!(needed <= own, "{} of {own:?} needs {need} of {needed:?}", step.id);
                }
            }
        }
    }

    #[test]
    fn a_shorter_plan_waits_for_nothing_that_is_not_in_it() {
        for plan in
            [tools(pgedge()), prefetch(pgedge()), until(pgedge(), Provider::Kind, Stage::Tools), proof(pgedge())]
        {
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
            let (plan, world) = (until(pgedge(), provider, Stage::Prove), Arc::new(Applied::default()));
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
