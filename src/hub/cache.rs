//! What a host has fetched or made, kept for all who need it, across tasks and processes.
//!
//! Each entry has a name made of its key, and a lock file of that name: whoever makes or throws away the entry has it for
//! himself, whoever uses it shares it. Locks end with their process, so that nothing stays locked after a crash. Entries
//! appear whole, by a rename; what is half-made stays to be gone on with, and is swept when nobody does so for a day.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    digest::Hasher,
    sink::blocking,
    snapshot::weight,
    trouble::{Trouble, Why},
};

/// How long one waits between looks at a lock that another has.
const LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];
/// How long what is half-made may lie untouched.
const HALF_MADE_KEPT: Duration = Duration::from_hours(24);

/// A folder of a host that is shared by all who fetch and make.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
    budget: Option<u64>,
}

/// Something in the cache that stays there for as long as this is held.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    is_fresh: bool,
    /// Its lock goes when it is closed.
    _lock: File,
}

impl Held {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was made just now, by whoever got this.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }
}

/// What is written down of an entry.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    key: String,
    bytes: u64,
    /// Nanoseconds by the wall clock, by which it is told from one that was made before.
    made: u64,
    /// Which start of this machine it was made in. What it made may not all be on the disk if it did not end well.
    boot: String,
}

impl Cache {
    /// The budget is of bytes. What is in use is kept even beyond it. Nothing is made or swept before it is [`Self::ready`].
    pub fn at(root: &Path, budget: Option<u64>) -> Self {
        Self { root: root.to_owned(), budget }
    }

    pub async fn open(root: &Path, budget: Option<u64>) -> Result<Self, Trouble> {
        let cache = Self::at(root, budget);
        cache.ready().await?;
        Ok(cache)
    }

    /// Makes its folders be there, and sweeps what nobody goes on with.
    pub async fn ready(&self) -> Result<(), Trouble> {
        let it = self.clone();
        let readied = blocking(move || {
            for folder in ["entries", "locks", "making"] {
                fs::create_dir_all(it.root.join(folder))?;
            }
            it.sweep(HALF_MADE_KEPT)
        });
        readied.await.map_err(|error| Trouble::disk("write", &self.root, &error))
    }

    /// What belongs to a key, made by `make` if it is not there: at the path that it is given, a file or a folder. Two who need
    /// the same make it once; where the first fails, the next one tries, going on with what is left at that path.
    pub async fn get<F>(&self, key: &str, make: impl Fn(PathBuf) -> F) -> Result<Held, Trouble>
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        let name = name(key);
        let failed = |error: io::Error| Trouble::disk("use", &self.root, &error);
        let mut wait = LOOKS[0];
        let mut is_fresh = false;
        loop {
            if let Some(lock) = self.lock(&name, false).map_err(failed)? {
                if self.is_whole(&name) {
                    return Ok(self.held(&name, lock, is_fresh));
                }
                drop(lock);
                if let Some(lock) = self.lock(&name, true).map_err(failed)? {
                    if !self.is_whole(&name) {
                        self.make(key, &name, &make).await?;
                        is_fresh = true;
                    }
                    // The lock is let go, and shared in the next round with whoever has waited for it.
                    drop(lock);
                    continue;
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LOOKS[1]);
        }
    }

    /// What belongs to a key, if it is there and nobody makes it just now.
    pub fn hold(&self, key: &str) -> Result<Option<Held>, Trouble> {
        let name = name(key);
        if !self.is_whole(&name) {
            return Ok(None);
        }
        let lock = self.lock(&name, false).map_err(|error| Trouble::disk("use", &self.root, &error))?;
        Ok(lock.filter(|_| self.is_whole(&name)).map(|lock| self.held(&name, lock, false)))
    }

    fn held(&self, name: &str, lock: File, is_fresh: bool) -> Held {
        let _ = lock.set_modified(SystemTime::now());
        Held { path: self.content(name), is_fresh, _lock: lock }
    }

    async fn make<F>(&self, key: &str, name: &str, make: &impl Fn(PathBuf) -> F) -> Result<(), Trouble>
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        let folder = self.root.join("making").join(name);
        let failed = |error: io::Error| Trouble::disk("use", &self.root, &error);
        let content = folder.join("content");
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut made = make(content.clone()).await;
        if made.as_ref().is_err_and(|trouble| trouble.why == Why::DiskFull) {
            let it = self.clone();
            let freed = blocking(move || it.evict(Some(0))).await.map_err(failed)?;
            if freed > 0 {
                made = make(content.clone()).await;
            }
        }
        made?;
        let (it, name, key) = (self.clone(), name.to_owned(), key.to_owned());
        let kept = blocking(move || {
            let made =
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
            let entry = Entry { key, bytes: weight(&content)?, made, boot: boot() };
            let target = it.root.join("entries").join(&name);
            fs::write(folder.join("entry.json"), serde_json::to_vec(&entry)?)?;
            if target.exists() {
                fs::remove_dir_all(&target)?;
            }
            fs::rename(&folder, &target)?;
            it.evict(it.budget).map(drop)?;
            // What has reached the disk outlives the machine. Nobody waits for it, the end of this process neither.
            drop(std::thread::spawn(move || it.keep(&name, made)));
            Ok(())
        });
        kept.await.map_err(failed)
    }

    fn content(&self, name: &str) -> PathBuf {
        self.root.join("entries").join(name).join("content")
    }

    /// The lock of an entry, for oneself or shared; nothing while another has it.
    fn lock(&self, name: &str, alone: bool) -> io::Result<Option<File>> {
        let file = self.lock_file(name)?;
        match if alone { file.try_lock() } else { file.try_lock_shared() } {
            Ok(()) => Ok(self.is_current(name, &file).then_some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(false).open(self.root.join("locks").join(name))
    }

    /// Whoever threw an entry away has removed its lock too: another file of that name may be there by now.
    fn is_current(&self, name: &str, lock: &File) -> bool {
        let now = fs::metadata(self.root.join("locks").join(name));
        now.is_ok_and(|now| lock.metadata().is_ok_and(|mine| mine.ino() == now.ino()))
    }

    /// Whether an entry is there. One that may have been spoilt by a crash of the machine is not, and is made anew.
    fn is_whole(&self, name: &str) -> bool {
        let folder = self.root.join("entries").join(name);
        read(&folder).is_some_and(|entry| entry.boot == boot() || folder.join("kept").exists())
    }

    /// Throws away what was used longest ago, until all is within the budget; gives the bytes that are free for it.
    fn evict(&self, budget: Option<u64>) -> io::Result<u64> {
        let Some(budget) = budget else { return Ok(0) };
        let mut found = Vec::new();
        for folder in ["making", "entries"] {
            for entry in fs::read_dir(self.root.join(folder))?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let bytes = read(&entry.path()).map_or_else(|| weight(&entry.path()), |entry| Ok(entry.bytes));
                let used = fs::metadata(self.root.join("locks").join(&name)).and_then(|lock| lock.modified());
                // What is half-made is the first to go.
                let order = (folder == "entries", used.unwrap_or(SystemTime::UNIX_EPOCH));
                found.push((order, name, entry.path(), bytes.unwrap_or(0)));
            }
        }
        found.sort();
        let mut all: u64 = found.iter().map(|(.., bytes)| bytes).sum();
        let mut freed = 0;
        for (_, name, path, bytes) in found {
            if all <= budget {
                break;
            }
            if self.discard(&name, &path)? {
                all -= bytes;
                freed += bytes;
            }
        }
        Ok(freed)
    }

    /// Throws away one entry, unless somebody uses or makes it.
    fn discard(&self, name: &str, path: &Path) -> io::Result<bool> {
        let Some(_lock) = self.lock(name, true)? else { return Ok(false) };
        // Nobody may find half of it.
        let _ = fs::remove_file(path.join("entry.json"));
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let _ = fs::remove_file(self.root.join("locks").join(name));
        Ok(true)
    }

    /// Waits until an entry is on the disk, and notes it, if it is still the same then.
    fn keep(&self, name: &str, made: u64) -> io::Result<()> {
        let folder = self.root.join("entries").join(name);
        sync(&folder)?;
        // Whoever has made it may not have let it go yet.
        let lock = self.lock_file(name)?;
        lock.lock_shared()?;
        if self.is_current(name, &lock) && read(&folder).is_some_and(|entry| entry.made == made) {
            let next = folder.join("kept.next");
            File::create(&next)?.sync_all()?;
            fs::rename(next, folder.join("kept"))?;
        }
        Ok(())
    }

    /// Throws away what was half-made and left, and what a crash has left of what was thrown away.
    fn sweep(&self, kept: Duration) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join("making"))?.flatten() {
            let touched = newest(&entry.path())?;
            if touched.elapsed().is_ok_and(|age| age >= kept) {
                self.discard(&entry.file_name().to_string_lossy(), &entry.path())?;
            }
        }
        for entry in fs::read_dir(self.root.join("entries"))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !self.is_whole(&name) {
                self.discard(&name, &entry.path())?;
            }
        }
        Ok(())
    }
}

fn read(folder: &Path) -> Option<Entry> {
    serde_json::from_slice(&fs::read(folder.join("entry.json")).ok()?).ok()
}

/// When anything in it was last written.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let found = fs::symlink_metadata(path)?;
    let mut newest = found.modified()?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(self::newest(&entry?.path())?);
        }
    }
    Ok(newest)
}

/// Which start of this machine it is.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn sync(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| sync(&entry?.path()))?;
    }
    if found.is_dir() || found.is_file() { File::open(path)?.sync_all() } else { Ok(()) }
}

/// A key as the name of a file that people can read.
fn name(key: &str) -> String {
    let mut hash = Hasher::towards(None);
    hash.update(key.as_bytes());
    let readable: String =
        key.chars().map(|c| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' }).take(60).collect();
    format!("{}-{}", readable.trim_start_matches('.'), &hash.end()[..16])
}
