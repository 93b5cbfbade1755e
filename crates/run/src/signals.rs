//! The signals that ask the program to end: Ctrl-C, a `kill`, and the end of the terminal.

use futures::future::join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stop::Stop;

/// The signals that ask for the end, caught from the moment when this is made. One that comes before anybody listens is not lost.
#[derive(Debug)]
pub struct Caught(Vec<(SignalKind, Signal)>);

/// Catches the signals: from now on none of them ends the process by itself. To be called in the runtime, before anything else.
pub fn catch() -> Caught {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let ignored = ignored();
    // `nohup` and a shell that starts something in the background have said that it is to go on: a handler of ours
    // would overrule them.
    let heeded = kinds.into_iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0);
    // Without a handler the signal ends the process by itself.
    Caught(heeded.filter_map(|kind| Some((kind, signal(kind).ok()?))).collect())
}

impl Caught {
    /// Passes every signal on, for as long as the program runs.
    pub async fn pass_on(self, stop: Stop) {
        join_all(self.0.into_iter().map(|(kind, signals)| pass_on(kind, signals, &stop))).await;
    }
}

/// What the kernel sends for a write beyond the size that a file may have (`ulimit -f`), on Linux and macOS.
const FILE_SIZE: i32 = 25;

/// From now on such a write is an error that is told, and not the end of the program without a word. To be called in the runtime.
pub fn survive_limits() {
    // With a handler, also one that nobody waits for, the write itself fails. Without one it stays as it was.
    let _ = signal(SignalKind::from_raw(FILE_SIZE));
}

async fn pass_on(kind: SignalKind, mut signals: Signal, stop: &Stop) {
    while signals.recv().await.is_some() {
        // The end of a terminal comes as two of these, from the shell and from the kernel: only a person insists.
        if kind != SignalKind::hangup() || !stop.is_asked() {
            stop.ask();
            crate::given::give_up();
        }
    }
}

/// The signals that this process was started to ignore, as a bit each, the first for signal 1. Only Linux tells
/// (`SigIgn` in proc_pid_status(5)); elsewhere none counts as ignored.
fn ignored() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
