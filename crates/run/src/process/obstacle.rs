//! Why a program cannot be started: what stands in its place. The kernel has one word for many things: a script whose
//! interpreter is not there is "No such file or directory", too.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// More things of one name on a PATH are not told.
const MOST: usize = 4;

/// As much as a first line, or the head of a program, takes.
const HEAD: u64 = 256;

/// What stands in the places where this program was looked for, a line each; none if nothing is there.
pub(super) fn in_the_way(program: &OsStr, path: Option<&OsStr>, error: &std::io::Error) -> Vec<String> {
    places(program, path).filter_map(|place| describe(&place, error)).take(MOST).collect()
}

/// The file that is started for this name, if one can be.
pub(super) fn runs(program: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    places(program, path).find(|place| place.is_file() && may_be_executed(place))
}

/// Where the kernel is asked to find a program: on the PATH, unless its name is a path already.
fn places(program: &OsStr, path: Option<&OsStr>) -> impl Iterator<Item = PathBuf> {
    let is_path = Path::new(program).components().count() > 1 || Path::new(program).is_absolute();
    let folders = match path {
        Some(path) if !is_path => std::env::split_paths(path).collect(),
        _ => vec![PathBuf::new()],
    };
    let program = program.to_owned();
    folders.into_iter().map(move |folder| folder.join(&program))
}

fn describe(place: &Path, error: &std::io::Error) -> Option<String> {
    let link = fs_err::symlink_metadata(place).ok()?;
    Some(format!("{} {}", place.display(), what_is_wrong(place, link.is_symlink(), error)))
}

fn what_is_wrong(place: &Path, is_link: bool, error: &std::io::Error) -> String {
    let found = match fs_err::metadata(place) {
        Ok(found) => found,
        Err(why) if is_link => {
            let to = fs_err::read_link(place).unwrap_or_default();
            let why = match why.kind() {
                std::io::ErrorKind::NotFound => ", which is not there".to_owned(),
                kind => format!(": {kind}"),
            };
            return format!("is a symbolic link to {}{why}", to.display());
        }
        Err(why) => return format!("cannot be looked at: {}", why.kind()),
    };
    if found.is_dir() {
        return "is a directory".to_owned();
    }
    if !found.is_file() {
        return "is not a regular file".to_owned();
    }
    if found.permissions().mode() & 0o111 == 0 {
        return "is not executable".to_owned();
    }
    if !may_be_executed(place) {
        return "may not be executed: you have no right to, or its file system is mounted noexec".to_owned();
    }
    let mut head = Vec::new();
    let read = fs_err::File::open(place).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    match read {
        Ok(_) => what_it_is(&head, error),
        // A program need not be readable to be run.
        Err(_) => format!("cannot be run: {error}"),
    }
}

fn what_it_is(head: &[u8], error: &std::io::Error) -> String {
    if head.is_empty() {
        return "is an empty file".to_owned();
    }
    if let Some(rest) = head.strip_prefix(b"#!") {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        // A carriage return belongs to the name: that of an editor on Windows.
        let interpreter = line.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default();
        let file = Path::new(interpreter);
        return match (file.exists(), file.is_file() && may_be_executed(file)) {
            (false, _) => format!("is a script whose interpreter {interpreter:?} is not there"),
            (true, false) => format!("is a script whose interpreter {interpreter:?} cannot be executed"),
            (true, true) => format!("is a script for {interpreter:?} that cannot be run: {error}"),
        };
    }
    if head.starts_with(b"\x7fELF") {
        return match head.get(18..20).map(|machine| u16::from_le_bytes([machine[0], machine[1]])) {
            Some(machine) if cfg!(target_os = "linux") && machine == own_machine() => match error.kind() {
                std::io::ErrorKind::NotFound => "is a program whose dynamic loader is not there".to_owned(),
                _ => format!("is a program that cannot be run: {error}"),
            },
            Some(machine) => format!("is a program for another machine ({})", machine_in_words(machine)),
            None => "is a program that was cut short".to_owned(),
        };
    }
    let others: [(&[u8], &str); 4] = [
        (b"MZ", "Windows"),
        (b"\xcf\xfa\xed\xfe", "macOS"),
        (b"\xca\xfe\xba\xbe", "macOS"),
        (b"\xce\xfa\xed\xfe", "macOS"),
    ];
    if let Some((_, system)) = others.iter().find(|(magic, _)| head.starts_with(magic)) {
        return format!("is a program for {system} that cannot be run here: {error}");
    }
    "is neither a program nor a script with an interpreter in its first line".to_owned()
}

/// ELF's number of the processor that this program was built for.
fn own_machine() -> u16 {
    if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 }
}

const X86_64: u16 = 62;
const AARCH64: u16 = 183;

fn machine_in_words(machine: u16) -> String {
    match machine {
        X86_64 => "Linux on amd64".to_owned(),
        AARCH64 => "Linux on arm64".to_owned(),
        3 => "Linux on 32-bit x86".to_owned(),
        40 => "Linux on 32-bit ARM".to_owned(),
        other => format!("ELF machine {other}"),
    }
}

fn may_be_executed(place: &Path) -> bool {
    rustix::fs::access(place, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// What is told of a file with these bytes and rights.
    fn told(bytes: &[u8], mode: u32) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("docker");
        fs_err::write(&file, bytes).unwrap();
        let mut rights = fs_err::metadata(&file).unwrap().permissions();
        rights.set_mode(mode);
        fs_err::set_permissions(&file, rights).unwrap();
        told_in(folder.path())
    }

    fn told_in(folder: &Path) -> Vec<String> {
        let error = std::io::Error::from_raw_os_error(2);
        in_the_way(OsStr::new("docker"), Some(folder.as_os_str()), &error)
    }

    #[test]
    fn what_stands_in_the_place_of_a_program_is_told_as_what_it_is() {
        let other = if cfg!(target_arch = "aarch64") { X86_64 } else { AARCH64 };
        let elf = |machine: u16| {
            let mut head = b"\x7fELF\x02\x01\x01".to_vec();
            head.resize(18, 0);
            head.extend(machine.to_le_bytes());
            head
        };
        for (bytes, mode, words) in [
            (&b"#!/nonexistent/sh\n"[..], 0o755, "is a script whose interpreter \"/nonexistent/sh\" is not there"),
            (b"#! /bin/sh\r\necho\r\n", 0o755, "is a script whose interpreter \"/bin/sh\\r\" is not there"),
            (b"#!/etc/passwd -x\n", 0o755, "interpreter \"/etc/passwd\" cannot be executed"),
            (b"#!", 0o755, "is a script whose interpreter \"\" is not there"),
            (b"#!/bin/sh\n", 0o644, "is not executable"),
            (b"hello", 0o755, "is neither a program nor a script"),
            (b"", 0o755, "is an empty file"),
            (&elf(other), 0o755, "is a program for another machine (Linux on "),
            (b"\x7fELF", 0o755, "is a program that was cut short"),
            (b"MZ\x90", 0o755, "is a program for Windows"),
        ] {
            let told = told(bytes, mode);
            assert!(told.len() == 1 && told[0].contains(words) && told[0].contains("/docker is "), "{words}: {told:?}");
        }
    }

    #[test]
    fn a_directory_and_links_that_lead_nowhere_are_told_and_nothing_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("docker");
        assert_eq!(told_in(folder.path()), Vec::<String>::new());
        fs_err::create_dir(&place).unwrap();
        assert!(told_in(folder.path())[0].ends_with("docker is a directory"));
        fs_err::remove_dir(&place).unwrap();
        fs_err::os::unix::fs::symlink("/nonexistent/docker", &place).unwrap();
        let words = "docker is a symbolic link to /nonexistent/docker, which is not there";
        assert!(told_in(folder.path())[0].ends_with(words), "{:?}", told_in(folder.path()));
        fs_err::remove_file(&place).unwrap();
        fs_err::os::unix::fs::symlink("docker", &place).unwrap();
        assert!(told_in(folder.path())[0].contains("docker is a symbolic link to docker: "));
        assert_eq!(runs(OsStr::new("docker"), Some(folder.path().as_os_str())), None);
        assert!(runs(OsStr::new("sh"), Some(OsStr::new("/nonexistent:/usr/bin:/bin"))).is_some());
    }
}
