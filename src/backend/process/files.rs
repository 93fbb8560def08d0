//! The files by which an attempt at a local command outlives the engine that started it.
//!
//! All attempts of a run share a folder. An attempt's log is made by whoever starts it, and by nobody else: making it is
//! the claim, and where it went well without a word the journal is. It stays locked for as long as the command or its keeper has it open, so that whoever comes later can tell
//! whether it still runs, and wait for it. How it ended stands in the journal of the run, written before the lock goes.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::super::paths::{LOG_MAX, log};

/// What stands in the log of an attempt that was found dead before it had begun, or ended untold.
const LOST: &[u8] = b"god-flow: nobody knows how this ended\n";

pub(super) fn outputs(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.outputs.json"))
}

/// Makes the log of an attempt, locked; nothing where there is one.
fn make(folder: &Path, stem: &str) -> io::Result<Option<File>> {
    let log = match OpenOptions::new().append(true).create_new(true).open(log(folder, stem)) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    };
    // Between the two somebody may have found it unlocked and given it up for lost.
    Ok(is_fresh(&log)?.then_some(log))
}

/// Locks an empty log that nobody has open for an attempt; not if there is more to it.
fn is_fresh(log: &File) -> io::Result<bool> {
    match log.try_lock() {
        Ok(()) => Ok(log.metadata()?.len() == 0),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The claims of a keeper. To make a file costs a good part of what it costs to run a short command, so the empty log of
/// one that went well without a word becomes the log of the next.
pub(super) struct Claims {
    folder: PathBuf,
    journal: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How long the journal is by what was read of it and written here: if it is longer, somebody else has written.
    known: u64,
    /// What had ended when the journal was read, and what has left its log since.
    ended: HashSet<String>,
    /// Attempts whose logs were empty when they ended.
    empty: Vec<String>,
}

impl Claims {
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: folder.to_owned(), journal: journal(folder)?, state: Mutex::default() })
    }

    /// Claims an attempt: its log, locked, or nothing where somebody else has it or had it.
    pub(super) fn claim(&self, stem: &str) -> io::Result<Option<File>> {
        let empty = self.state().empty.pop();
        let renamed = empty.map(|empty| self.rename(&empty, stem)).transpose()?.flatten();
        let log = match renamed {
            Some(log) => Some(log),
            None => make(&self.folder, stem)?,
        };
        let Some(log) = log else { return Ok(None) };
        // It may have left its log to another. That it ended was noted before.
        Ok((!self.is_over(stem)?).then_some(log))
    }

    /// An empty log for another attempt; nothing where it is still in use, or the other has one.
    fn rename(&self, empty: &str, stem: &str) -> io::Result<Option<File>> {
        let path = log(&self.folder, empty);
        let Ok(file) = OpenOptions::new().append(true).open(&path) else { return Ok(None) };
        if !is_fresh(&file)? {
            return Ok(None);
        }
        // Some file systems cannot do it.
        let linked = std::fs::hard_link(&path, log(&self.folder, stem)).is_ok();
        if linked {
            std::fs::remove_file(&path)?;
        }
        Ok(linked.then_some(file))
    }

    /// Whether the journal says that an attempt has ended.
    fn is_over(&self, stem: &str) -> io::Result<bool> {
        let mut state = self.state();
        let length = self.journal.metadata()?.len();
        if length != state.known {
            let lines = read_journal(&self.folder)?.into_iter();
            state.ended = lines.filter(|(_, line)| matches!(line, Line::Ended(_))).map(|(stem, _)| stem).collect();
            state.known = length;
        }
        Ok(state.ended.contains(stem))
    }

    pub(super) fn note(&self, stem: &str, line: Line) -> io::Result<()> {
        // Under the lock, so that nobody sees the one without the other.
        let mut state = self.state();
        state.known += note(&self.journal, stem, line)?;
        Ok(())
    }

    /// Notes that an attempt is told to end, before it is.
    pub(super) fn note_stop(&self, stem: &str) -> io::Result<()> {
        let mut state = self.state();
        state.known += note_stop(&self.journal, stem)?;
        Ok(())
    }

    /// The log of an attempt that went well, as it is noted in the journal, is needed no longer if it is empty.
    pub(super) fn let_go(&self, stem: &str, log: File) {
        let is_empty = log.metadata().is_ok_and(|log| log.len() == 0);
        drop(log);
        if is_empty {
            let mut state = self.state();
            state.empty.push(stem.to_owned());
            state.ended.insert(stem.to_owned());
        }
    }

    /// Makes sure that an attempt never begins; not if it has begun, or may have.
    pub(super) fn withdraw(&self, stem: &str) -> io::Result<bool> {
        let Some(_log) = self.claim(stem)? else { return Ok(false) };
        // While the log is still locked: whoever finds it unlocked finds this.
        self.note(stem, Line::Ended(Exit::Withdrawn))?;
        Ok(true)
    }

    /// Nothing is left half done under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
    /// It was taken back before it began.
    Withdrawn,
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

/// Adds a line to the journal, and says how long it is.
fn note(mut journal: &File, stem: &str, line: Line) -> io::Result<u64> {
    let text = match line {
        Line::Group(group) => format!("{stem} group {group}\n"),
        Line::Ended(Exit::Code(code)) => format!("{stem} code {code}\n"),
        Line::Ended(Exit::Signal(signal)) => format!("{stem} signal {signal}\n"),
        Line::Ended(Exit::Withdrawn) => format!("{stem} withdrawn 0\n"),
    };
    journal.write_all(text.as_bytes())?;
    Ok(text.len() as u64)
}

/// Notes that an attempt is told to end, before it is.
pub(super) fn note_stop(mut journal: &File, stem: &str) -> io::Result<u64> {
    let text = format!("{stem} stop 0\n");
    journal.write_all(text.as_bytes())?;
    Ok(text.len() as u64)
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
            "withdrawn" => Line::Ended(Exit::Withdrawn),
            _ => return None,
        };
        Some((stem.to_owned(), line))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// Waits until nobody holds an attempt any more, and says how it ended; nothing where nobody knows. From then on nobody
/// can begin it: one that nobody had begun is taken back.
pub(super) fn wait(folder: &Path, stem: &str) -> io::Result<Option<Exit>> {
    match read_journal(folder)?.get(stem) {
        // Its log may have become another's.
        Some(Line::Ended(exit)) => return Ok(Some(*exit)),
        None if !has_log(folder, stem) => {
            return if Claims::of(folder)?.withdraw(stem)? { Ok(Some(Exit::Withdrawn)) } else { wait(folder, stem) };
        }
        Some(Line::Group(_)) | None => {}
    }
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

/// Keeps the first and the last of a log that is longer than logs may be.
pub(super) fn shorten(folder: &Path, stem: &str, open: &File) -> io::Result<()> {
    const HALF: u64 = LOG_MAX / 2;
    let length = open.metadata()?.len();
    if length <= LOG_MAX {
        return Ok(());
    }
    let log = OpenOptions::new().read(true).write(true).open(log(folder, stem))?;
    let mut last = vec![0; HALF as usize];
    log.read_exact_at(&mut last, length - HALF)?;
    let between = format!("\ngod-flow: {} bytes of this log are left out here\n", length - 2 * HALF);
    log.set_len(HALF)?;
    log.write_all_at(between.as_bytes(), HALF)?;
    log.write_all_at(&last, HALF + between.len() as u64)
}

/// Whether there is a log of an attempt: somebody has claimed it.
pub(super) fn has_log(folder: &Path, stem: &str) -> bool {
    log(folder, stem).exists()
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
        let claims = Claims::of(folder.path()).unwrap();
        let claimed = claims.claim("a").unwrap();
        assert!(claimed.is_some());
        assert!(claims.claim("a").unwrap().is_none());
        drop(claimed);
        assert!(claims.claim("a").unwrap().is_none(), "a claim is for ever");
    }

    #[test]
    fn what_said_nothing_leaves_its_log_to_the_next_and_is_not_claimed_again() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::of(folder.path()).unwrap();
        let path = |stem| log(folder.path(), stem);
        let ends = |stem, says: &str| {
            let mut log = claims.claim(stem).unwrap().unwrap();
            log.write_all(says.as_bytes()).unwrap();
            claims.note(stem, Line::Ended(Exit::Code(0))).unwrap();
            let still_open = log.try_clone().unwrap();
            claims.let_go(stem, log);
            still_open
        };
        drop(ends("a", ""));
        drop(ends("b", "word"));
        assert!(!path("a").exists() && path("b").exists());
        let still_open = ends("c", "");
        drop(ends("d", ""));
        assert!(path("c").exists() && path("d").exists(), "whoever has it open may write into it yet");
        drop(still_open);
        drop(ends("e", ""));
        assert!(!path("d").exists());
        let others = Claims::of(folder.path()).unwrap();
        for stem in ["a", "b", "c", "d", "e"] {
            assert!(claims.claim(stem).unwrap().is_none(), "{stem}");
            assert!(others.claim(stem).unwrap().is_none(), "{stem}, by another keeper");
            assert_eq!(wait(folder.path(), stem).unwrap(), Some(Exit::Code(0)), "{stem}");
        }
        assert!(claims.withdraw("f").unwrap() && !others.withdraw("f").unwrap());
        assert_eq!(wait(folder.path(), "f").unwrap(), Some(Exit::Withdrawn));
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
            drop(Claims::of(folder.path()).unwrap().claim(stem).unwrap());
            for line in lines {
                note(&journal, stem, line).unwrap();
            }
            assert_eq!(wait(folder.path(), stem).unwrap(), expected, "{stem}");
            assert_eq!(wait(folder.path(), stem).unwrap(), expected, "{stem}, again");
        }
        assert!(tail(&log(folder.path(), "lost")).contains("nobody knows"));
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::of(folder.path()).unwrap();
        for (stem, bytes) in [("short", LOG_MAX), ("long", 2 * LOG_MAX)] {
            let mut log = claims.claim(stem).unwrap().unwrap();
            log.write_all(b"first").unwrap();
            log.write_all(&vec![b'.'; bytes as usize - 9]).unwrap();
            log.write_all(b"last").unwrap();
            shorten(folder.path(), stem, &log).unwrap();
            log.write_all(b" words").unwrap();
            let text = std::fs::read_to_string(super::log(folder.path(), stem)).unwrap();
            assert!(text.starts_with("first") && text.ends_with("last words"), "{stem}");
            let told = text.contains("god-flow: 33554432 bytes of this log are left out here");
            assert!(told == (stem == "long") && text.len() as u64 <= LOG_MAX + 100, "{stem}: {}", text.len());
        }
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
