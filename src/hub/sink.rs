//! Where downloaded bytes go: a thread writes them into a file and takes their digest while the next ones are on their way.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    digest::{Digest, Hasher},
    trouble::Trouble,
};

/// Chunks that may wait for the disk; each is at most some hundred KiB.
const WAITING_MAX: usize = 8;

pub(super) struct Sink {
    path: PathBuf,
    to: mpsc::Sender<Bytes>,
    thread: JoinHandle<io::Result<String>>,
    /// Bytes that are written or wait to be.
    pub(super) len: u64,
}

impl Sink {
    /// Goes on with what is there already, unless it is to begin anew or what is there is longer than it can be.
    pub(super) async fn open(
        path: &Path,
        wanted: Option<&Digest>,
        size: Option<u64>,
        anew: bool,
    ) -> Result<Self, Trouble> {
        let (at, wanted) = (path.to_owned(), wanted.cloned());
        let (to, mut from) = mpsc::channel::<Bytes>(WAITING_MAX);
        let opened = blocking(move || {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(anew).open(&at)?;
            // Another one that was given up a moment ago may still have some bytes to write.
            file.lock()?;
            if anew || size.is_some_and(|size| file.metadata().is_ok_and(|it| it.len() > size)) {
                file.set_len(0)?;
            }
            let mut hasher = Hasher::towards(wanted.as_ref());
            let len = take_in(&mut file, &mut hasher)?;
            Ok((file, hasher, len))
        })
        .await;
        let (mut file, mut hasher, len) = opened.map_err(|error| Trouble::disk("write", path, &error))?;
        let thread = tokio::task::spawn_blocking(move || {
            while let Some(bytes) = from.blocking_recv() {
                file.write_all(&bytes)?;
                hasher.update(&bytes);
            }
            Ok(hasher.end())
        });
        Ok(Self { path: path.to_owned(), to, thread, len })
    }

    /// Nothing when the disk has failed: [`Sink::end`] says how.
    pub(super) async fn put(&mut self, bytes: Bytes) -> Option<()> {
        let len = bytes.len() as u64;
        self.to.send(bytes).await.ok()?;
        self.len += len;
        Some(())
    }

    /// Waits until all is written, and gives the digits of all that the file holds.
    pub(super) async fn end(self) -> Result<String, Trouble> {
        drop(self.to);
        let ended = self.thread.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        ended.map_err(|error| Trouble::disk("write", &self.path, &error))
    }
}

fn take_in(file: &mut File, hasher: &mut Hasher) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let (mut buffer, mut len) = (vec![0; 1 << 18], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(len),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                len += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Work on files, beside the loop that answers.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
