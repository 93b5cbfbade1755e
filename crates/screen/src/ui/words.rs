//! What the text forms have to say in the same words.

use bootstrap_run::event::{Adopted, Creation, RunEnd};
use bootstrap_run::step::StepName;

use super::{amount, fit};

/// A command as it was run, and what it printed if it did not end well.
pub(super) fn command_lines(command: &str, exit: Option<i32>, seconds: f64, output: &[String]) -> Vec<String> {
    let end = match exit {
        Some(0) => String::new(),
        Some(code) => format!("exit {code}, "),
        None => "killed, ".to_owned(),
    };
    let first = format!("$ {} ({end}{})", fit::clean(command), amount::took(seconds));
    let output = if exit == Some(0) { &[] } else { output };
    let rest = output.iter().flat_map(|line| fit::clean_lines(line)).map(|line| format!("    {line}"));
    std::iter::once(first).chain(rest).collect()
}

pub(super) fn heading(version: &str, cluster: &str) -> String {
    format!("pgedge-bootstrap {version}, cluster {cluster:?}")
}

/// Which cluster is adopted, and what will be made in it. `why`: no version is known yet.
pub(super) fn adopted_lines(adopted: &Adopted, why: Option<&str>) -> Vec<String> {
    let version = adopted.version.as_ref().map(|version| format!("Kubernetes {version}"));
    let mut lines = vec![row("context", &adopted.context), row("server", &adopted.server)];
    lines.extend(version.as_deref().or(why).map(|known| row("", known)));
    if adopted.creates.is_empty() {
        lines.push(row("creates", "nothing"));
    }
    let creation = |made: &Creation| format!("{} {}, in the namespace {}", made.what, made.version, made.namespace);
    lines.extend(adopted.creates.iter().map(|made| row("creates", &creation(made))));
    lines
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<13} {}", fit::clean(value))
}

/// The last line of a run.
pub(super) fn closing(end: RunEnd, changed: usize, seconds: f64) -> String {
    let time = amount::took(seconds);
    match (end, changed) {
        (RunEnd::Done, 0) => format!("everything was there already ({time})"),
        (RunEnd::Done, _) => {
            format!("done, {changed} step{} changed ({time})", if changed == 1 { "" } else { "s" })
        }
        (RunEnd::Failed, _) => format!("stopped after {time}; running this again continues from here"),
        (RunEnd::Interrupted, _) => format!("interrupted after {time}; running this again continues from here"),
    }
}

pub(super) fn names(steps: &[StepName]) -> String {
    steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ")
}

pub(super) fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
