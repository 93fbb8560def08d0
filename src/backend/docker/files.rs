//! What is kept of an attempt on this host: that its container was started, its log, and how it ended.
//!
//! Whoever attends to an attempt holds the lock of its log. How it ended is written before its container is removed, so
//! that nobody ever takes one that is over for one that never began.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{super::paths, restart::Life};
use crate::run::Report;

/// Bytes of a log that are kept.
pub(super) use super::super::paths::LOG_MAX;
/// How often it is looked whether another process still attends to an attempt.
const POLL: Duration = Duration::from_millis(100);

/// The files of one attempt.
pub(super) struct Files {
    folder: PathBuf,
    stem: String,
}

impl Files {
    pub(super) fn of(folder: &Path, stem: &str) -> Self {
        Self { folder: folder.to_owned(), stem: stem.to_owned() }
    }

    pub(super) fn log(&self) -> PathBuf {
        paths::log(&self.folder, &self.stem)
    }

    /// The log, locked; where another attends to the attempt, when that one is gone.
    pub(super) async fn claim(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let log = OpenOptions::new().append(true).create(true).open(self.log())?;
        loop {
            match log.try_lock() {
                Ok(()) => return Ok(log),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// How the attempt ended, if it has.
    pub(super) fn end(&self) -> io::Result<Option<Report>> {
        match fs::read(self.path("end.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn keep_end(&self, report: &Report) -> io::Result<()> {
        self.keep("end.json", &serde_json::to_vec(report)?)
    }

    /// Whether its container was started once.
    pub(super) fn has_begun(&self) -> bool {
        self.path("begun").exists()
    }

    /// The life of the engine in which its container was started, as far as it could be told.
    pub(super) fn begun_in(&self) -> Option<Life> {
        serde_json::from_slice(&fs::read(self.path("begun")).ok()?).ok()
    }

    pub(super) fn keep_begun(&self, life: Option<&Life>) -> io::Result<()> {
        self.keep("begun", &serde_json::to_vec(&life)?)
    }

    /// Writes a file whole or not at all, also when the machine loses its power.
    fn keep(&self, what: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, new) = (self.path(what), self.path(&format!("{what}.new")));
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(new, path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", self.stem))
    }
}
