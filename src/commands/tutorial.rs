//! `tutorial`: the lessons as files, for those who publish them.

use anyhow::Result;

use super::Verdict;
use crate::cli::{Export, Form, Tutorial};
use crate::{file, lesson, ui};

pub(super) fn run(arguments: &Tutorial) -> Result<Verdict> {
    let Tutorial::Export(Export { form, lesson, to }) = arguments;
    let (name, text) = match form {
        Form::Walkthrough => ("WALKTHROUGH.md", lesson::walkthrough(lesson)),
    };
    let path = to.join(name);
    file::replace(&path, text.as_bytes(), file::PUBLIC)?;
    ui::print(&format!("{}\n", path.display()))?;
    Ok(Verdict::Good)
}
