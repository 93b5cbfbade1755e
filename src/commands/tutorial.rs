//! `tutorial`: the lessons as files, for those who publish them.

use anyhow::Result;
use bootstrap_run::file;
use bootstrap_screen::ui;

use super::Verdict;
use crate::cli::{Export, Form, Tutorial};
use crate::lesson::{self, Delivery};

pub(super) fn run(arguments: &Tutorial) -> Result<Verdict> {
    let Tutorial::Export(Export { form, lesson, to }) = arguments;
    let delivery = match form {
        Form::Walkthrough => Delivery::Walkthrough,
        Form::Killercoda => Delivery::Killercoda,
        Form::Vscode => Delivery::Vscode,
    };
    for exported in lesson::export(lesson, delivery)? {
        let path = to.join(exported.path);
        let mode = if exported.is_program { file::PROGRAM } else { file::PUBLIC };
        file::replace(&path, exported.text.as_bytes(), mode)?;
        ui::print(&format!("{}\n", path.display()))?;
    }
    Ok(Verdict::Good)
}
