//! `guide`: a lesson in the terminal. Each command is shown, and run when the person says so; what a step was to make
//! true is looked at before the next one begins.

mod place;
mod prepared;

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result};
use bootstrap_run::failure::{Failure, FailureId, Invocation, Ours};
use bootstrap_run::process::{Command, Input};
use bootstrap_screen::ui;

use self::place::Place;
use super::{Verdict, flags, lesson_check, namespaced};
use crate::cli::Guide;
use crate::context::Context;
use crate::lesson::{Content, Delivery, Lesson, LessonStep};
use crate::options::Options;
use crate::patience;
use crate::steps;

pub(super) async fn run(arguments: &Guide, given: &Invocation) -> Result<Verdict> {
    let lesson = &arguments.lesson;
    if !arguments.yes && !ui::somebody_is_there() {
        let what = "the guide is interactive and needs a terminal";
        return Err(Failure::new(FailureId::TerminalMissing, what).into());
    }
    let context = super::own_context(&arguments.common, Some(&arguments.shape), given).await?;
    prepared::check(&context, lesson).await?;
    if steps::ensure_namespace(&context).await? {
        ui::say(&format!("made the namespace {}, for the lesson's helm does not\n", context.namespace()));
    }
    let file = Place::file(&context.places.state, &lesson.id);
    let place = if arguments.restart { None } else { Place::read(&file, lesson) };
    let again = given.line(Ours::Guide);
    let variables = flags::variables(&arguments.common);
    let mut guide =
        Playing { context: &context, lesson, file: &file, asks: !arguments.yes, variables, place: Place::default() };
    match place {
        Some(place) => {
            let (title, number) = (&lesson.steps[place.step].page.title, place.step + 1);
            ui::say(&format!("{}: continuing at step {number}, {title}; `--restart` starts over\n", lesson.title));
            guide.place = place;
        }
        None => guide.introduce(),
    }
    if guide.play().await? {
        Place::forget(&file)?;
        ui::say_title(&lesson.finish.title);
        lesson.finish.contents(Delivery::Guide).for_each(say);
    } else {
        let left = &lesson.steps[guide.place.step].page.title;
        ui::say(&format!("\nleft at {left:?}; `{again}` continues there\n"));
    }
    Ok(Verdict::Good)
}

/// What a person wants to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Go,
    Skip,
    Back,
    Quit,
}

/// What comes after a piece of a lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    Back,
    Quit,
}

struct Playing<'a> {
    context: &'a Context,
    lesson: &'a Lesson,
    file: &'a Path,
    /// Whether there is somebody to be asked.
    asks: bool,
    /// For the lesson's own calls of this program.
    variables: Vec<(&'static str, OsString)>,
    place: Place,
}

impl Playing<'_> {
    fn introduce(&self) {
        ui::say_title(&self.lesson.title);
        self.lesson.introduction.contents(Delivery::Guide).for_each(say);
        let minutes = self.lesson.minutes;
        ui::say(&format!(
            "  About {minutes} minutes. The commands run in this directory, against the cluster {:?}.\n",
            { self.context.options.name.as_str() }
        ));
    }

    /// True if the lesson was played to its end.
    async fn play(&mut self) -> Result<bool> {
        while let Some(step) = self.lesson.steps.get(self.place.step) {
            match self.step(step).await? {
                Next::Quit => return Ok(false),
                Next::On if self.place.step + 1 == self.lesson.steps.len() => return Ok(true),
                Next::On => self.place = Place { step: self.place.step + 1, done: 0 },
                Next::Back => self.place = Place { step: self.place.step.saturating_sub(1), done: 0 },
            }
            self.place.write(self.file, self.lesson)?;
        }
        Ok(true)
    }

    async fn step(&mut self, step: &LessonStep) -> Result<Next> {
        ui::say_title(&format!("{} of {}: {}", self.place.step + 1, self.lesson.steps.len(), step.page.title));
        let contents: Vec<&Content> = step.page.contents(Delivery::Guide).collect();
        // The pieces before the place were read and done before.
        for (index, content) in contents.iter().enumerate().skip(self.place.done) {
            let Content::Run(command) = content else {
                say(content);
                continue;
            };
            let Some(command) = self.fitting(command) else { continue };
            ui::say_command(&command);
            match self.command(&command).await? {
                Next::On => self.place.done = index + 1,
                other => return Ok(other),
            }
            self.place.write(self.file, self.lesson)?;
        }
        self.check(step).await
    }

    /// A command without the lines about nodes that this cluster does not have; `None` if nothing is left of it. The lesson
    /// is written for three.
    fn fitting(&self, command: &str) -> Option<String> {
        let left = without_missing_nodes(command, self.context.nodes());
        if left.is_empty() {
            ui::say("  (left out: this cluster has no such node)\n");
            return None;
        }
        Some(left)
    }

    /// Runs a command when it is wished, again as long as it fails and that is wished.
    async fn command(&self, command: &str) -> Result<Next> {
        let mut question = "Enter runs it; s skips it, b goes back, q quits:";
        loop {
            match self.ask(question).await? {
                Wish::Skip => return Ok(Next::On),
                Wish::Back => return Ok(Next::Back),
                Wish::Quit => return Ok(Next::Quit),
                Wish::Go => {}
            }
            super::lead_home(self.context).await?;
            let ended = self.shell(command)?.attended(if self.asks { Input::Person } else { Input::Nobody }).await?;
            if ended.success() {
                ui::say("\n");
                return Ok(Next::On);
            }
            if !self.asks {
                let what = format!("a command of the lesson failed: {ended}");
                return Err(Failure::new(FailureId::LessonFailed, what).evidence(command).into());
            }
            ui::say_marked(false, &format!("it failed: {ended}"));
            question = "Enter runs it again; s skips it, b goes back, q quits:";
        }
    }

    /// A shell in which the tools of this program come first, and reach the cluster.
    fn shell(&self, command: &str) -> Result<Command> {
        let places = &self.context.places;
        let own = std::env::current_exe().context("cannot find this program's own path")?;
        let given = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(places.bin.clone()).chain(std::env::split_paths(&given));
        // The lesson calls this program, too, which need not be on the PATH.
        let folders = folders.chain(own.parent().map(Path::to_owned));
        let path = std::env::join_paths(folders).context("a directory of PATH cannot be written there")?;
        let command = Command::new("sh", patience::LESSON_COMMAND)
            .args(["-c", command])
            .env("PATH", path)
            .env("KUBECONFIG", namespaced::kubeconfig(self.context)?)
            .env("PGEDGE_CHART", steps::chart_folder(self.context.stack.pins.chart()?, places)?)
            // The lesson's own calls of this program are about the same, also before there is a release.
            .env("PGEDGE_BOOTSTRAP_NAME", self.context.options.name.as_str())
            .env("PGEDGE_BOOTSTRAP_NODES", self.context.nodes().to_string())
            .env("PGEDGE_BOOTSTRAP_NAMESPACE", self.context.namespace());
        Ok(self.variables.iter().fold(command, |command, (name, value)| command.env(name, value)))
    }

    /// Looks whether the step did what it was to, again as long as that is wished.
    async fn check(&self, step: &LessonStep) -> Result<Next> {
        loop {
            let checked = lesson_check::check(self.context, step).await?;
            for checked in &checked {
                let holds = checked.finding.holds();
                let words = if holds {
                    checked.fact.clone()
                } else {
                    format!("{}: {}", checked.fact, checked.finding.detail())
                };
                ui::say_marked(holds, &words);
            }
            let good = checked.iter().all(|checked| checked.finding.holds());
            if !good && !self.asks {
                let what = format!("after the step {:?} of the lesson something does not hold", step.page.title);
                let seen = checked.iter().filter(|checked| !checked.finding.holds());
                let seen: Vec<String> =
                    seen.map(|checked| format!("{}: {}", checked.fact, checked.finding.detail())).collect();
                return Err(Failure::new(FailureId::LessonFailed, what).evidence(seen.join("\n")).into());
            }
            let question = if good {
                "Enter continues; b goes back, q quits:"
            } else {
                "not done yet. Enter checks again; s skips it, b goes back, q quits:"
            };
            match self.ask(question).await? {
                Wish::Go if !good => {}
                Wish::Go | Wish::Skip => return Ok(Next::On),
                Wish::Back => return Ok(Next::Back),
                Wish::Quit => return Ok(Next::Quit),
            }
        }
    }

    async fn ask(&self, question: &str) -> Result<Wish> {
        if !self.asks {
            return Ok(Wish::Go);
        }
        loop {
            ui::say_question(question);
            let line = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).map(|read| (read > 0).then_some(line))
            });
            let line = line.await.context("a worker thread died")?.context("cannot read the answer")?;
            // The end of the input is how a terminal says that nobody is there any more.
            let Some(line) = line else {
                ui::say("\n");
                return Ok(Wish::Quit);
            };
            match line.trim() {
                "" => return Ok(Wish::Go),
                "s" | "skip" => return Ok(Wish::Skip),
                "b" | "back" => return Ok(Wish::Back),
                "q" | "quit" => return Ok(Wish::Quit),
                other => ui::say(&format!("  {other:?} means nothing here\n")),
            }
        }
    }
}

fn without_missing_nodes(command: &str, nodes: u8) -> String {
    let missing = |line: &str| (nodes + 1..=9).any(|number| line.contains(&Options::cluster_of(&format!("n{number}"))));
    if !command.lines().any(missing) {
        return command.to_owned();
    }
    command.lines().filter(|line| !missing(line)).collect::<Vec<_>>().join("\n")
}

/// Shows a piece of the lesson.
fn say(content: &Content) {
    match content {
        Content::Prose(markdown) => ui::say_prose(markdown),
        Content::Run(command) => ui::say_command(command),
        Content::Show { text, .. } | Content::Output(text) => ui::say_verbatim(text),
    }
}

#[cfg(test)]
mod tests;
