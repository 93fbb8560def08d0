//! The files by which an attempt at a local command outlives the engine that started it.
//!
//! All attempts of a run share a folder. An attempt's log is made by whoever starts it, and by nobody else: making it is
//! the claim. It stays locked for as long as the command or its keeper has it open, so that whoever comes later can tell
//! whether it still runs, and wait for it. How it ended stands in the journal of the run, written before the lock goes.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::super::paths::log;

/// What stands in the log of an attempt that was found dead before it had begun, or ended untold.
const LOST: &[u8] = b"god-flow: nobody knows how this ended\n";

pub(super) fn outputs(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.outputs.json"))
}

/// Claims an attempt: its log, locked, or nothing where somebody else has it.
pub(super) fn claim(folder: &Path, stem: &str) -> io::Result<Option<File>> {
    let log = match OpenOptions::new().append(true).create_new(true).open(log(folder, stem)) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    };
    // Between the two somebody may have found it unlocked and given it up for lost.
    match log.try_lock() {
        Ok(()) if log.metadata()?.len() == 0 => Ok(Some(log)),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
}

/// What a journal says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It runs, as the leader of this group of processes.
    Group(i32),
    Ended(Exit),
}

/// The journal of a run, to be added to. Lines are added whole, by one call each.
pub(super) fn journal(folder: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(folder.join("journal"))
}

pub(super) fn note(mut journal: &File, stem: &str, line: Line) -> io::Result<()> {
    let text = match line {
        Line::Group(group) => format!("{stem} group {group}\n"),
        Line::Ended(Exit::Code(code)) => format!("{stem} code {code}\n"),
        Line::Ended(Exit::Signal(signal)) => format!("{stem} signal {signal}\n"),
    };
    journal.write_all(text.as_bytes())
}

/// Notes that an attempt is told to end, before it is.
pub(super) fn note_stop(mut journal: &File, stem: &str) -> io::Result<()> {
    journal.write_all(format!("{stem} stop 0\n").as_bytes())
}

/// Whether an attempt was ever told to end.
pub(super) fn was_stopped(folder: &Path, stem: &str) -> bool {
    let text = std::fs::read_to_string(folder.join("journal")).unwrap_or_default();
    text.lines().any(|line| line.strip_prefix(stem).is_some_and(|rest| rest.starts_with(" stop ")))
}

/// What a run's journal says last of each attempt. A line that was cut off by a crash of the machine says nothing.
pub(super) fn read_journal(folder: &Path) -> io::Result<HashMap<String, Line>> {
    let text = match std::fs::read_to_string(folder.join("journal")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (stem, kind, number) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let line = match kind {
            "group" => Line::Group(number),
            "code" => Line::Ended(Exit::Code(number)),
            "signal" => Line::Ended(Exit::Signal(number)),
            _ => return None,
        };
        Some((stem.to_owned(), line))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// Waits until nobody holds an attempt any more, and says how it ended; nothing where nobody knows. From then on nobody
/// can begin it.
pub(super) fn wait(folder: &Path, stem: &str) -> io::Result<Option<Exit>> {
    let mut log = OpenOptions::new().read(true).append(true).open(log(folder, stem))?;
    log.lock()?;
    match read_journal(folder)?.get(stem) {
        Some(Line::Ended(exit)) => Ok(Some(*exit)),
        Some(Line::Group(_)) | None => {
            log.write_all(LOST)?;
            Ok(None)
        }
    }
}

/// Whether somebody has an attempt under way.
pub(super) fn is_held(folder: &Path, stem: &str) -> bool {
    File::open(log(folder, stem)).is_ok_and(|log| matches!(log.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::{super::super::paths::tail, *};

    #[test]
    fn an_attempt_is_claimed_once() {
        let folder = tempfile::tempdir().unwrap();
        let claimed = claim(folder.path(), "a").unwrap();
        assert!(claimed.is_some());
        assert!(claim(folder.path(), "a").unwrap().is_none());
        drop(claimed);
        assert!(claim(folder.path(), "a").unwrap().is_none(), "a claim is for ever");
    }

    #[test]
    fn what_ended_untold_is_lost_and_never_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path()).unwrap();
        for (stem, lines, expected) in [
            ("lost", vec![], None),
            ("dead", vec![Line::Group(7)], None),
            ("done", vec![Line::Group(8), Line::Ended(Exit::Code(3))], Some(Exit::Code(3))),
            ("shot", vec![Line::Ended(Exit::Signal(9))], Some(Exit::Signal(9))),
        ] {
            drop(claim(folder.path(), stem).unwrap());
            lines.into_iter().for_each(|line| note(&journal, stem, line).unwrap());
            assert_eq!(wait(folder.path(), stem).unwrap(), expected, "{stem}");
            assert_eq!(wait(folder.path(), stem).unwrap(), expected, "{stem}, again");
        }
        assert!(tail(&log(folder.path(), "lost")).contains("nobody knows"));
    }

    #[test]
    fn that_an_attempt_was_told_to_end_is_no_news_of_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path()).unwrap();
        note(&journal, "a", Line::Group(7)).unwrap();
        note_stop(&journal, "a").unwrap();
        note(&journal, "ab", Line::Group(8)).unwrap();
        assert_eq!(read_journal(folder.path()).unwrap().get("a"), Some(&Line::Group(7)));
        assert!(
            was_stopped(folder.path(), "a") && !was_stopped(folder.path(), "ab") && !was_stopped(folder.path(), "b")
        );
    }
}
