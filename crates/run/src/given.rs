//! What a person gives. A setting is told by the name under which it was given, option or variable; a file that is named is
//! read whole, within a time and up to a size, or refused with the reason.

mod shell;
mod words;

use std::ffi::OsStr;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

pub use self::shell::{quoted, word};
pub use self::words::parser_words;
use crate::failure::Failure;
use crate::patience;
use crate::stop::Interrupted;

/// What can be given by an option, and by a variable in its place.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name of the option, with its dashes: `--name`.
    pub option: &'static str,
    /// The name of the environment variable, which counts where the option is not given.
    pub variable: &'static str,
}

/// The name of the cluster.
pub const NAME: Setting = Setting { option: "--name", variable: "PGEDGE_BOOTSTRAP_NAME" };
/// How many pgEdge nodes there are to be.
pub const NODES: Setting = Setting { option: "--nodes", variable: "PGEDGE_BOOTSTRAP_NODES" };
/// The namespace of the release.
pub const NAMESPACE: Setting = Setting { option: "--namespace", variable: "PGEDGE_BOOTSTRAP_NAMESPACE" };
/// The directory that the tools are put into.
pub const BIN_DIR: Setting = Setting { option: "--bin-dir", variable: "PGEDGE_BOOTSTRAP_BIN_DIR" };
/// The file of pins that is used in the place of the built-in ones.
pub const PINS: Setting = Setting { option: "--pins", variable: "PGEDGE_BOOTSTRAP_PINS" };
/// What is to run: the name of a stack, or a file of one.
pub const STACK: Setting = Setting { option: "--stack", variable: "PGEDGE_BOOTSTRAP_STACK" };
/// The address that downloads come from in the place of upstream.
pub const MIRROR: Setting = Setting { option: "--mirror", variable: "PGEDGE_BOOTSTRAP_MIRROR" };
/// The addresses that images are pulled through, each for one registry.
pub const REGISTRY_MIRROR: Setting =
    Setting { option: "--registry-mirror", variable: "PGEDGE_BOOTSTRAP_REGISTRY_MIRROR" };
/// The file of certificate authorities that are trusted besides.
pub const CA_FILE: Setting = Setting { option: "--ca-file", variable: "PGEDGE_BOOTSTRAP_CA_FILE" };

impl Setting {
    /// Whether the variable says this, so that nobody had to type it.
    pub fn is_from_variable(self, value: impl AsRef<OsStr>) -> bool {
        std::env::var_os(self.variable).is_some_and(|given| given == value.as_ref())
    }

    /// The name under which this value was given.
    pub fn name(self, value: impl AsRef<OsStr>) -> &'static str {
        if self.is_from_variable(value) { self.variable } else { self.option }
    }
}

/// No file that is asked for is nearly as large.
const LARGEST: u64 = 16 << 20;

/// Whether the process was asked to end: a read is given up then, for it may keep the thread that would heed the wish.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Gives up every read of a file that a person named, for the process was asked to end.
pub(crate) fn give_up() {
    GIVEN_UP.store(true, Ordering::Relaxed);
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// What is wrong with it, in words.
    Because(String),
    /// The process was asked to end meanwhile.
    Stopped,
}

impl Unread {
    /// The error of it; `failure` makes one of the words.
    pub fn told(self, failure: impl FnOnce(&str) -> Failure) -> anyhow::Error {
        match self {
            Self::Because(why) => failure(&why).into(),
            Self::Stopped => Interrupted.into(),
        }
    }
}

/// The bytes of a file. `/dev/null` is an empty one, since that is how a person says that there is none; other devices, pipes
/// and sockets may never end, and are not there for the next command.
///
/// # Errors
/// The words do not name the file: whoever asks does.
/// [`Unread::Because`] after ten seconds, too, and of a file of more than 16 MiB; [`Unread::Stopped`] if the process was asked to end.
pub fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    let path = path.to_owned();
    within(patience::FILE_IS_READ, move || read_whole(&path))
}

/// As [`read`], of a file that is text.
///
/// # Errors
/// As [`read`].
pub fn read_text(path: &Path) -> Result<String, Unread> {
    String::from_utf8(read(path)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to() + 1;
        Unread::Because(format!("it is not text in UTF-8: byte {place} is invalid"))
    })
}

/// Says what is wrong with a file that another program is going to read, if it is there and that would wait for ever.
///
/// # Errors
/// What is wrong with it, in words that do not name the file.
pub fn refuse_odd(path: &Path) -> Result<(), String> {
    match fs_err::metadata(path) {
        Ok(found) => kind_of(path, found.file_type()).map(drop),
        // That program has its own words for what is not there, or may not be read.
        Err(_) => Ok(()),
    }
}

/// Refuses what could not be replaced by a file, at a path that a person named as the place of one.
///
/// # Errors
/// What is there, in words that do not name the path.
pub fn refuse_as_place(path: &Path) -> Result<(), String> {
    match fs_err::metadata(path) {
        Ok(found) if found.is_dir() => Err("it is a directory".to_owned()),
        Ok(found) if !found.is_file() => Err("it is there, and is not a file".to_owned()),
        _ => Ok(()),
    }
}

/// Does something that may block for ever in a thread that is left alone then.
fn within(
    length: Duration,
    work: impl FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
) -> Result<Vec<u8>, Unread> {
    let (sender, receiver) = channel();
    let reader = std::thread::Builder::new().spawn(move || sender.send(work()));
    // The thread is never joined: if it hangs, it ends with the process.
    reader.map_err(|error| Unread::Because(format!("no thread could be started to read it: {error}")))?;
    let began = Instant::now();
    loop {
        match receiver.recv_timeout(patience::POLL_END_OF_READING) {
            Ok(read) => return read.map_err(Unread::Because),
            Err(RecvTimeoutError::Disconnected) => return Err(Unread::Because("reading it broke off".to_owned())),
            Err(RecvTimeoutError::Timeout) if GIVEN_UP.load(Ordering::Relaxed) => return Err(Unread::Stopped),
            Err(RecvTimeoutError::Timeout) if began.elapsed() >= length => {
                return Err(Unread::Because(format!("it was not read to its end within {} s", length.as_secs_f64())));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn read_whole(path: &Path) -> Result<Vec<u8>, String> {
    let found = fs_err::metadata(path).map_err(|error| in_words(path, &error))?;
    if kind_of(path, found.file_type())? == Kind::Nothing {
        return Ok(Vec::new());
    }
    let too_large = |seen: &str| format!("it has {seen}, and a file of more than {} MiB is not read", LARGEST >> 20);
    if found.len() > LARGEST {
        return Err(too_large(&format!("{} bytes", found.len())));
    }
    let file = fs_err::File::open(path).map_err(|error| in_words(path, &error))?;
    let mut bytes = Vec::new();
    // What the kernel makes up (in /proc) has no length and need not end.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| in_words(path, &error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large("more bytes than that"));
    }
    Ok(bytes)
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    File,
    /// `/dev/null`.
    Nothing,
}

fn kind_of(path: &Path, kind: std::fs::FileType) -> Result<Kind, String> {
    if kind.is_file() {
        return Ok(Kind::File);
    }
    if kind.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if kind.is_fifo() || kind.is_socket() {
        return Err("it is a pipe or a socket, which cannot be read again: write it to a file".to_owned());
    }
    let nothing = fs_err::canonicalize(path).is_ok_and(|path| path == Path::new("/dev/null"));
    if nothing { Ok(Kind::Nothing) } else { Err("it is a device, not a file".to_owned()) }
}

fn in_words(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => match fs_err::read_link(path) {
            Ok(target) => format!("it is a symbolic link to {}, which is not there", target.display()),
            Err(_) => "it is not there".to_owned(),
        },
        ErrorKind::PermissionDenied => "you have no right to read it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn why(path: &Path) -> String {
        match read(path) {
            Err(Unread::Because(why)) => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_a_file_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
        for (name, target) in [("loop", "loop"), ("dangling", "nowhere"), ("link", "socket")] {
            fs_err::os::unix::fs::symlink(target, place(name)).unwrap();
        }
        fs_err::File::create(place("huge")).unwrap().set_len(20 << 30).unwrap();
        fs_err::write(place("empty"), "").unwrap();
        for (name, words) in [
            ("socket", "a pipe or a socket"),
            ("link", "a pipe or a socket"),
            (".", "a directory"),
            ("loop", "symbolic links"),
            ("dangling", "a symbolic link to nowhere, which is not there"),
            ("nowhere", "it is not there"),
            ("empty/below", "Not a directory"),
            ("huge", "21474836480 bytes"),
            ("/dev/zero", "a device"),
        ] {
            assert!(why(&place(name)).contains(words), "{name}: {}", why(&place(name)));
        }
        assert_eq!(read(&place("empty")), Ok(Vec::new()));
        assert_eq!(read(Path::new("/dev/null")), Ok(Vec::new()));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs_err::write(&path, b"ab\xff").unwrap();
        assert!(matches!(read_text(&path), Err(Unread::Because(why)) if why.contains("byte 3 is invalid")));
    }

    #[test]
    fn a_read_that_hangs_ends_at_its_deadline() {
        let (_held, never) = channel::<()>();
        let hung = within(Duration::from_millis(60), move || {
            let _ = never.recv();
            Ok(Vec::new())
        });
        assert!(matches!(&hung, Err(Unread::Because(why)) if why.contains("within 0.06 s")), "{hung:?}");
    }
}
