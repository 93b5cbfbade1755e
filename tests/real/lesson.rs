//! The lesson on a cluster that the program has made: in a terminal, by itself, and as a document.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::{Lab, NAME, ran};
use crate::terminal::Terminal;

/// The longest command of the lesson installs the chart.
const PATIENCE: Duration = Duration::from_secs(300);

/// The lesson from an empty cluster, which may be there and have workers, played by the guide, and then as the document says.
pub(crate) fn the_lesson_can_be_followed(lab: &Lab) {
    let up = lab.run(&["--local", "--until", "operators"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    let (folder, another) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let inside = |folder: &tempfile::TempDir, arguments: &[&str]| {
        ran(&lab.up_command(arguments).args(["--name", NAME]).current_dir(folder).output().unwrap())
    };
    let done = |folder: &tempfile::TempDir| -> Vec<bool> {
        let is_done = |step: &&str| {
            let began = Instant::now();
            let verify = inside(folder, &["verify", &format!("active-active/{step}")]);
            // What asks for it gives up after ten seconds.
            assert!(began.elapsed() < Duration::from_secs(10) && verify.code < 2, "{step}: {}", verify.stderr);
            verify.code == 0
        };
        ["orient", "bootstrap", "configure", "deploy", "health", "prove"].iter().map(is_done).collect()
    };
    assert_eq!(done(&folder), [true, true, false, false, false, false]);
    let guide = follow_in_a_terminal(lab, folder.path());
    assert!(guide.contains("6 of 6: Prove replication") && guide.contains("Hello from node 2"), "{guide}");
    assert_eq!(done(&folder), [true; 6]);
    // Every command is right when it is run again.
    let guide = inside(&folder, &["guide", "--yes"]);
    assert_eq!(guide.code, 0, "{}", guide.told());
    assert!(guide.stderr.contains("6 of 6") && guide.stdout.contains("Hello from node 2"), "{}", guide.stdout);
    assert_eq!(done(&folder), [true; 6]);

    let document = include_str!("../../WALKTHROUGH.md");
    let commands = document.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 15, "{commands:#?}");
    // As a person has it: the program is on the PATH, and the cluster of the lab has another name.
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_pgedge-bootstrap"));
    let mut shell = Command::new("bash");
    shell.env_clear();
    for (name, value) in lab.up_command(&[]).get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.parent().unwrap().display());
    shell.args(["-euo", "pipefail", "-c", &commands.concat()]).current_dir(&another);
    let walked = ran(&shell.env("PATH", path).env("PGEDGE_BOOTSTRAP_NAME", NAME).output().unwrap());
    assert_eq!(walked.code, 0, "{}", walked.told());
    assert_eq!(done(&another), [true; 6]);
    assert_eq!(lab.run(&["down"]).code, 0);
    assert_eq!(&lab.docker_lists(), lab.docker_lists_before());
}

/// As a person does who reads: Enter at every question, once back, and a break in between. Returns all that was shown.
fn follow_in_a_terminal(lab: &Lab, folder: &Path) -> String {
    let open = |term: &str| {
        let command = lab.up_command(&["guide", "--name", NAME]);
        let mut typed = pty_process::blocking::Command::new(command.get_program()).args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            typed = typed.env(name, value.unwrap_or_default());
        }
        Terminal::spawn(typed.env("TERM", term).current_dir(folder), (40, 100))
    };
    // What is asked for the n-th time, n from 1; `None` at the end.
    let question = |terminal: &Terminal, number: usize| -> Option<String> {
        terminal.wait_within(PATIENCE, &format!("question {number}"), |seen| {
            let raw = seen.raw();
            let questions: Vec<&str> = raw.lines().filter(|line| line.contains(", q quits:")).collect();
            if raw.contains("What next") {
                return Some(None);
            }
            questions.get(number - 1).map(|question| Some((*question).to_owned()))
        })
    };

    let mut first = open("xterm-256color");
    let mut number = 1;
    while !seen(&first).contains("3 of 6: Configure") {
        assert!(question(&first, number).is_some(), "{}", seen(&first));
        first.press(b"\r");
        number += 1;
        question(&first, number);
    }
    first.press(b"b\r");
    number += 1;
    question(&first, number);
    assert_eq!(seen(&first).matches("2 of 6: See what was prepared").count(), 2, "{}", seen(&first));
    first.press(b"nonsense\r");
    question(&first, number + 1);
    assert!(seen(&first).contains("\"nonsense\" means nothing here"), "{}", seen(&first));
    first.press(b"q\r");
    let (code, screen) = first.end_within(PATIENCE);
    assert_eq!(code, 0, "{screen}");

    // A terminal that understands no control codes: what the guide itself says has none.
    let mut again = open("dumb");
    let mut number = 1;
    while let Some(asked) = question(&again, number) {
        assert!(!asked.contains('\u{1b}'), "{asked:?}");
        again.press(b"\r");
        number += 1;
    }
    let (code, screen) = again.end_within(PATIENCE);
    assert_eq!(code, 0, "{screen}");
    let shown = seen(&again);
    assert!(shown.contains("continuing at step 2, See what was prepared"), "{shown}");
    shown
}

fn seen(terminal: &Terminal) -> String {
    terminal.wait_within(PATIENCE, "anything", |seen| Some(seen.raw()))
}
