//! What the charts share, the axis of time, and the two small ones: bytes a second, and steps at once.

use std::fmt::Write as _;

use super::words::{bytes, time};
use crate::timeline::{Seconds, Timeline};

/// The width of every drawing, in its own units: the run from its start to its end.
pub(super) const WIDTH: f64 = 1000.0;

const HEIGHT: f64 = 60.0;

/// Where a moment is in a drawing.
pub(super) fn place(moment: Seconds, total: Seconds) -> f64 {
    moment.over(total).map_or(0.0, |part| (part * WIDTH).clamp(0.0, WIDTH))
}

/// The moments on the axis, in words.
pub(super) fn axis(total: Seconds) -> String {
    let mut html = "<div class=\"axis\" aria-hidden=\"true\"><span class=\"track\">".to_owned();
    for second in ticks(total) {
        let left = second / total.as_f64() * 100.0;
        // What stands at the very end would stand out of it.
        let class = if left > 96.0 { " class=\"last\"" } else { "" };
        let _ = write!(html, "<span{class} style=\"left:{left:.2}%\">{second} s</span>");
    }
    html.push_str("</span></div>\n");
    html
}

/// The same moments as lines in a drawing of some height.
pub(super) fn grid(total: Seconds, height: f64) -> String {
    let line = |second: f64| {
        let x = second / total.as_f64() * WIDTH;
        format!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\"/>")
    };
    ticks(total).into_iter().map(line).collect()
}

/// Seconds that are easy to read, at most eight of them.
fn ticks(total: Seconds) -> Vec<f64> {
    let total = total.as_f64();
    let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0];
    let Some(step) = steps.into_iter().find(|step| total / step <= 8.0) else { return vec![0.0] };
    if total <= 0.0 {
        return Vec::new();
    }
    let moments = (0..=8_u8).map(|count| f64::from(count) * step);
    moments.map(|moment| (moment * 10.0).round() / 10.0).filter(|moment| *moment <= total).collect()
}

/// Bytes a second of all steps together. Empty if nothing arrived.
pub(super) fn rates(timeline: &Timeline) -> String {
    let rates = &timeline.rates.bytes_per_second;
    let highest = rates.iter().copied().fold(0.0, f64::max);
    if highest <= 0.0 {
        return String::new();
    }
    let points = rates.iter().enumerate().map(|(number, rate)| {
        let at = timeline.rates.every.as_f64() * f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        (Seconds::from_f64(at), *rate)
    });
    let told = format!("at most {}/s", bytes(highest));
    strip(timeline, "rates", "bytes per second", &told, highest, points)
}

/// How many steps ran at once.
pub(super) fn running(timeline: &Timeline) -> String {
    let most = f64::from(u32::try_from(timeline.overlap.most).unwrap_or(u32::MAX));
    if most <= 0.0 {
        return String::new();
    }
    let points = timeline.overlap.moments.iter().map(|moment| {
        let steps = u32::try_from(moment.steps).unwrap_or(u32::MAX);
        (moment.at, f64::from(steps))
    });
    strip(timeline, "running", "steps at once", &format!("at most {most}"), most, points)
}

/// An area of steps: each value holds from its moment to the next one, the last to the end.
fn strip(
    timeline: &Timeline,
    id: &str,
    title: &str,
    told: &str,
    highest: f64,
    points: impl Iterator<Item = (Seconds, f64)>,
) -> String {
    let (mut path, mut last) = (format!("M0 {HEIGHT}"), HEIGHT);
    for (at, value) in points {
        let (x, y) = (place(at, timeline.seconds), HEIGHT * (1.0 - value / highest * 0.94));
        let _ = write!(path, "L{x:.1} {last:.1}L{x:.1} {y:.1}");
        last = y;
    }
    let _ = write!(path, "L{WIDTH} {last:.1}L{WIDTH} {HEIGHT}Z");
    format!(
        "<div class=\"strip {id}\"><span class=\"name\">{title}<br><small>{told}</small></span><span class=\"track\">\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"t-{id} d-{id}\">\
         <title id=\"t-{id}\">{title}</title><desc id=\"d-{id}\">{told}, over {total}</desc>{grid}<path d=\"{path}\"/></svg>\
         </span></div>\n",
        total = time(timeline.seconds),
        grid = grid(timeline.seconds, HEIGHT),
    )
}
