//! The picture of the run: a row for each step, grouped by stage, with what it did when.
//!
//! Each row is a `details` element: its summary is the row, and it opens to what is known about the step. The bars are
//! drawings that stretch with the window; their words are HTML, which does not.

use std::fmt::Write as _;

use bootstrap_run::step::{Stage, StepName};

use super::charts::{WIDTH, axis, grid, place};
use super::words::{bytes, escape, mark, outcome, time};
use crate::timeline::{Outcome, Seconds, Timeline, Track};

pub(super) fn chart(timeline: &Timeline) -> String {
    let mut html = format!("<div class=\"gantt\">\n{}", axis(timeline.seconds));
    let links = Links::of(timeline);
    for stage in Stage::ALL {
        let steps: Vec<&Track> = timeline.steps.iter().filter(|step| step.stage == stage).collect();
        if steps.is_empty() {
            continue;
        }
        html.push_str(&heading(timeline, stage, &links));
        for step in steps {
            html.push_str(&row(timeline, step, &links));
        }
    }
    html.push_str("</div>\n");
    html
}

/// The lines of the drawing go on behind it.
fn heading(timeline: &Timeline, stage: Stage, links: &Links) -> String {
    format!(
        "<h3><span>{}</span><span class=\"track\" aria-hidden=\"true\"><svg viewBox=\"0 0 {WIDTH} 20\" \
         preserveAspectRatio=\"none\">{}{}</svg></span></h3>\n",
        stage.as_str(),
        grid(timeline.seconds, 20.0),
        links.above(timeline, stage),
    )
}

/// What the colours and heights mean.
pub(super) fn legend() -> &'static str {
    "<ul class=\"legend\">\n\
     <li><i class=\"looked\"></i>looked</li>\n\
     <li><i class=\"queued\"></i>queued</li>\n\
     <li><i class=\"worked\"></i>worked</li>\n\
     <li><i class=\"waited\"></i>waited</li>\n\
     <li><i class=\"failed\"></i>failed</li>\n\
     <li><i class=\"critical\"></i>critical path</li>\n\
     </ul>\n"
}

fn row(timeline: &Timeline, step: &Track, links: &Links) -> String {
    let critical = if links.places.contains(&step.id) { " critical" } else { "" };
    let failed = if step.outcome == Outcome::Failed { " failed" } else { "" };
    let own = step.end.map_or_else(String::new, |_| time(step.own));
    format!(
        "<details class=\"step{critical}{failed}\" data-step=\"{id}\">\n<summary><span class=\"name\"><b>{mark}</b> {id}</span>\
         <span class=\"track\">{bar}</span><span class=\"time\">{own}</span></summary>\n\
         <div class=\"about\">\n{about}</div>\n</details>\n",
        id = step.id,
        mark = mark(step.outcome),
        bar = bar(timeline, step, links),
        about = about(timeline, step),
    )
}

fn bar(timeline: &Timeline, step: &Track, links: &Links) -> String {
    let id = step.id;
    let told = format!("{}: {}", step.title, outcome(step.outcome));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} 20\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"t-{id} d-{id}\">\
         <title id=\"t-{id}\">{}</title><desc id=\"d-{id}\">{}</desc>",
        escape(&told),
        escape(&description(step)),
    );
    svg.push_str(&grid(timeline.seconds, 20.0));
    svg.push_str(&links.through(timeline, id));
    let (Some(start), Some(end)) = (step.start, step.end) else { return svg + "</svg>" };
    let mut part = |class: &str, from: Seconds, to: Seconds, words: &str| {
        // What is shorter than a pixel is still seen.
        let (x, width) = (place(from, timeline.seconds), place(to - from, timeline.seconds).max(1.0));
        let (y, height) = match class {
            "looked" => (6, 8),
            "queued" => (9, 2),
            _ => (3, 14),
        };
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\"><title>{}</title></rect>",
            escape(&format!("{words} ({})", time(to - from))),
        );
    };
    let look = step.queued.or(step.applying).unwrap_or(end);
    part("looked", start, look, "looked");
    if let Some((from, to)) = step.queue() {
        part("queued", from, to, &format!("queued behind {}", names(&step.behind)));
    }
    if let Some(applying) = step.applying {
        part("worked", applying, end, "worked");
    }
    for wait in &step.waits {
        part("waited", wait.from, wait.to, &wait.reason);
    }
    if step.outcome == Outcome::Failed {
        part("failed", end, end, &step.detail);
    }
    let _ = write!(
        svg,
        "<rect class=\"frame\" x=\"{:.1}\" y=\"3\" width=\"{:.1}\" height=\"14\"/></svg>",
        place(start, timeline.seconds),
        place(end - start, timeline.seconds).max(1.0),
    );
    svg
}

fn description(step: &Track) -> String {
    let (Some(start), Some(end)) = (step.start, step.end) else { return "it was not started".to_owned() };
    let mut text = format!("from {} to {}", time(start), time(end));
    if let Some((from, to)) = step.queue() {
        let _ = write!(text, ", of which {} in a queue", time(to - from));
    }
    let waited: Seconds = step.waits.iter().map(|wait| wait.to - wait.from).sum();
    if waited > Seconds::ZERO {
        let _ = write!(text, ", of which {} waiting", time(waited));
    }
    text
}

/// All that is known about a step.
fn about(timeline: &Timeline, step: &Track) -> String {
    let mut html = format!("<p><strong>{}</strong>: {}", escape(&step.title), outcome(step.outcome));
    if !step.detail.is_empty() {
        let _ = write!(html, ", {}", escape(&step.detail));
    }
    if let Some(id) = &step.failure {
        let _ = write!(html, " ({})", escape(id));
    }
    if step.start.is_some() {
        let _ = write!(html, "<br>{}", escape(&description(step)));
    }
    if let Some(found) = &step.found {
        let _ = write!(html, "<br>found {}", escape(found));
    }
    if !step.needs.is_empty() {
        let _ = write!(html, "<br>needs {}", names(&step.needs));
    }
    if !step.yields_to.is_empty() {
        let _ = write!(html, "<br>yields to {}", names(&step.yields_to));
    }
    if let Some(transfer) = &step.bytes {
        let _ = write!(html, "<br>{} arrived", bytes(transfer.done as f64));
        if let (Some(mean), Some(peak)) = (transfer.mean, transfer.peak) {
            let _ = write!(html, " at {}/s, at most {}/s", bytes(mean), bytes(peak));
        }
    }
    html.push_str("</p>\n");
    let waits = step.waits.iter().map(|wait| (wait.to - wait.from, format!("waited: {}", escape(&wait.reason))));
    let commands = timeline.commands.iter().filter(|command| command.step == Some(step.id));
    let commands =
        commands.map(|command| (command.to - command.from, format!("<code>{}</code>", escape(&command.command))));
    let items: Vec<String> =
        waits.chain(commands).map(|(length, what)| format!("<li>{} {what}</li>\n", time(length))).collect();
    if !items.is_empty() {
        let _ = write!(html, "<ul>\n{}</ul>\n", items.concat());
    }
    html
}

fn names(steps: &[StepName]) -> String {
    steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", ")
}

/// Where the critical path goes from one row to another.
struct Links {
    /// The steps of the path.
    places: Vec<StepName>,
    /// The rows between which a line goes, upper one first, and when.
    lines: Vec<(usize, usize, Seconds)>,
    /// The steps as they stand in the chart.
    rows: Vec<(Stage, StepName)>,
}

impl Links {
    fn of(timeline: &Timeline) -> Self {
        let places: Vec<StepName> = timeline.critical.chain.links.iter().map(|link| link.step).collect();
        let of_stage =
            |stage| timeline.steps.iter().filter(move |step| step.stage == stage).map(move |step| (stage, step.id));
        let rows: Vec<(Stage, StepName)> = Stage::ALL.into_iter().flat_map(of_stage).collect();
        let row = |id: StepName| rows.iter().position(|(_, row)| *row == id);
        let lines = places.windows(2).filter_map(|pair| {
            let (from, to) = (row(pair[0])?, row(pair[1])?);
            Some((from.min(to), from.max(to), timeline.step(pair[0])?.end?))
        });
        Self { lines: lines.collect(), places, rows }
    }

    /// The pieces of the lines in one row: half of it where a line begins or ends.
    fn through(&self, timeline: &Timeline, id: StepName) -> String {
        let Some(row) = self.rows.iter().position(|(_, row)| *row == id) else { return String::new() };
        let pieces = self.lines.iter().filter(|(upper, lower, _)| (*upper..=*lower).contains(&row));
        pieces
            .map(|(upper, lower, at)| {
                let (top, bottom) = (if row == *upper { 10 } else { 0 }, if row == *lower { 10 } else { 20 });
                piece(*at, timeline.seconds, top, bottom)
            })
            .collect()
    }

    /// The pieces above the first row of a stage.
    fn above(&self, timeline: &Timeline, stage: Stage) -> String {
        let Some(row) = self.rows.iter().position(|(row, _)| *row == stage) else { return String::new() };
        let pieces = self.lines.iter().filter(|(upper, lower, _)| *upper < row && row <= *lower);
        pieces.map(|(_, _, at)| piece(*at, timeline.seconds, 0, 20)).collect()
    }
}

fn piece(at: Seconds, total: Seconds, top: u8, bottom: u8) -> String {
    let x = place(at, total);
    format!("<line class=\"link\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>")
}
