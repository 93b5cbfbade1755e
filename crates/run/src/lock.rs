//! One run at a time for each cluster.
//!
//! - The lock is the kernel's: it is released when the processes that hold it end, however they end. Its record is for
//!   people: `down` and `prove` continue where the record cannot be written, as on a full disk. They then do not pass the
//!   lock to their programs, because an outdated record would let the next run mistake those for the leftovers of a dead
//!   run.
//! - The programs that a run starts hold its lock too, so that nothing is changed beside a helm or a kind whose run was
//!   killed. The next run recognises by the record (pid, host and start time of the process) that the holder is dead, finds
//!   the processes that still have the lock file open, and ends them.

mod orphans;

use std::io::ErrorKind;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::duration::in_words;
use crate::failure::{self, Failure, FailureId};
use crate::file;
use crate::identity::Holder;
use crate::patience;
use crate::wait::{Patience, Polling};

/// Held while a run changes a cluster.
#[derive(Debug)]
pub struct RunLock {
    _file: fs_err::File,
    /// The command lines of the orphans of an earlier run that had to be ended for it.
    pub ended: Vec<String>,
    /// Why it could not be written down who holds the lock, as on a full disk. It holds all the same.
    pub unwritten: Option<anyhow::Error>,
}

/// What came of trying to take the lock.
#[derive(Debug)]
pub enum Taken {
    /// It is held from now on, until the value is dropped and the programs have ended that were started meanwhile.
    Ours(RunLock),
    /// Another run has it.
    Busy(Holder),
}

impl RunLock {
    /// Takes the lock `<state>.lock`, beside the state directory so that `down` can remove that. `say`: for people, once, what is
    /// waited for and for how long at most, if nothing tells who holds the lock.
    ///
    /// # Errors
    /// [`FailureId::RunInProgress`] with the process that holds it.
    /// [`FailureId::LockUnsupported`], and those of the disk.
    pub async fn take(state: &Path, command: &str, say: impl FnMut(&str)) -> Result<Self> {
        match Self::try_take(state, command, say).await? {
            Taken::Ours(lock) => Ok(lock),
            Taken::Busy(holder) => Err(in_progress(holder.to_string())),
        }
    }

    /// As [`Self::take`], for callers who know what to do about another run.
    ///
    /// # Errors
    /// [`FailureId::RunInProgress`] if the lock is held by something that cannot be ended from here.
    /// [`FailureId::LockUnsupported`], and those of the disk.
    pub async fn try_take(state: &Path, command: &str, mut say: impl FnMut(&str)) -> Result<Taken> {
        let Opened { mut file, path, unwritable } = open(&state.with_extension("lock"))?;
        let patience = Patience::begin(patience::ORPHANS_END);
        let mut polling = Polling::every(patience::POLL_LOCK);
        let mut untold = Some(Patience::begin(patience::UNTOLD_LOCK));
        let mut ended = Vec::new();
        loop {
            polling.turn().await;
            if locked(&file, &path)? {
                break;
            }
            match read(&mut file)? {
                // One on another machine may live as well.
                Some(holder) if holder.process.is_there() != Some(false) => return Ok(Taken::Busy(holder)),
                record => {
                    let orphans = orphans::of(&path).await?;
                    if patience.is_over() {
                        let seen = orphans.iter().map(ToString::to_string).chain([unnamed(record.as_ref(), &path)]);
                        return Err(in_progress(seen.collect::<Vec<_>>().join("\n")));
                    }
                    if untold.is_some_and(|untold| untold.is_over()) {
                        untold = None;
                        let seen = unnamed(record.as_ref(), &path);
                        say(&format!(
                            "waiting for the lock of this cluster, at most {}: {seen}",
                            in_words(patience::ORPHANS_END)
                        ));
                    }
                    // Whoever has just taken the lock has written its record before its programs could get the file:
                    // with the old record still there, all that have it are of the old run. No record at all says
                    // nothing.
                    if record.is_some() && read(&mut file)? == record {
                        ended.extend(orphans::end(orphans));
                    }
                }
            }
        }
        let unwritten = unwritable.or_else(|| write(&mut file, &Holder::now(command)).err()).map(failure::from_io);
        // A record that an earlier run has left would let the next one take our programs for orphans of that run.
        if unwritten.is_none() {
            let shared = rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty());
            shared.context("cannot share the lock with programs")?;
        }
        Ok(Taken::Ours(Self { _file: file, ended, unwritten }))
    }
}

/// What is locked.
struct Opened {
    file: fs_err::File,
    path: PathBuf,
    /// Why nothing can be written into it.
    unwritable: Option<std::io::Error>,
}

/// Opens the file of a lock. The kernel locks what can only be read as well, and so one that cannot be written does for a command that
/// makes room. Where there is no such file and none can be made, that is its directory: nobody else can make one there either.
fn open(path: &Path) -> Result<Opened> {
    let parent = path.parent().context("the state directory has no parent")?;
    let made = fs_err::create_dir_all(parent)
        .and_then(|()| fs_err::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path));
    let why = match made {
        Ok(file) => return Ok(Opened { file, path: path.to_owned(), unwritable: None }),
        Err(why) => why,
    };
    if !matches!(
        why.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
    ) {
        return Err(failure::from_io(why));
    }
    for place in path.ancestors() {
        match fs_err::File::open(place) {
            Ok(file) => return Ok(Opened { file, path: place.to_owned(), unwritable: Some(why) }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // It is there, and somebody may hold it.
            Err(_) => break,
        }
    }
    Err(failure::from_io(why))
}

/// Who is at work on the cluster now, if anybody is: asked without waiting, and without taking the lock.
pub fn holder(state: &Path) -> Option<Holder> {
    let path = state.with_extension("lock");
    // Where there is no such file, or none that may be read, nobody tells.
    let mut file = file::open(&path).ok()?;
    if locked(&file, &path).ok()? { None } else { read(&mut file).ok()? }
}

/// The runs of other clusters of this person that go on now, each in words.
///
/// # Errors
/// [`FailureId::LockUnsupported`], and those of the disk.
pub fn other_runs(state: &Path) -> Result<Vec<String>> {
    let own = state.with_extension("lock");
    let folder = own.parent().context("the state directory has no parent")?;
    let mut runs = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(failure::from_io)? {
        let path = entry.map_err(failure::from_io)?.path();
        if path == own || path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let Opened { mut file, .. } = open(&path)?;
        if !locked(&file, &path)? {
            let cluster = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let who = read(&mut file)?.map_or_else(|| "somebody".to_owned(), |holder| holder.to_string());
            runs.push(format!("cluster {cluster:?}: {who}"));
        }
    }
    Ok(runs)
}

/// What is known of a lock that is held, and not by the one whose record is in it.
fn unnamed(record: Option<&Holder>, path: &Path) -> String {
    let lock = path.display();
    match record {
        Some(holder) => format!("{lock} is held by what {holder}, which is gone, has left"),
        None => format!("{lock} is held, and nothing in it tells by whom"),
    }
}

fn in_progress(evidence: String) -> anyhow::Error {
    let what = "another run, or a program that it started, is changing this cluster";
    Failure::new(FailureId::RunInProgress, what).evidence(evidence).into()
}

fn locked(file: &fs_err::File, path: &Path) -> Result<bool> {
    answer(file.try_lock(), path)
}

/// What the kernel says to the wish for a lock: it is ours, another process has it, or the file system has none to give.
fn answer(tried: Result<(), std::fs::TryLockError>, path: &Path) -> Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(failure::no_lock(path, &error)),
    }
}

/// Who wrote the record; `None` if it is not there or only half written.
fn read(file: &mut fs_err::File) -> Result<Option<Holder>> {
    let mut record = String::new();
    match file.rewind().and_then(|()| file.read_to_string(&mut record)) {
        Ok(_) => Ok(serde_json::from_str(&record).ok()),
        // In the place of the file, which could not be made.
        Err(error) if error.kind() == ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(failure::from_io(error)),
    }
}

fn write(file: &mut fs_err::File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    let written = writeln!(file, "{}", serde_json::to_string(holder)?);
    if written.is_err() {
        file.set_len(0)?;
    }
    written
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::identity::Identity;
    use crate::process::Command;

    async fn eventually_ours(state: &Path) -> Vec<String> {
        // A program that another test is starting at this moment holds a copy of the file until its exec.
        let end = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            match RunLock::try_take(state, "down", |_| {}).await {
                Ok(Taken::Ours(lock)) => return lock.ended,
                other => assert!(std::time::Instant::now() < end, "{other:?}"),
            }
        }
    }

    #[test]
    fn a_file_system_without_locks_is_told_with_an_id() {
        use rustix::io::Errno;
        let path = Path::new("/nfs/pgedge.lock");
        // What Linux and macOS answer for file systems over a network, in user space, and without support for it.
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::IO, Errno::STALE] {
            let error = answer(Err(std::fs::TryLockError::Error(errno.into())), path).unwrap_err();
            assert_eq!(failure::of(&error).map(Failure::id), Some(FailureId::LockUnsupported), "{errno:?}");
        }
        assert!(!answer(Err(std::fs::TryLockError::WouldBlock), path).unwrap());
    }

    #[tokio::test]
    async fn a_second_run_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("pgedge");
        let held = RunLock::take(&state, "up", |_| {}).await.unwrap();
        let error = RunLock::take(&state, "down", |_| {}).await.unwrap_err();
        let failure = failure::of(&error).unwrap();
        assert_eq!(failure.id(), FailureId::RunInProgress);
        assert!(failure.seen()[0].starts_with(&format!("process {} on ", std::process::id())), "{:?}", failure.seen());
        drop(held);
        eventually_ours(&state).await;
    }

    /// As `down` has it on a full disk, which goes on without a record.
    #[tokio::test(start_paused = true)]
    async fn a_lock_whose_holder_has_written_no_record_is_waited_for_with_words_and_within_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("pgedge");
        let held = fs_err::File::create(state.with_extension("lock")).unwrap();
        held.try_lock().unwrap();
        let (began, mut said) = (tokio::time::Instant::now(), Vec::new());
        let error = RunLock::take(&state, "up", |words| said.push(words.to_owned())).await.unwrap_err();
        assert!((patience::ORPHANS_END..patience::ORPHANS_END * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        let seen = format!("{} is held, and nothing in it tells by whom", state.with_extension("lock").display());
        assert_eq!(said, [format!("waiting for the lock of this cluster, at most 10 s: {seen}")]);
        let failure = failure::of(&error).unwrap();
        assert_eq!((failure.id(), failure.seen()), (FailureId::RunInProgress, &[seen][..]));
    }

    #[tokio::test]
    async fn the_runs_of_other_clusters_are_told_and_not_disturbed() {
        let folder = tempfile::tempdir().unwrap();
        let [own, other, idle] = ["pgedge", "other", "idle"].map(|name| folder.path().join(name));
        eventually_ours(&idle).await;
        let _held =
            [RunLock::take(&own, "down", |_| {}).await.unwrap(), RunLock::take(&other, "up", |_| {}).await.unwrap()];
        let runs = other_runs(&own).unwrap();
        let wanted = format!("cluster \"other\": process {} on ", std::process::id());
        assert!(runs.iter().any(|run| run.starts_with(&wanted) && run.contains("(up)")), "{runs:?}");
        assert!(!runs.iter().any(|run| run.contains("pgedge")), "{runs:?}");
        eventually_ours(&idle).await;
    }

    #[tokio::test]
    async fn a_program_whose_run_is_gone_is_ended_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("pgedge");
        let RunLock { _file: mut file, .. } = RunLock::take(&state, "up", |_| {}).await.unwrap();
        // It gets a copy of the lock, as every program of a run does, and would run for a minute.
        let program = tokio::spawn(Command::new("sleep", Duration::from_secs(90)).args(["60"]).finish());
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while !orphans::of(&state.with_extension("lock"))
            .await
            .unwrap()
            .iter()
            .any(|it| it.to_string().contains("sleep 60"))
        {
            assert!(std::time::Instant::now() < deadline, "the program did not start");
        }
        // A holder that has ended: the kernel gives no process this number.
        let gone = Identity { pid: i32::MAX.unsigned_abs(), process_start: None, ..Identity::this_process() };
        write(&mut file, &Holder { process: gone, command: "up".to_owned(), since: Timestamp::now() }).unwrap();
        drop(file);
        // Another run that is waiting for the lock has its file open, too: this very process.
        let _waiting = fs_err::File::open(state.with_extension("lock")).unwrap();
        let ended = eventually_ours(&state).await;
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert!(ended.iter().any(|line| line.contains("sleep 60")), "{ended:?}");
        let Ok(Ok(finished)) = program.await else { panic!("the program could not be run") };
        assert!(!finished.status.success());
    }
}
