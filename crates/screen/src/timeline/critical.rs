//! The critical path: the chain of steps that decided how long the run took.

use std::collections::BTreeMap;

use bootstrap_run::step::StepName;
use serde::Serialize;

use super::{Seconds, Track};

/// The shortest time in which this run could have ended if each step had taken as long as it did and had begun the moment
/// it could, and how the run's real time compares with that.
///
/// The path of a step is its own time behind the longest path that it had to wait for:
///
/// - its own time is from its start to its end, without the time in a queue;
/// - it could begin when every step that it **needs** had ended: `path = own + max(path of its needs)`;
/// - a step that was **queued** could be looked at then, but be applied only when those had ended, too, that it was
///   queued behind: `path = work + max(look + max(path of its needs), max(path of those before it in the queue))`,
///   where the look is its own time before the queue and the work that after it.
///
/// The critical path is the longest of these. What is counted of a step ended before the step that is counted behind it
/// began, so the path is never longer than the run and the ratio never below 1: what is above 1 is time in which nothing
/// of the chain ran although it could.
///
/// Queues are our own choice, so a second chain leaves them out (`path = own + max(path of its needs)` for every step):
/// what would be possible if the steps did not get in each other's way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Critical {
    /// The critical path, with the queues. In JSON its fields stand beside the other.
    #[serde(flatten)]
    pub(crate) chain: Chain,
    /// The chain that would be left if no step had waited in a queue.
    pub(crate) without_queues: Chain,
}

/// A chain of steps and how long it takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Chain {
    /// The length of the chain: what its links add.
    pub(crate) seconds: Seconds,
    /// The run's time over `seconds`; `None` of a chain that took no time.
    pub(crate) ratio: Option<f64>,
    /// From the first step to the last.
    pub(crate) links: Vec<Link>,
}

/// A step in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    /// The name of the step, as events have it.
    pub(crate) step: StepName,
    /// What the step adds to the chain: its own time, or its work alone if it comes behind another in a queue.
    pub(crate) seconds: Seconds,
    /// What the step had to wait for.
    pub(crate) through: Through,
}

/// Why a step comes behind the one before it in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Through {
    /// It is the first.
    Start,
    /// It needs it.
    Need,
    /// It was queued behind it.
    Queue,
}

impl Critical {
    /// `ended`: the steps in the order in which they ended, which is an order in which every path is known when it is
    /// needed.
    pub(super) fn of(steps: &[Track], ended: &[StepName], total: Seconds) -> Self {
        Self {
            chain: Paths::of(steps, ended, Queues::Count).longest(total),
            without_queues: Paths::of(steps, ended, Queues::LeaveOut).longest(total),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queues {
    Count,
    LeaveOut,
}

/// The path of every step that has ended.
struct Paths(BTreeMap<StepName, Path>);

#[derive(Debug, Clone, Copy)]
struct Path {
    length: Seconds,
    end: Seconds,
    link: Link,
    before: Option<StepName>,
}

impl Paths {
    fn of(steps: &[Track], ended: &[StepName], queues: Queues) -> Self {
        let mut paths = Self(BTreeMap::new());
        for id in ended {
            let path = steps.iter().find(|step| step.id == *id).and_then(|step| paths.path(step, queues));
            if let Some(path) = path {
                paths.0.insert(*id, path);
            }
        }
        paths
    }

    fn path(&self, step: &Track, queues: Queues) -> Option<Path> {
        let (start, end) = (step.start?, step.end?);
        let need = self.longest_of(&step.needs, start);
        let through_needs = Path {
            length: length(need) + step.own,
            end,
            link: Link { step: step.id, seconds: step.own, through: need.map_or(Through::Start, |_| Through::Need) },
            before: need.map(|path| path.link.step),
        };
        let (Queues::Count, Some(queued), Some(applying)) = (queues, step.queued, step.applying) else {
            return Some(through_needs);
        };
        let (look, work) = (queued - start, end - applying);
        match self.longest_of(&step.behind, applying) {
            Some(first) if first.length > length(need) + look => Some(Path {
                length: first.length + work,
                end,
                link: Link { step: step.id, seconds: work, through: Through::Queue },
                before: Some(first.link.step),
            }),
            _ => Some(through_needs),
        }
    }

    /// The longest path among those steps that had ended at a moment.
    fn longest_of(&self, steps: &[StepName], moment: Seconds) -> Option<Path> {
        let known = steps.iter().filter_map(|step| self.0.get(step)).filter(|path| path.end <= moment);
        known.copied().max_by_key(|path| path.length)
    }

    fn longest(&self, total: Seconds) -> Chain {
        let Some(last) = self.0.values().max_by_key(|path| path.length) else {
            return Chain { seconds: Seconds::ZERO, ratio: None, links: Vec::new() };
        };
        let chain = std::iter::successors(Some(last), |path| path.before.and_then(|before| self.0.get(&before)));
        let mut links: Vec<Link> = chain.map(|path| path.link).collect();
        links.reverse();
        Chain { seconds: last.length, ratio: total.over(last.length), links }
    }
}

fn length(path: Option<Path>) -> Seconds {
    path.map_or(Seconds::ZERO, |path| path.length)
}
