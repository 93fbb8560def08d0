//! Where the files of attempts lie, so that they outlive the engine that made them: one folder for each run.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{AttemptId, LogPart};
use crate::run::{Digest, RunId};

/// Bytes of a log that are read at once.
const PART_MAX: u64 = 1 << 20;
/// Bytes of a log that are kept when its attempt is over.
pub(super) const LOG_MAX: u64 = 32 << 20;
/// Bytes of a log's end that are read for the message of a failure.
pub(super) const TAIL_MAX: u64 = 4_096;
/// How many of the last lines of a log are told.
pub(super) const TAIL_LINES: usize = 3;

/// What only the place knows that has this folder, made when it is asked for first.
pub(super) fn secret(folder: &Path) -> io::Result<String> {
    let path = folder.join("secret");
    if !path.exists() {
        fs::create_dir_all(folder)?;
        let mut random = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(digits.as_bytes())?;
        new.as_file().sync_all()?;
        match new.persist_noclobber(&path) {
            // Another process was first, and its secret is this place's.
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
            _ => {}
        }
    }
    fs::read_to_string(path)
}

/// What tells this place from others: attempts that were begun where nobody sees their files from here cannot be taken up.
pub(super) fn place(host: &Path) -> io::Result<Arc<str>> {
    let digest = Digest::of(&format!("place {}", secret(host)?)).to_string();
    Ok(digest[..16].into())
}

/// The folder of a run's attempts.
pub(super) fn folder(state: &Path, run: RunId) -> PathBuf {
    state.join("attempts").join(run.to_string())
}

/// The name of an attempt's files: readable at its end, and never the same for two attempts.
pub(super) fn stem(id: &AttemptId) -> String {
    const READABLE: usize = 60;
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '.' };
    let readable: Vec<char> = id.node.chars().map(safe).collect();
    let readable: String = readable[readable.len().saturating_sub(READABLE)..].iter().collect();
    // A file whose name begins with a dot is hidden.
    let readable = Some(readable.trim_start_matches('.')).filter(|rest| !rest.is_empty()).unwrap_or("_");
    let digest = Digest::of(&id.node).to_string();
    format!("{readable}.{}-{}", &digest[..16], id.number)
}

pub(super) fn log(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.log"))
}

/// Where the log of an attempt lies below the folder for the files of all runs.
pub fn log_path(state: &Path, id: &AttemptId) -> PathBuf {
    log(&folder(state, id.run), &stem(id))
}

/// A part of a log from a byte on, of an attempt that may be over.
pub(super) fn part(log: &Path, from: u64, over: bool) -> io::Result<LogPart> {
    let mut log = match File::open(log) {
        Ok(log) => log,
        // It has not begun.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(LogPart { bytes: Vec::new(), next: from, over });
        }
        Err(error) => return Err(error),
    };
    log.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    let count = log.take(PART_MAX).read_to_end(&mut bytes)? as u64;
    Ok(LogPart { bytes, next: from + count, over: over && count < PART_MAX })
}

/// The last words of a log.
pub(super) fn tail(log: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut log = File::open(log)?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL_MAX)))?;
        let mut bytes = Vec::new();
        log.take(TAIL_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    last_lines(&read().unwrap_or_default())
}

/// The last lines of a text, as one.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join(" | ")
}

/// Bytes of a file, or of all files in a folder.
pub(super) fn size(path: &Path) -> u64 {
    // Files of a fetch come and go while they are counted.
    let Ok(about) = fs::symlink_metadata(path) else { return 0 };
    if !about.is_dir() {
        return about.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}

/// Bytes of a disk that a folder takes, whatever its files say of their lengths.
pub(super) fn used(path: &Path) -> u64 {
    let Ok(about) = fs::symlink_metadata(path) else { return 0 };
    let below = if about.is_dir() { fs::read_dir(path).ok() } else { None };
    about.blocks().saturating_mul(512) + below.into_iter().flatten().flatten().map(|it| used(&it.path())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(node: &str, number: u32) -> AttemptId {
        AttemptId { run: RunId::from_bytes([0; 16]), node: node.into(), number }
    }

    #[test]
    fn names_of_files_are_safe_and_apart() {
        let long = format!("rounds#2/{}", "x".repeat(500));
        let nodes = ["a/b", "a.b", "a[b]", "../../etc/passwd", "é", &long, &format!("{long}x")];
        let mut stems: Vec<String> = nodes.iter().map(|node| stem(&id(node, 1))).collect();
        stems.push(stem(&id("a/b", 2)));
        for stem in &stems {
            assert!(stem.len() < 120 && !stem.contains('/') && !stem.starts_with('.'), "{stem}");
        }
        let all = stems.len();
        stems.sort();
        stems.dedup();
        assert_eq!(stems.len(), all);
    }
}
