//! `tutorial`: the lessons as files, for those who publish them.

use anyhow::Result;

use super::Verdict;
use crate::cli::{Export, Form, Tutorial};
use crate::{failure, lesson, ui};

pub(super) fn run(arguments: &Tutorial) -> Result<Verdict> {
    let Tutorial::Export(Export { form, lesson, to }) = arguments;
    let (name, text) = match form {
        Form::Walkthrough => ("WALKTHROUGH.md", lesson::walkthrough(lesson)),
    };
    fs_err::create_dir_all(to).map_err(failure::from_io)?;
    let mut beside = tempfile::NamedTempFile::new_in(to).map_err(failure::from_io)?;
    std::io::Write::write_all(&mut beside, text.as_bytes()).map_err(failure::from_io)?;
    // A temporary file is for its owner alone; this one is for everybody who reads the repository.
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    beside.as_file().set_permissions(everybody).map_err(failure::from_io)?;
    let path = to.join(name);
    beside.persist(&path).map_err(|error| failure::from_io(error.error))?;
    ui::print(&format!("{}\n", path.display()))?;
    Ok(Verdict::Good)
}
