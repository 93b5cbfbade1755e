#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

const INTRODUCTION: &str = "---\ntitle: A\nsummary: b\nminutes: 1\nbegins: operators\n---\nWelcome.\n";
const FINISH: &str = "---\ntitle: End\n---\nBye.\n";

fn read(step: &str) -> Result<Lesson> {
    read_all(INTRODUCTION, "t/1-go.md", step)
}

fn read_all(introduction: &str, path: &str, step: &str) -> Result<Lesson> {
    let sources = [
        Source { path: "t/lesson.md", text: introduction },
        Source { path, text: step },
        Source { path: "t/finish.md", text: FINISH },
    ];
    lesson("t", &sources)
}

fn with_head(body: &str) -> String {
    format!("---\ntitle: Go\nchecks:\n  - holds: nodes\n---\n{body}")
}

#[track_caller]
fn assert_wrong(step: &str, words: &str) {
    assert_eq!(read(step).unwrap_err().to_string(), words);
}

#[test]
fn a_page_is_prose_and_blocks_in_order_as_they_were_written() {
    let body = "Look *here*:\n\n- one\n- two\n\n```sh run\nls -l\nid\n```\nand\n\n```yaml show\na: 1\n```\n\n```text output\nx\n```\n";
    let lesson = read(&with_head(body)).unwrap();
    assert_eq!((lesson.title.as_str(), lesson.minutes, lesson.begins), ("A", 1, Stage::Operators));
    let step = lesson.step("go").unwrap();
    assert_eq!(step.checks, [Check::Holds(crate::step_id::StepId::Nodes)]);
    let found: Vec<&Content> = step.page.contents(Delivery::Guide).collect();
    assert_eq!(
        found,
        [
            &Content::Prose("Look *here*:\n\n- one\n- two\n".to_owned()),
            &Content::Run("ls -l\nid\n".to_owned()),
            &Content::Prose("and\n".to_owned()),
            &Content::Show { language: "yaml".to_owned(), text: "a: 1\n".to_owned() },
            &Content::Output("x\n".to_owned()),
        ]
    );
}

#[test]
fn what_is_for_some_is_shown_to_them_alone() {
    let body = "All.\n\n<!-- only: guide vscode -->\n\nSome.\n\n<!-- everywhere -->\n\nAll again.\n";
    let lesson = read(&with_head(body)).unwrap();
    let shown = |delivery| -> Vec<String> {
        let contents = lesson.steps[0].page.contents(delivery);
        contents.map(|content| if let Content::Prose(text) = content { text.clone() } else { String::new() }).collect()
    };
    assert_eq!(shown(Delivery::Guide), ["All.\n", "Some.\n", "All again.\n"]);
    assert_eq!(shown(Delivery::Vscode), shown(Delivery::Guide));
    assert_eq!(shown(Delivery::Killercoda), ["All.\n", "All again.\n"]);
}

#[test]
fn what_is_broken_is_told_with_its_file_and_line() {
    assert_wrong(
        "No head.\n",
        "t/1-go.md:1: the fields at the beginning are missing: a line of ---, the fields, a line of ---",
    );
    assert_wrong("---\ntitle: a\n", "t/1-go.md:1: the fields at the beginning do not end with a line of ---");
    assert_wrong(
        &with_head("a\n\n```sh\nls\n```\n"),
        "t/1-go.md:8: a fence says \"sh\"; what it may say is `sh run`, `<language> show` and `text output`",
    );
    assert_wrong(&with_head("a\n\n    ls\n"), "t/1-go.md:8: code stands between fences, which say what it is");
    assert_wrong(
        &with_head("- a\n\n  ```sh run\n  ls\n  ```\n"),
        "t/1-go.md:8: a block of code stands by itself, not in a list or a quote",
    );
    assert_wrong(&with_head("a\n\n```sh run\n\n```\n"), "t/1-go.md:8: the block is empty");
    assert_wrong(
        &with_head("a\n\n```sh run\necho \"Hello!\"\n```\n"),
        "t/1-go.md:8: an interactive bash replaces ! by a command of its history: say it without",
    );
    assert_wrong(&with_head("a\n\n# More\n"), "t/1-go.md:8: a page has one heading, its title; write a paragraph");
    assert_wrong(&with_head("a <b>c</b>\n"), "t/1-go.md:6: not every delivery can show HTML");
    assert_wrong(&with_head("<div>\n</div>\n"), "t/1-go.md:6: not every delivery can show HTML");
    assert_wrong(
        &with_head("<!-- only: guide moon -->\n\na\n\n<!-- everywhere -->\n"),
        "t/1-go.md:6: there is no delivery \"moon\"",
    );
    assert_wrong(&with_head("<!-- only: guide -->\n\na\n"), "t/1-go.md:6: this is never ended by <!-- everywhere -->");
    assert_wrong(&with_head("a\n\n<!-- everywhere -->\n"), "t/1-go.md:8: nothing was limited before this");
    assert_wrong(&with_head("a\r\n"), "t/1-go.md:6: lines end with a line feed alone");
    assert_wrong(&with_head(""), "t/1-go.md:1: the page says nothing");
    assert_wrong(
        "---\ntitle: a\nchecks: []\n---\na\n",
        "t/1-go.md:1: without a check, a step that was done looks like one that was not",
    );
}

#[test]
fn a_field_that_is_not_known_is_told_with_its_line() {
    let wrong = |head: &str| read(&format!("---\n{head}---\na\n")).unwrap_err().to_string();
    let unknown = wrong("title: a\ncheks: []\n");
    assert!(unknown.starts_with("t/1-go.md:3: ") && unknown.contains("cheks"), "{unknown}");
    let step = wrong("title: a\nchecks:\n  - holds: nodse\n");
    assert!(step.starts_with("t/1-go.md:4: ") && step.contains("there is no step \"nodse\""), "{step}");
    let kind = wrong("title: a\nchecks:\n  - feels: good\n");
    assert!(kind.starts_with("t/1-go.md:4: ") && kind.contains("feels"), "{kind}");
}

#[test]
fn steps_are_counted() {
    let step = with_head("a\n");
    let wrong = |path: &str| read_all(INTRODUCTION, path, &step).unwrap_err().to_string();
    assert_eq!(wrong("t/2-go.md"), "t/2-go.md:1: step 1 must be in 1-<name>.md, the name of small letters");
    assert_eq!(wrong("t/1-Go.md"), "t/1-Go.md:1: step 1 must be in 1-<name>.md, the name of small letters");
}

#[test]
fn an_answer_is_compared_as_text() {
    let step = "---\ntitle: a\nchecks:\n  - query:\n      sql: SELECT 1\n      answer:\n        - [1, one]\n        - [2, \"2\"]\n---\na\n";
    let lesson = read(step).unwrap();
    let [Check::Query(query)] = &lesson.steps[0].checks[..] else { unreachable!("{:?}", lesson.steps) };
    let rows = |rows: &[[&str; 2]]| -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    };
    assert!(query.is_answered_by(&rows(&[["1", "one"], ["2", "2"]])));
    assert!(!query.is_answered_by(&rows(&[["1", "one"]])));
    assert!(!query.is_answered_by(&rows(&[["1", "one"], ["2", "3"]])));
}
