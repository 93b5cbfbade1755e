//! Whole-program tests: the real binary, with a HOME of its own, and what it prints. In reading order.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

// The house: who imports whom, and what may not be in the tree.
mod adoption;
mod api;
mod codespace;
mod creation;
mod deadlines;
mod engines;
mod feature;
mod floors;
mod guide;
mod killercoda;
mod lab;
mod launch;

// What everyone sees first.
mod edition;
mod help;

// Without a cluster: the pins, the downloads and the files they leave.
mod downloads;
mod environment;
mod failures;
mod files;
mod given;
mod limits;
mod looks;
mod pins;
mod room;
mod stacks;
// What upstream says of the pins, and who signed it.
mod refresh;
mod signatures;
mod upstream;

// How this program itself gets onto a machine.
mod install;

// How it is released.
mod release;
mod releasing;
mod scripts;

// Where the time of a run went: the page, and how a browser shows it.
mod timings;
// Whose a cluster is, and what is done with one that is another's.
mod owner;
// What is told of its owner's run.
mod at_work;
// What is told of one that is ours and does not run.
mod halted;
// How a run ends before its time, and two runs beside each other.
mod endings;
// What a run leaves for other processes: its log, its status, and who waits for it.
mod logs;
mod wait;
// What a run looks like: the lines that stay, the events for programs, and the screen of a terminal.
mod answers;
mod json;
mod kubeconfig;
mod plain;
mod terminal;

#[path = "../common/checkout.rs"]
mod common_checkout;
#[path = "../common/terminal.rs"]
mod common_terminal;
mod support;
