//! A survey: every step of a plan is looked at, and nothing is made true.
//!
//! What a look goes through is looked at before it. Where that does not hold, the look would only find the same cause again,
//! after a time-out of its own. So it is not made: the step is blocked.

use std::collections::BTreeMap;

use anyhow::Result;
use bootstrap_run::step::Step;
use futures::stream::{FuturesUnordered, StreamExt as _};

use super::Plan;

/// What a survey finds of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight<S, F> {
    /// It was looked at.
    Seen(F),
    /// It was not looked at, because these do not hold: steps that were looked at, in the order of the plan.
    Blocked(Vec<S>),
}

/// Looks at the steps of a plan, at as many at the same time as are not seen through each other. Returns what was found, in the
/// order of the plan.
///
/// # Errors
/// The first of a look.
pub async fn survey<S: Step, F, L>(
    plan: &Plan<S>,
    look: impl Fn(S) -> L,
    holds: impl Fn(&F) -> bool,
) -> Result<Vec<(S, Sight<S, F>)>>
where
    L: Future<Output = Result<F>>,
{
    let mut waiting: Vec<S> = plan.rows().map(|row| row.id).collect();
    let mut found: BTreeMap<S, Sight<S, F>> = BTreeMap::new();
    let mut looks = FuturesUnordered::new();
    loop {
        // A step stands behind all that it is seen through, so one round decides all that can be decided.
        waiting.retain(|step| {
            let mut blockers: Vec<S> = Vec::new();
            for other in plan.seen_through(*step) {
                match found.get(&other) {
                    None => return true,
                    Some(Sight::Seen(finding)) if holds(finding) => {}
                    Some(Sight::Seen(_)) => blockers.push(other),
                    Some(Sight::Blocked(others)) => blockers.extend(others),
                }
            }
            if blockers.is_empty() {
                let (step, look) = (*step, look(*step));
                looks.push(async move { (step, look.await) });
            } else {
                blockers.sort_by_key(|step| plan.place(*step));
                blockers.dedup();
                found.insert(*step, Sight::Blocked(blockers));
            }
            false
        });
        let Some((step, finding)) = looks.next().await else { break };
        found.insert(step, Sight::Seen(finding?));
    }
    Ok(plan.rows().filter_map(|row| Some((row.id, found.remove(&row.id)?))).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use bootstrap_run::step::StepName;
    use tokio::time::Instant;

    use super::*;
    use crate::tests::row;

    const NAMES: [StepName; 5] =
        [StepName::fixed("a"), StepName::fixed("b"), StepName::fixed("c"), StepName::fixed("d"), StepName::fixed("e")];

    /// A plan in which each step is seen through some before it.
    fn plan(through: [&[usize]; 5]) -> Plan<StepName> {
        let rows = NAMES.iter().zip(through);
        let rows = rows.map(|(id, through)| {
            let through = through.iter().map(|place| NAMES[*place]).collect();
            crate::Row { seen_through: through, ..row(*id, vec![], vec![]) }
        });
        Plan::of(rows.collect())
    }

    /// What was found of each step, and which were looked at: those of `hold` hold.
    async fn seen(plan: &Plan<StepName>, hold: &[usize]) -> (Vec<Sight<StepName, bool>>, Vec<StepName>) {
        let looked = RefCell::new(Vec::new());
        let look = |step: StepName| {
            looked.borrow_mut().push(step);
            let holds = hold.iter().any(|place| NAMES[*place] == step);
            async move { Ok(holds) }
        };
        let found = survey(plan, look, |holds| *holds).await.unwrap();
        assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), NAMES);
        (found.into_iter().map(|(_, sight)| sight).collect(), looked.into_inner())
    }

    #[tokio::test]
    async fn what_is_seen_through_a_step_that_does_not_hold_is_blocked_by_it_and_not_looked_at() {
        let [a, b, _, d, _] = NAMES;
        // c through a and b, d through nothing, e through c.
        let plan = plan([&[], &[], &[0, 1], &[], &[2]]);
        let (found, looked) = seen(&plan, &[0]).await;
        let blocked = || Sight::Blocked(vec![b]);
        assert_eq!(found, [Sight::Seen(true), Sight::Seen(false), blocked(), Sight::Seen(false), blocked()]);
        assert_eq!(looked, [a, b, d]);
    }

    #[tokio::test]
    async fn a_cause_is_named_once_whichever_way_leads_to_it_and_all_causes_are() {
        let [a, b, ..] = NAMES;
        let plan = plan([&[], &[], &[1, 0], &[0], &[3, 2]]);
        let (found, _) = seen(&plan, &[]).await;
        assert_eq!(found[4], Sight::Blocked(vec![a, b]));
    }

    #[tokio::test]
    async fn what_holds_blocks_nothing_and_neither_does_what_is_not_in_the_plan() {
        let whole = plan([&[], &[0], &[1], &[2], &[3]]);
        let (found, _) = seen(&whole, &[0, 1, 2, 3]).await;
        assert_eq!(found.last(), Some(&Sight::Seen(false)));
        let alone = Plan::of(whole.rows().skip(4).cloned().collect());
        let found = survey(&alone, |_| async { Ok(false) }, |holds| *holds).await.unwrap();
        assert_eq!(found, [(NAMES[4], Sight::Seen(false))]);
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "a look of this test takes a while")]
    async fn steps_that_are_not_seen_through_each_other_are_looked_at_together() {
        let began = Instant::now();
        let plan = plan([&[], &[], &[0], &[], &[0]]);
        let look = |_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(true)
        };
        survey(&plan, look, |holds| *holds).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn an_error_of_a_look_ends_the_survey() {
        let plan = plan([&[], &[], &[], &[], &[]]);
        let look = |step| async move { if step == NAMES[2] { anyhow::bail!("broken") } else { Ok(true) } };
        assert_eq!(survey(&plan, look, |holds| *holds).await.unwrap_err().to_string(), "broken");
    }
}
