//! Too few files that may be open: the failure, and how to get more.

use std::io;

use super::{Failure, FailureId};
use crate::identity;

/// The kernel's numbers for too many open files: of the machine, and of this process.
const OF_MACHINE: i32 = 23;
const OF_PROCESS: i32 = 24;

/// A limit of so many open files, of which a run needs `least`.
pub(crate) fn too_few_open_files(allowed: u64, least: u64) -> Failure {
    let what = format!("this process may have only {allowed} open files");
    let seen = format!("the hard limit (`ulimit -Hn`) is {allowed}, and a run needs {least}");
    Failure::new(FailureId::OpenFilesLimited, what).evidence(seen).hint(advice())
}

/// How the shell gets a higher limit in which this was started. A root that could raise it has done so.
fn advice() -> &'static str {
    if identity::is_root() {
        "start the container with `--ulimit nofile=10240:10240`, or run this in another shell"
    } else if cfg!(target_os = "linux") {
        "`sudo prlimit --pid $$ --nofile=10240:10240` raises it in this shell; then run this again"
    } else {
        "run this in a new shell, where `ulimit -Hn` prints a higher limit"
    }
}

/// The failure that an error of the system is, if it says that no more files can be opened. It may be wrapped in words.
pub(crate) fn open_files(error: &io::Error) -> Option<Failure> {
    let says = |number: i32| {
        error.raw_os_error() == Some(number) || error.to_string().contains(&format!("(os error {number})"))
    };
    let (what, hint) = if says(OF_PROCESS) {
        ("this process has as many files open as it may", advice())
    } else if says(OF_MACHINE) {
        (
            "the machine has as many files open as it may",
            "`sudo sysctl fs.file-max` shows the limit; end programs that have many files open",
        )
    } else {
        return None;
    };
    Some(Failure::new(FailureId::OpenFilesLimited, what).evidence(error.to_string()).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_open_files_is_known_in_the_words_of_others() {
        for number in [OF_PROCESS, OF_MACHINE] {
            let bare = io::Error::from_raw_os_error(number);
            let wrapped = io::Error::other(format!("failed to open file `/x`: {bare}"));
            for error in [bare, wrapped] {
                let failure = open_files(&error);
                assert!(failure.is_some_and(|failure| failure.id() == FailureId::OpenFilesLimited), "{error}");
            }
        }
        assert!(open_files(&io::Error::from_raw_os_error(2)).is_none());
    }
}
