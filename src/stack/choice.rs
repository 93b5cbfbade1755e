//! Which stack a command is about: the one that was asked for, or that the cluster remembers.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bootstrap_run::failure::{self, Failure, FailureId, Ours, hint};
use bootstrap_run::{file, given};

use super::Stack;

/// The stacks that are compiled in, by their names.
pub(crate) const BUILT_IN: [(&str, &str); 1] = [(DEFAULT, Stack::PGEDGE)];

const DEFAULT: &str = "pgedge";

impl Stack {
    /// The stack that was asked for: one that is compiled in, by its name, or a file; the default one if none was.
    ///
    /// # Errors
    /// [`FailureId::StackInvalid`].
    pub(crate) fn asked(asked: Option<&str>) -> Result<Self> {
        let asked = asked.unwrap_or(DEFAULT);
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == asked) {
            return Ok(Self { origin: (*name).to_owned(), ..Self::parse(&format!("stacks/{name}.yaml"), text)? });
        }
        let by = given::STACK.name(asked);
        let path = Path::new(asked);
        let text = given::read_text(path).map_err(|unread| unread.told(|why| invalid(asked, by, why)))?;
        let stack = Self::parse(asked, &text).map_err(|error| invalid(asked, by, &error.to_string()))?;
        Ok(Self { origin: origin(asked)?, ..stack })
    }

    /// The stack of a cluster: the one that it remembers, and another one only for a cluster that is not there yet.
    ///
    /// # Errors
    /// [`FailureId::StackInvalid`], and [`FailureId::ShapeDiffers`] if another one was asked for than the cluster has.
    pub(crate) fn of_cluster(memory: &Memory, asked: Option<&str>) -> Result<Self> {
        let Some(remembered) = memory.read()? else { return Self::asked(asked) };
        match asked {
            Some(asked) if origin(asked)? != remembered => {
                let what = format!("the cluster has the stack {remembered}, not {asked}");
                let hint = hint![
                    format!("give --stack {}, or another --name; ", given::word(&remembered)),
                    Ours::Down,
                    " removes the cluster, and what is remembered of it"
                ];
                Err(Failure::new(FailureId::ShapeDiffers, what).hint(hint).into())
            }
            Some(asked) => Self::asked(Some(asked)),
            None if is_built_in(&remembered) => Self::asked(Some(&remembered)),
            // The file may be another one by now, or gone: the cluster has what it was then.
            None => {
                let copy = memory.copy();
                let place = copy.display().to_string();
                let text =
                    given::read_text(&copy).map_err(|unread| unread.told(|why| invalid(&place, "the cluster", why)))?;
                let stack =
                    Self::parse(&place, &text).map_err(|error| invalid(&place, "the cluster", &error.to_string()))?;
                Ok(Self { origin: remembered, ..stack })
            }
        }
    }
}

/// Where a cluster remembers its stack: in its state directory.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The state directory.
    pub(crate) state: PathBuf,
    /// Whether the cluster is there. What remembers no stack then is of a version that had one only.
    pub(crate) is_there: bool,
}

impl Memory {
    fn name(&self) -> PathBuf {
        self.state.join("stack")
    }

    fn copy(&self) -> PathBuf {
        self.state.join("stack.yaml")
    }

    /// The name of the stack, or the path of its file.
    fn read(&self) -> Result<Option<String>> {
        match file::read_text(&self.name()) {
            Ok(text) => Ok(Some(text)),
            // A state directory that cannot be there remembers nothing; writing to it says why.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(self.is_there.then(|| DEFAULT.to_owned()))
            }
            Err(error) => Err(failure::from_io(error)),
        }
    }

    /// Remembers the stack for the commands that come. The copy comes first: what names it must find it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(crate) fn write(&self, stack: &Stack) -> Result<()> {
        if !is_built_in(&stack.origin) {
            file::replace(&self.copy(), stack.text().as_bytes(), file::PRIVATE)?;
        }
        file::replace(&self.name(), stack.origin.as_bytes(), file::PRIVATE)
    }
}

fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// What is remembered of a stack: its name, or the absolute path of its file.
fn origin(asked: &str) -> Result<String> {
    if is_built_in(asked) {
        return Ok(asked.to_owned());
    }
    Ok(std::path::absolute(asked).map_err(failure::from_io)?.display().to_string())
}

fn invalid(file: &str, by: &str, why: &str) -> Failure {
    let what = format!("cannot use the stack {file}, which {by} names");
    let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    let hint = hint![
        format!("{} takes a name ({}) or a file with the layout of ", given::STACK.option, names.join(", ")),
        Ours::Stack
    ];
    Failure::new(FailureId::StackInvalid, what).evidence(why).hint(hint)
}
