//! Reads a log while it is written: whole lines only.

use std::io::Read as _;
use std::path::PathBuf;

use crate::event::Stamped;
use crate::file;

pub(super) struct Log {
    path: Option<PathBuf>,
    /// Kept open: a log that is removed is read to its end.
    file: Option<fs_err::File>,
    /// The beginning of a line whose end is not there yet.
    unfinished: Vec<u8>,
}

impl Log {
    /// `None`: the run has no log.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, file: None, unfinished: Vec::new() }
    }

    /// The events that were added since the last time.
    pub(super) fn read(&mut self) -> Vec<Stamped> {
        if self.file.is_none() {
            // One that cannot be opened is tried again: the status file tells of the run meanwhile.
            self.file = self.path.as_ref().and_then(|path| file::open(path).ok());
        }
        let Some(file) = &mut self.file else { return Vec::new() };
        // After an error what came before it counts, and the rest is read the next time.
        let _ = file.read_to_end(&mut self.unfinished);
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.unfinished.split_off(end + 1);
        let whole = std::mem::replace(&mut self.unfinished, rest);
        // A newer version of this program may tell of events that we do not know.
        whole.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::event::Event;
    use crate::step::StepName;

    fn line(reason: &str) -> String {
        let event = Event::StepWaiting { step: StepName::fixed("cluster"), reason: reason.to_owned() };
        serde_json::to_string(&Stamped::now(&event)).unwrap() + "\n"
    }

    fn reasons(read: Vec<Stamped>) -> Vec<String> {
        let reason = |stamped: Stamped| match stamped.event {
            Event::StepWaiting { reason, .. } => reason,
            other => format!("{other:?}"),
        };
        read.into_iter().map(reason).collect()
    }

    #[test]
    fn a_torn_line_is_read_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::new(Some(path.clone()));
        assert_eq!(log.read(), []);
        let mut file = fs_err::File::create(&path).unwrap();
        let second = line("wörter");
        // In the middle of a letter of two bytes.
        let middle = second.find('ö').unwrap() + 1;
        file.write_all(line("one").as_bytes()).unwrap();
        file.write_all(&second.as_bytes()[..middle]).unwrap();
        assert_eq!(reasons(log.read()), ["one"]);
        assert_eq!(log.read(), []);
        // Removed, and still written to by whoever has it open.
        fs_err::remove_file(&path).unwrap();
        file.write_all(&second.as_bytes()[middle..]).unwrap();
        assert_eq!(reasons(log.read()), ["wörter"]);
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let newer = "{\"time\":\"2026-11-21T11:10:32Z\",\"event\":\"step-dreamt\",\"step\":\"cluster\"}\n";
        fs_err::write(&path, format!("{}{newer}\nnot json\n{}{{\"time", line("one"), line("two"))).unwrap();
        assert_eq!(reasons(Log::new(Some(path)).read()), ["one", "two"]);
        assert_eq!(Log::new(None).read(), []);
    }
}
