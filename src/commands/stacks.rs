//! `stacks`: what can run, and whether a stack of one's own can be used.

use anyhow::Result;
use bootstrap_screen::ui;

use super::Verdict;
use crate::cli::Stacks;
use crate::stack::{BUILT_IN, Stack};

pub(super) fn run(arguments: &Stacks) -> Result<Verdict> {
    match arguments {
        Stacks::List => {
            for (name, _) in BUILT_IN {
                ui::print(&format!("{name:<12} {}\n", summary(&Stack::asked(Some(name))?)))?;
            }
            Ok(Verdict::Good)
        }
        Stacks::Show { stack } => {
            ui::print(Stack::asked(Some(stack))?.text())?;
            Ok(Verdict::Good)
        }
        Stacks::Check { stack } => {
            let found = Stack::asked(Some(stack))?;
            let unknown: Vec<String> =
                found.pins.unknown().iter().map(|what| format!("no checksum is pinned yet: {what}\n")).collect();
            ui::print(&(unknown.concat() + &format!("{stack}: {}\n", summary(&found))))?;
            Ok(if unknown.is_empty() { Verdict::Good } else { Verdict::Bad })
        }
    }
}

fn summary(stack: &Stack) -> String {
    let operators: Vec<&str> = stack.operators.values().map(|operator| operator.title.as_str()).collect();
    let chart = stack.pins.chart.as_ref().map(|chart| format!("chart {} {}", chart.name, chart.version));
    let parts = [Some(stack.title.clone()), Some(operators.join(", ")), chart];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}
