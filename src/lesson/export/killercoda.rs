//! A scenario of Killercoda. Its programs are not of the lesson: they are written by hand, and are here as they are.
//!
//! The form of `index.json` and of the texts: <https://killercoda.com/creators>.

use serde_json::{Value, json};

use super::super::{Delivery, Lesson, LessonStep, Page};
use super::{Exported, fenced, markdown};

/// One Kubernetes node by kubeadm, with 4 GB: three pgEdge nodes fit.
const MACHINE: &str = "kubernetes-kubeadm-1node-4GB";

/// Where the programs of the scenario are put.
const FOLDER: &str = "/opt/pgedge";

const ASSETS: [(&str, &str); 2] = [
    ("prepare.sh", include_str!("../../../killercoda/assets/prepare.sh")),
    ("watch.sh", include_str!("../../../killercoda/assets/watch.sh")),
];

const BACKGROUND: &str = include_str!("../../../killercoda/intro/background.sh");

const FOREGROUND: &str = include_str!("../../../killercoda/intro/foreground.sh");

pub(super) fn scenario(lesson: &Lesson) -> Vec<Exported> {
    let text = |page: &Page| {
        let page = markdown(page, Delivery::Killercoda, exec);
        format!("{}\n", page.trim_end())
    };
    let index = format!("{:#}\n", index(lesson));
    let program = |path: String, text: &str| Exported { path: path.into(), text: text.to_owned(), is_program: true };
    let mut files = vec![
        Exported::page("index.json", index),
        Exported::page("intro/text.md", text(&lesson.introduction)),
        program("intro/background.sh".to_owned(), BACKGROUND),
        // It is typed into the learner's shell, not run.
        Exported::page("intro/foreground.sh", FOREGROUND.to_owned()),
        Exported::page("finish/text.md", text(&lesson.finish)),
    ];
    for (number, step) in lesson.steps.iter().enumerate() {
        let folder = folder(number, step);
        files.push(Exported::page(format!("{folder}/text.md"), text(&step.page)));
        files.push(program(format!("{folder}/verify.sh"), &verify(lesson, step)));
    }
    files.extend(ASSETS.map(|(name, text)| program(format!("assets/{name}"), text)));
    files
}

fn folder(number: usize, step: &LessonStep) -> String {
    format!("{}-{}", number + 1, step.id)
}

fn index(lesson: &Lesson) -> Value {
    let step = |(number, step): (usize, &LessonStep)| {
        let folder = folder(number, step);
        json!({
            "title": step.page.title,
            "text": format!("{folder}/text.md"),
            "verify": format!("{folder}/verify.sh"),
        })
    };
    json!({
        "title": lesson.title,
        "description": lesson.summary,
        "details": {
            "intro": {
                "text": "intro/text.md",
                "background": "intro/background.sh",
                "foreground": "intro/foreground.sh",
            },
            "steps": lesson.steps.iter().enumerate().map(step).collect::<Vec<_>>(),
            "finish": {"text": "finish/text.md"},
            "assets": {
                "host01": ASSETS.map(|(file, _)| json!({"file": file, "target": FOLDER, "chmod": "+x"})),
            },
        },
        "backend": {"imageid": MACHINE},
    })
}

/// A click runs it.
fn exec(code: &str) -> String {
    format!("{}{{{{exec}}}}\n", fenced("sh", code).trim_end())
}

/// Looks at the step by the program, and says so if that is not there yet.
fn verify(lesson: &Lesson, step: &LessonStep) -> String {
    format!(
        r#"#!/bin/bash
# Exit 0 once the step is done; what is missing is printed.
if ! command -v pgedge-bootstrap > /dev/null; then
  echo "pgedge-bootstrap is not here yet: the terminal of the first page shows how far the preparation is"
  exit 1
fi
cd "$HOME" && exec timeout 10 pgedge-bootstrap verify {}/{}
"#,
        lesson.id, step.id
    )
}
