//! The page as a whole: what is at its top, and what comes in which order. No text gets into it unescaped.

use std::fmt::Write as _;

use super::words::{end, escape, escape_json, time};
use super::{charts, gantt, tables};
use crate::timeline::{Link, Outcome, Through, Timeline, Wait};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn render(timeline: &Timeline) -> String {
    // Plain data: it has a JSON form.
    let json = serde_json::to_string(timeline).unwrap_or_else(|_| "null".to_owned());
    let title = format!("{} · pgedge-bootstrap", escape(&timeline.cluster));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{header}\
         <section>\n<h2>What ran when</h2>\n{legend}{chart}{rates}{running}</section>\n\
         <section>\n<h2>The critical path</h2>\n{chain}</section>\n\
         <section>\n<h2>The steps</h2>\n{steps}</section>\n{commands}</main>\n\
         <div id=\"card\" hidden></div>\n\
         <script type=\"application/json\" id=\"run\">{json}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        header = header(timeline),
        legend = gantt::legend(),
        chart = gantt::chart(timeline),
        rates = charts::rates(timeline),
        running = charts::running(timeline),
        chain = chain(timeline),
        steps = tables::steps(timeline),
        commands = tables::commands(timeline),
        json = escape_json(&json),
    )
}

fn header(timeline: &Timeline) -> String {
    let ended = end(timeline.end);
    let mut html = format!(
        "<header>\n<h1>{cluster} <span class=\"end {class}\">{ended}</span></h1>\n\
         <p>pgedge-bootstrap {version}, started <time datetime=\"{started}\">{when} UTC</time></p>\n",
        cluster = escape(&timeline.cluster),
        class = ended.replace(' ', "-"),
        version = escape(&timeline.version),
        started = timeline.started,
        when = timeline.started.strftime("%Y-%m-%d %H:%M:%S"),
    );
    for step in timeline.steps.iter().filter(|step| step.outcome == Outcome::Failed) {
        let id = step.failure.as_deref().unwrap_or_default();
        let _ = writeln!(html, "<p class=\"failure\">{}: {} ({})</p>", step.id, escape(&step.detail), escape(id));
    }
    html.push_str("<dl class=\"facts\">\n");
    let mut fact = |name: &str, value: &str, note: &str| {
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>");
    };
    let critical = &timeline.critical;
    fact("total", &time(timeline.seconds), "");
    fact("critical path", &time(critical.chain.seconds), &format!("{} steps", critical.chain.links.len()));
    let without = match critical.without_queues.ratio {
        without if without == critical.chain.ratio => String::new(),
        without => format!("{} if nothing queued", number(without)),
    };
    fact("total / critical path", &number(critical.chain.ratio), &without);
    let most = format!("at most {} steps at once", timeline.overlap.most);
    fact("work / total", &number(timeline.overlap.factor), &most);
    let changed = timeline.steps.iter().filter(|step| step.outcome == Outcome::Changed).count();
    fact("steps changed", &changed.to_string(), &format!("of {}", timeline.steps.len()));
    html.push_str("</dl>\n</header>\n");
    html
}

fn chain(timeline: &Timeline) -> String {
    let chain = &timeline.critical.chain;
    let mut html = bound(timeline).map_or_else(String::new, |bound| format!("<p class=\"bound\">{bound}</p>\n"));
    html.push_str("<ol class=\"chain\">\n");
    for link in &chain.links {
        let through = if link.through == Through::Queue { "behind it in the queue: " } else { "" };
        let _ = writeln!(html, "<li>{through}<b>{}</b> {}</li>", link.step, time(link.seconds));
    }
    html.push_str(
        "</ol>\n<p class=\"note\">The shortest time in which this run could have ended if each step had taken as long as it \
         did and had begun as soon as all that it needs, or was queued behind, had ended.</p>\n",
    );
    html
}

/// The sentence that says what to make faster.
fn bound(timeline: &Timeline) -> Option<String> {
    let chain = &timeline.critical.chain;
    let longest: &Link = chain.links.iter().max_by_key(|link| link.seconds)?;
    let share = longest.seconds.over(chain.seconds)? * 100.0;
    let length = |wait: &&Wait| wait.to - wait.from;
    let wait = timeline.step(longest.step)?.waits.iter().max_by_key(length);
    let waited = wait.map_or_else(String::new, |wait| {
        format!("; the longest wait in it, {}, was: {}", time(length(&wait)), escape(&wait.reason))
    });
    Some(format!(
        "<b>{}</b> bounds it most, with {} of {} ({share:.0} %){waited}.",
        longest.step,
        time(longest.seconds),
        time(chain.seconds),
    ))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}
