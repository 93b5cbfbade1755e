//! One document with everything in it: its commands are for one shell, from the first to the last.

use super::super::{Delivery, Lesson, Page};
use super::{fenced, markdown};

pub(super) fn document(lesson: &Lesson) -> String {
    let id = &lesson.id;
    let page = |page: &Page| markdown(page, Delivery::Walkthrough, |code| fenced("sh", code));
    let mut text = format!("# {}\n\n{}\n\n", lesson.title, lesson.summary);
    text.push_str(&format!("About {} minutes. ", lesson.minutes));
    text.push_str(&format!("`pgedge-bootstrap guide {id}` is the same in a terminal, one command at a time.\n\n"));
    text.push_str(&page(&lesson.introduction));
    for (index, step) in lesson.steps.iter().enumerate() {
        text.push_str(&format!("## {}. {}\n\n{}", index + 1, step.page.title, page(&step.page)));
        text.push_str(&format!("Done? This checks it: `pgedge-bootstrap verify {id}/{}`\n\n", step.id));
    }
    text.push_str(&format!("## {}\n\n{}", lesson.finish.title, page(&lesson.finish)));
    text.truncate(text.trim_end().len());
    text + "\n"
}
