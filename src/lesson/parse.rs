//! From Markdown to a lesson. Strict: what is not understood is an error with its file and line, because a lesson that
//! loses a command in silence cannot be followed.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Result, anyhow, bail};
use bootstrap_run::step::Stage;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Block, Check, Content, Delivery, Lesson, LessonStep, Page};

/// A file of a lesson.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// For people: where it is in the repository.
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

/// The fields above `lesson.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LessonHead {
    title: String,
    summary: String,
    minutes: u32,
    begins: Stage,
}

/// The fields above a step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepHead {
    title: String,
    checks: Vec<Check>,
}

/// The fields above `finish.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FinishHead {
    title: String,
}

/// Reads a lesson: its introduction, its steps by their numbers, its end.
///
/// # Errors
/// `<file>:<line>: <what is wrong>`.
pub(super) fn lesson(id: &str, sources: &[Source<'_>]) -> Result<Lesson> {
    let [introduction, steps @ .., finish] = sources else { bail!("lesson {id} has no introduction or no end") };
    if steps.is_empty() {
        bail!("lesson {id} has no steps");
    }
    let (head, body) = introduction.split::<LessonHead>()?;
    let (end, last) = finish.split::<FinishHead>()?;
    let steps = steps.iter().enumerate().map(|(index, source)| step(index + 1, source)).collect::<Result<Vec<_>>>()?;
    let ids: BTreeSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    if ids.len() < steps.len() {
        bail!("two steps of lesson {id} have one name");
    }
    Ok(Lesson {
        id: id.to_owned(),
        introduction: Page { title: head.title.clone(), blocks: introduction.blocks(body)? },
        title: head.title,
        summary: head.summary,
        minutes: head.minutes,
        begins: head.begins,
        steps,
        finish: Page { title: end.title, blocks: finish.blocks(last)? },
    })
}

fn step(number: usize, source: &Source<'_>) -> Result<LessonStep> {
    let name = source.path.rsplit('/').next().unwrap_or(source.path);
    let id = name.strip_prefix(&format!("{number}-")).and_then(|name| name.strip_suffix(".md"));
    let Some(id) = id.filter(|id| is_word(id)) else {
        return Err(source.wrong(0, format!("step {number} must be in {number}-<name>.md, the name of small letters")));
    };
    let (head, body) = source.split::<StepHead>()?;
    if head.checks.is_empty() {
        return Err(source.wrong(0, "without a check, a step that was done looks like one that was not"));
    }
    let page = Page { title: head.title, blocks: source.blocks(body)? };
    Ok(LessonStep { id: id.to_owned(), page, checks: head.checks })
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

const FENCE: &str = "---\n";

impl Source<'_> {
    /// The fields, and where the text behind them begins.
    fn split<T: DeserializeOwned>(&self) -> Result<(T, usize)> {
        if let Some(at) = self.text.find('\r') {
            return Err(self.wrong(at, "lines end with a line feed alone"));
        }
        let Some(rest) = self.text.strip_prefix(FENCE) else {
            return Err(
                self.wrong(0, "the fields at the beginning are missing: a line of ---, the fields, a line of ---")
            );
        };
        let Some(length) = rest.find("\n---\n") else {
            return Err(self.wrong(0, "the fields at the beginning do not end with a line of ---"));
        };
        let fields = &rest[..=length];
        let fields = serde_saphyr::from_str(fields).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line()) + 1;
            let words = error.without_snippet().to_string();
            anyhow!("{}:{line}: {}", self.path, words.lines().next().unwrap_or_default())
        })?;
        Ok((fields, FENCE.len() + length + "\n---\n".len()))
    }

    fn blocks(&self, body: usize) -> Result<Vec<Block>> {
        let mut pages = PageReader { source: self, blocks: Vec::new(), only: None, prose: body..body };
        let mut depth = 0_usize;
        let mut fence: Option<(String, Range<usize>, String)> = None;
        for (event, range) in Parser::new(&self.text[body..]).into_offset_iter() {
            let range = range.start + body..range.end + body;
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let CodeBlockKind::Fenced(info) = kind else {
                        return Err(self.wrong(range.start, "code stands between fences, which say what it is"));
                    };
                    if depth > 0 {
                        return Err(
                            self.wrong(range.start, "a block of code stands by itself, not in a list or a quote")
                        );
                    }
                    fence = Some((info.into_string(), range, String::new()));
                }
                Event::Text(text) if fence.is_some() => {
                    if let Some((_, _, code)) = &mut fence {
                        code.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((info, range, code)) = fence.take() {
                        pages.code(&info, range, code)?;
                    }
                }
                Event::Start(Tag::Heading { .. }) if depth == 0 => {
                    return Err(self.wrong(range.start, "a page has one heading, its title; write a paragraph"));
                }
                Event::Html(text) => pages.mark(text.trim(), range)?,
                Event::InlineHtml(_) => return Err(self.wrong(range.start, "not every delivery can show HTML")),
                Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                _ => {}
            }
        }
        pages.finish()
    }

    /// An error at this byte of the file.
    fn wrong(&self, at: usize, what: impl std::fmt::Display) -> anyhow::Error {
        let line = self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        anyhow!("{}:{line}: {what}", self.path)
    }
}

/// Cuts a page into its blocks.
struct PageReader<'a> {
    source: &'a Source<'a>,
    blocks: Vec<Block>,
    /// The deliveries that the text is for, and where that was said.
    only: Option<(BTreeSet<Delivery>, usize)>,
    /// What has been read and is not in a block yet.
    prose: Range<usize>,
}

impl PageReader<'_> {
    /// A block of code: `sh run`, `<language> show`, `text output`.
    fn code(&mut self, info: &str, range: Range<usize>, code: String) -> Result<()> {
        self.end_prose(range.start);
        if code.trim().is_empty() {
            return Err(self.source.wrong(range.start, "the block is empty"));
        }
        let words: Vec<&str> = info.split_whitespace().collect();
        let content = match words[..] {
            ["sh", "run"] if asks_the_history(&code) => {
                let what = "an interactive bash replaces ! by a command of its history: say it without";
                return Err(self.source.wrong(range.start, what));
            }
            ["sh", "run"] => Content::Run(code),
            ["text", "output"] => Content::Output(code),
            [language, "show"] => Content::Show { language: language.to_owned(), text: code },
            _ => {
                let known = "`sh run`, `<language> show` and `text output`";
                return Err(self
                    .source
                    .wrong(range.start, format!("a fence says {info:?}; what it may say is {known}")));
            }
        };
        self.push(content);
        self.prose = range.end..range.end;
        Ok(())
    }

    /// `<!-- only: guide killercoda -->` … `<!-- everywhere -->`
    fn mark(&mut self, comment: &str, range: Range<usize>) -> Result<()> {
        self.end_prose(range.start);
        self.prose = range.end..range.end;
        let inside = comment.strip_prefix("<!--").and_then(|text| text.strip_suffix("-->")).map(str::trim);
        match (inside, &self.only) {
            (Some("everywhere"), Some(_)) => self.only = None,
            (Some("everywhere"), None) => {
                return Err(self.source.wrong(range.start, "nothing was limited before this"));
            }
            (Some(text), None) if text.starts_with("only:") => {
                let names = text["only:".len()..].split_whitespace();
                let deliveries = names.map(|name| {
                    let found = Delivery::ALL.into_iter().find(|delivery| delivery.as_str() == name);
                    found.ok_or_else(|| self.source.wrong(range.start, format!("there is no delivery {name:?}")))
                });
                self.only = Some((deliveries.collect::<Result<_>>()?, range.start));
            }
            (Some(text), Some(_)) if text.starts_with("only:") => {
                return Err(self
                    .source
                    .wrong(range.start, "what was limited before ends with <!-- everywhere --> first"));
            }
            _ => return Err(self.source.wrong(range.start, "not every delivery can show HTML")),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Block>> {
        self.end_prose(self.source.text.len());
        match (&self.only, self.blocks.is_empty()) {
            (Some((_, at)), _) => Err(self.source.wrong(*at, "this is never ended by <!-- everywhere -->")),
            (None, true) => Err(self.source.wrong(0, "the page says nothing")),
            (None, false) => Ok(self.blocks),
        }
    }

    fn end_prose(&mut self, at: usize) {
        let prose = self.source.text[self.prose.start..at].trim();
        if !prose.is_empty() {
            self.push(Content::Prose(format!("{prose}\n")));
        }
    }

    fn push(&mut self, content: Content) {
        let only = self.only.as_ref().map(|(deliveries, _)| deliveries.clone()).unwrap_or_default();
        self.blocks.push(Block { content, only });
    }
}

/// Whether bash would look something up in its history (bash(1), HISTORY EXPANSION), which it does between double quotes,
/// too, and in no script: where it was tried out, it worked.
fn asks_the_history(code: &str) -> bool {
    code.split('!').skip(1).any(|rest| !rest.starts_with([' ', '\t', '\n', '=', '(']) && !rest.is_empty())
}

#[cfg(test)]
mod tests;
